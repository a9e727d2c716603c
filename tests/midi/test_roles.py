"""What parts play: by their notes, and whether they are drums by name and program too."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import mido
import numpy as np
import polars as pl
import pytest

from etl.midi.analysis import analyze
from etl.midi.categories import categorize
from etl.midi.reader import read_files
from etl.midi.roles import ROLES
from etl.midi.tags import find_tags
from etl.music.instrument_words import Said, what_is_said
from tests.support.midi_oracle import midi_bytes
from tests.support.midi_songs import midi_files
from tests.support.reference import needs_reference

OOMPAH = [36, 43, 36, 43, 38, 45, 38, 45] * 8
KIT = [36, 42, 38, 42, 36, 36, 38, 46] * 8


def part(pitches, *, name: str = "", program: int | None = None, channel: int = 0, length: int = 240):
    """Messages of one line of notes of a name and a program."""
    track = [mido.MetaMessage("track_name", name=name)] if name else []
    if program is not None:
        track.append(mido.Message("program_change", program=program, channel=channel))
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=90, channel=channel))
        track.append(mido.Message("note_off", note=pitch, time=length, channel=channel))
    return track


def first_part(*tracks):
    """Give the row of the first part of a file."""
    return analyze(read_files([midi_bytes([*tracks])])).parts.row(0, named=True)


def category(blob: bytes, stem: str):
    """Give category and reason of a file of a name."""
    found = analyze(read_files([blob]))
    names = pl.DataFrame({"file": pl.Series([0], dtype=pl.Int32), "stem": [stem], "folder": [""]})
    return categorize(found.files, find_tags(names, found.files, found.parts)).row(0, named=True)


@pytest.mark.parametrize("program", [24, 32, 33, 38, 47, 81])
def test_a_part_with_a_pitched_program_is_no_drums(program):
    """However much its notes are a kit's: it keeps its key and its instrument."""
    for pitches in (OOMPAH, KIT, [36] * 64):
        row = first_part(part(pitches, program=program))
        assert row["drum_score"] < 0.5
        assert row["role"] != "drums"


@pytest.mark.parametrize("name", ["Bass", "E-Bass 2", "Baixo 01", "LeadGuitar", "Steel Drums"])
def test_a_name_of_pitches_stands_against_notes(name):
    """A line that hits kick and snare is a bass if it is called one."""
    assert first_part(part(KIT, name=name))["drum_score"] < 0.5


@pytest.mark.parametrize("name", ["Drums", "DrumKit 2", "Percussion", "Congas", "Schlagzeug", "Ударные"])
def test_a_kit_off_channel_10_is_found_by_its_name(name):
    """Beside a kit on channel 10, on the piano's program, and on a drum program."""
    kit = part(KIT, channel=9)
    raw = name.encode().decode("latin-1")
    assert first_part(part(KIT, name=raw, channel=2), kit)["drum_score"] > 0.9
    assert first_part(part(KIT, name=raw, channel=2, program=118), kit)["drum_score"] > 0.9


def test_a_name_of_drums_makes_none_of_a_melody():
    """A song called Drums with a program of strings is no kit."""
    tune = [60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60, 67] * 4
    assert first_part(part(tune, name="Drums", program=48))["drum_score"] < 0.5


def test_words_of_names():
    """Whole words of several languages count, and of pieces of a kit the whole."""
    said = {
        Said.DRUMS: ["Drums", "bass drum", "DrumL", "Hi Hat", "Perc 2", "Bateria", "Melodic Tom", "drumloop"],
        Said.PITCHED: ["Bass", "steel drums", "Drum & Bass", "Acoustic Bass", "Lead 2", "Violoncello Viola"],
        Said.NOTHING: ["", "Track 1", "Tomorrow", "Chapter", "Ride On", "Percussive Organ", "Kick It Bass"],
    }  # fmt: skip
    for expected, names in said.items():
        assert [what_is_said(name) for name in names] == [expected] * len(names)


@pytest.mark.parametrize("title", ["Ride On", "Kick It", "All About That Bass", "Melody of Love"])
def test_a_title_says_nothing_of_a_file_of_several_parts(title):
    """A song is what its notes are; a file of one part is what it is called."""
    several = [part([72, 74, 76, 77] * 16, channel=1, program=73), part(OOMPAH, channel=2, program=33)]
    reason = category(midi_bytes(several), title)["category_reason"]
    assert not reason.startswith("tag")


def test_one_part_is_what_it_is_called():
    """A name counts for a file of one part."""
    assert category(midi_bytes([part([60, 62, 64, 65] * 8)]), "Bass loop")["category"] == "Bass"


@pytest.mark.parametrize(
    ("pitches", "expected"),
    [
        (OOMPAH, "Bass"),
        ([28, 28, 40, 28, 31, 31, 43, 31] * 8, "Bass"),
        ([55, 43, 43, 45, 47, 48, 43, 43] * 8, "Bass"),
        ([64, 67, 69, 72, 71, 69, 67, 64] * 8, "Melody"),
        (KIT, "Drums"),
    ],
)
def test_single_lines_without_a_name(pitches, expected):
    """A bass may go above G3, a kit may be on channel 1."""
    assert category(midi_bytes([part(pitches)]), "loop 7")["category"].startswith(expected[:4])


@needs_reference("midi/pop909")
def test_roles_of_the_parts_of_songs():
    """Of 114 songs 90 % of the melodies and 95 % of the pianos are what they are."""
    blobs = [blob for path, blob in midi_files("pop909").items() if path.endswith(".mid")]
    parts = analyze(read_files(blobs)).parts
    for name, role, least in (("MELODY", "melody", 0.9), ("PIANO", "chords", 0.95)):
        roles = parts.filter(pl.col("name") == name)["role"].to_list()
        assert len(roles) > 100
        assert np.mean([found == role for found in roles]) >= least


def test_every_part_has_a_role():
    """One of four, with how sure it is; drums where the score says drums."""
    parts = analyze(read_files([midi_bytes([part(OOMPAH), part(KIT, channel=9), part([60])])])).parts
    assert set(parts["role"]) <= set(ROLES)
    assert parts.filter(pl.col("channel") == 9)["role"].to_list() == ["drums"]
    assert parts["role_confidence"].is_between(0.25, 1).all()


def prefixed(channel: int, name: str) -> bytes:
    """Write a channel prefix and a track name."""
    return bytes([0, 0xFF, 0x20, 1, channel, 0, 0xFF, 3, len(name)]) + name.encode()


def test_channels_of_one_track_have_names_of_their_own():
    """A channel prefix says whose name follows; without one, the program that follows does."""
    lines = b"".join(bytes([0, 0x90 + c, 60, 90, 96, 0x80 + c, 60, 0]) for c in (0, 1, 2))
    title = b"\0\xff\x03\x04Song"
    names = {0: "Piano", 1: "Slap Bass"}
    by_prefix = title + b"".join(prefixed(*name) for name in names.items())
    by_program = title + b"".join(
        b"\0\xff\x03" + bytes([len(name)]) + name.encode() + bytes([0, 0xC0 + channel, 5])
        for channel, name in names.items()
    )
    for head in (by_prefix, by_program):
        track = head + lines + b"\0\xff\x2f\0"
        blob = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(track).to_bytes(4, "big") + track
        parts = analyze(read_files([blob])).parts
        assert parts["name"].to_list() == ["Piano", "Slap Bass", "Song"]


def test_a_second_name_of_a_track_without_a_program_is_nobodys():
    """The first name of a track is its name."""
    track = [
        mido.MetaMessage("track_name", name="First"), mido.MetaMessage("track_name", name="Second"),
        *part([60, 62, 64, 65]),
    ]  # fmt: skip
    assert first_part(track)["name"] == "First"
