"""Near copies: transposed, slower, with a part less, edited; and what only seems alike."""
# mypy: disable-error-code="no-untyped-call,type-arg"

from __future__ import annotations

import random

import mido
import numpy as np
import pytest

from etl.midi.near_copies import near_copies
from etl.midi.reader import read_files
from etl.midi.shingles import EMPTY, HASHES, signatures
from tests.support.midi_oracle import midi_bytes

Part = list[tuple[int, int, int]]
"""Start and length in quarter notes times four, pitch."""


def parts_of(seed: int) -> list[Part]:
    """Make up a bass, chords and a melody."""
    draw = random.Random(seed)
    bass = [(4 * i, 4, draw.choice([36, 38, 40, 41, 43])) for i in range(64)]
    chords = [(8 * i, 8, draw.choice([48, 53, 55]) + third) for i in range(32) for third in (0, 4, 7)]
    at, melody = 0, []
    while at < 256:
        length = draw.choice([1, 2, 2, 4])
        melody.append((at, length, draw.randint(60, 79)))
        at += length
    return [bass, chords, melody]


def song(parts: list[Part], *, up: int = 0, division: int = 480, joined: bool = False) -> bytes:
    """Write parts as tracks on channels of their own, or as one track."""
    tracks: list[list[tuple[int, mido.Message]]] = []
    for channel, part in enumerate(parts):
        events = []
        for at, length, pitch in part:
            words = {"channel": channel, "note": pitch + up}
            events.append((at * division // 4, mido.Message("note_on", velocity=80, **words)))
            events.append(((at + length) * division // 4 - 1, mido.Message("note_off", **words)))
        tracks.append(events)
    if joined:
        tracks = [[event for track in tracks for event in track]]
    written = []
    for events in tracks:
        events.sort(key=lambda event: (event[0], event[1].type == "note_on"))
        ticks = [0, *(tick for tick, _ in events)]
        written.append([message.copy(time=tick - before)
                        for (tick, message), before in zip(events, ticks, strict=False)])  # fmt: skip
    return midi_bytes(written, division=division, kind=0 if joined else 1)


def alike(*blobs: bytes) -> list[float]:
    """Give how much the first is like each of the others."""
    signed = signatures(read_files(list(blobs)))
    return [float((signed[0] == other).mean()) for other in signed[1:]]


def test_the_same_music_has_the_same_signature() -> None:
    """Transposed, at another resolution, as one track: no place of it differs."""
    parts = parts_of(1)
    copies = [song(parts, up=-5), song(parts, division=96), song(parts, joined=True), song(parts[::-1])]
    assert alike(song(parts), *copies) == [1.0] * 4


def test_edits_count_by_how_much_they_change() -> None:
    """A few other notes leave most, a part less leaves what the others have, another song nothing."""
    parts = parts_of(2)
    draw = random.Random(3)
    edited = [[(at, length, pitch + (draw.random() < 0.04)) for at, length, pitch in part] for part in parts]
    few, less, other = alike(song(parts), song(edited), song(parts[:2]), song(parts_of(4)))
    assert 0.6 < few < 0.98
    assert 0.3 < less < 0.8
    assert other < 0.1


def test_the_estimate_is_the_share_in_common() -> None:
    """Halves of two files are the same, so a third of all their shingles: within four deviations."""
    shared, mine, yours = (parts_of(seed)[2] for seed in (5, 6, 7))
    (found,) = alike(song([shared, mine]), song([shared, yours]))
    assert found == pytest.approx(1 / 3, abs=4 * (2 / 9 / HASHES) ** 0.5)


def test_groups_are_kept_by_their_fullest() -> None:
    """Three versions are a group, two others as well; short files and drums without a change are none."""
    one, other, short = parts_of(8), parts_of(9), [[(0, 1, 60), (1, 1, 62)]]
    extra = [(240, 4, 36), (244, 4, 38)]
    blobs = [song(one), song([one[0] + extra, *one[1:]], up=2), song(one, division=96), song(other),
             song(other, joined=True), song(short), song(short, up=3), song(parts_of(10))]  # fmt: skip
    batch = read_files(blobs)
    notes = np.diff(batch.note_offsets)
    found = near_copies(signatures(batch), notes)
    groups = {int(full): sorted(found.rows[found.fullest == full].tolist()) for full in set(found.fullest)}
    assert groups == {1: [0, 1, 2], 3: [3, 4]}
    assert found.similarity[found.rows == 1] == [1.0]
    assert all(found.similarity >= 0.6)
    same = np.array([-1, -1, -1, -1, -1, 7, 7, -1])
    assert sorted(near_copies(signatures(batch), notes, same).rows.tolist()) == [0, 1, 2, 3, 4, 5, 6]


def test_silence_is_like_nothing() -> None:
    """Files without notes, and a library of none, have no near copies."""
    batch = read_files([midi_bytes([[]]), midi_bytes([[]])])
    signed = signatures(batch)
    assert (signed == EMPTY).all()
    assert not len(near_copies(signed, np.zeros(2, np.int64)).rows)
    assert not len(near_copies(signed[:0], np.zeros(0, np.int64)).rows)
