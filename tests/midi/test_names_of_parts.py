"""What parts are called: by their track, or by their channel where a track has several; byte by byte."""

from __future__ import annotations

import pytest

from etl.midi.analysis import survey
from etl.midi.reader import read_files

TITLE, INSTRUMENT = 3, 4


def meta(kind: int, content: bytes, delta: int = 0) -> bytes:
    """Write a meta event."""
    return bytes([delta, 0xFF, kind, len(content)]) + content


def name(text: str, delta: int = 0, kind: int = TITLE) -> bytes:
    """Write the name of a track, or of an instrument."""
    return meta(kind, text.encode(), delta)


def prefix(channel: int, delta: int = 0) -> bytes:
    """Say which channel the next metas are about."""
    return meta(0x20, bytes([channel]), delta)


def program(channel: int, delta: int = 0) -> bytes:
    """Choose an instrument."""
    return bytes([delta, 0xC0 | channel, 5])


def notes(*channels: int) -> bytes:
    """Play a note on each channel."""
    return b"".join(bytes([0, 0x90 | each, 60, 64, 96, 0x80 | each, 60, 0]) for each in channels)


def named(*tracks: bytes) -> dict[tuple[int, int], str | None]:
    """Name the parts of one file, by track and channel."""
    bodies = [track + b"\0\xff\x2f\0" for track in tracks]
    head = b"MThd\0\0\0\6\0\1" + len(tracks).to_bytes(2, "big") + b"\1\xe0"
    blob = head + b"".join(b"MTrk" + len(body).to_bytes(4, "big") + body for body in bodies)
    parts = survey(read_files([blob])).parts
    return {
        (track, channel): text for track, channel, text in parts.select("track", "channel", "name").rows()
    }


@pytest.mark.parametrize(
    ("track", "names"),
    [
        (name("Song"), ["Song", "Song"]),
        (name("Song") + name("Other", 1), ["Song", "Song"]),
        (b"", [None, None]),
        (name(""), [None, None]),
        (name("") + name("Song"), ["Song", "Song"]),
        (name("Piano", kind=INSTRUMENT), [None, None]),
        (name("Song") + prefix(0) + name("Left"), ["Left", "Song"]),
        (prefix(0) + name("Left") + prefix(1) + name("Right"), ["Left", "Right"]),
        (prefix(1) + name("Right"), ["Right", "Right"]),
        (prefix(1) + name("Piano", kind=INSTRUMENT), [None, "Piano"]),
        (name("Song") + prefix(1) + name("Piano", kind=INSTRUMENT) + name("Right"), ["Song", "Right"]),
        (name("Song") + prefix(1) + name("Right") + name("Piano", kind=INSTRUMENT), ["Song", "Right"]),
        (
            name("Song") + prefix(1) + name("Piano", kind=INSTRUMENT) + name("Organ", kind=INSTRUMENT),
            ["Song", "Piano"],
        ),
        (name("Song") + prefix(1) + name("First") + name("Second"), ["Song", "Second"]),
        (name("Song") + prefix(1) + name("Late", 1), ["Song", "Song"]),
        (name("Song") + name("Left") + program(0) + name("Right") + program(1), ["Left", "Right"]),
        (name("Song") + name("Left") + program(0) + program(1), ["Left", "Song"]),
        (name("Song") + name("Left") + program(0, 1), ["Song", "Song"]),
        (name("Song") + program(0) + name("Right") + program(1), ["Song", "Right"]),
        (name("Song") + name("Left") + program(0) + name("Again") + program(0), ["Left", "Song"]),
        (name("Song") + name("Left") + name("Really") + program(0), ["Really", "Song"]),
    ],
)
def test_a_part_has_the_name_of_its_channel_else_the_first_of_its_track(track, names):
    """A channel is named behind a prefix, at the same time, or by a second name with a program at once."""
    assert list(named(track + notes(0, 1)).values()) == names


def test_each_track_names_its_own_parts():
    """What was said of a channel is over with its track."""
    song, left = name("Song") + prefix(0) + name("Left"), name("Two") + name("Three", 1)
    assert named(song + notes(0, 1), left + notes(0), name("Four") + notes(1)) == {
        (0, 0): "Left",
        (0, 1): "Song",
        (1, 0): "Two",
        (2, 1): "Four",
    }
