"""Pieces in another key, at another tempo, without silence: every note where it belongs."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg"

from __future__ import annotations

import io
import json
import zipfile

import mido
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from etl.midi.arrays import NOTE
from etl.midi.mpc import transposed
from etl.midi.pattern import mpc_pattern
from etl.midi.reader import read_files
from etl.midi.rework import Rework, key_after, rework, semitones_between, written
from etl.music.keys import KEY_NAMES
from tests.support.midi_oracle import midi_bytes, mido_file, mido_notes
from tests.support.places import DATA


def changed(blob: bytes, wanted: Rework, semitones: int = 0) -> bytes:
    """Change one file."""
    return written(rework(read_files([blob], keep_all=True), 0, wanted, semitones=semitones))


@pytest.fixture(scope="module")
def blobs() -> list[bytes]:
    """Read songs, performances and odd files that have notes."""
    found = []
    for name in ("pop909.zip", "groove.zip", "conformance.zip"):
        with zipfile.ZipFile(DATA / "midi" / name) as archive:
            found += [archive.read(member) for member in archive.namelist() if member.endswith(".mid")]
    batch = read_files(found)
    return [blob for file, blob in enumerate(found) if len(batch.notes_of(file))]


def test_what_is_written_again_has_the_same_notes(blobs: list[bytes]):
    """Nothing changed: each file of any kind keeps its notes, their programs and their seconds."""
    batch = read_files(blobs, keep_all=True)
    again = read_files([written(rework(batch, file, Rework(), semitones=0)) for file in range(len(blobs))])
    fields = ["channel", "program", "pitch", "velocity", "start_tick", "end_tick"]
    for file in range(len(blobs)):
        before, after = (np.sort(which.notes_of(file)[fields]) for which in (batch, again))
        assert (before == after).all(), file
        was, now = (np.sort(which.notes_of(file)["start_s"]) for which in (batch, again))
        np.testing.assert_allclose(now, was, atol=1e-9)


@given(st.integers(-5, 6), st.lists(st.integers(0, 127), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_every_pitch_moves_by_as_much_or_by_an_octave_less(semitones, pitches):
    """Pitch classes are transposed exactly, pitches stay within the range; drums stay."""
    kit = [
        mido.Message("note_on", channel=9, note=40, velocity=9),
        mido.Message("note_off", channel=9, note=40, time=9),
    ]
    notes = [
        mido.Message(kind, note=pitch, velocity=9, time=9)
        for pitch in pitches
        for kind in ("note_on", "note_off")
    ]
    found = mido_notes(mido_file(changed(midi_bytes([kit, notes]), Rework("C Major"), semitones)))
    moved = [row[2] for row in sorted(found, key=lambda row: row[4]) if row[1] == 0]
    assert [row[2] for row in found if row[1] == 9] == [40]
    assert [pitch % 12 for pitch in moved] == [(pitch + semitones) % 12 for pitch in pitches]
    assert all(abs(new - old) <= 12 for new, old in zip(moved, pitches, strict=True))


@pytest.mark.parametrize("key", KEY_NAMES)
@pytest.mark.parametrize("wanted", ["A Minor", "Db Major"])
def test_a_key_goes_to_the_one_that_is_wanted_or_its_relative(key, wanted):
    """At most six semitones; the mode stays."""
    after = key_after(key, wanted)
    assert after is not None
    assert abs(semitones_between(key, wanted)) <= 6
    assert after.split()[1] == key.split()[1]
    assert semitones_between(after, wanted) == 0
    assert key_after(None, wanted) is None


def test_one_tempo_takes_the_place_of_all():
    """Tempo metas go; a file without one gets it."""
    slow, fast = (mido.MetaMessage("set_tempo", tempo=tempo, time=480) for tempo in (900_000, 300_000))
    note = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=960)]
    for track in ([slow, *note, fast, *note], note):
        tempos = [
            message.tempo for message in mido_file(changed(midi_bytes([track]), Rework(bpm=125.0))).tracks[0]
            if message.type == "set_tempo"
        ]  # fmt: skip
        assert tempos == [480_000]


def test_each_sequence_gets_the_tempo():
    """In a file of type 2 the tempo holds for every track."""
    note = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=480)]
    blob = bytearray(midi_bytes([note, note]))
    blob[9] = 2
    batch = read_files([changed(bytes(blob), Rework(bpm=60.0))])
    assert batch.files["format"].tolist() == [2]
    assert batch.notes["end_s"].tolist() == [1.0, 1.0]


def test_frames_become_beats_where_a_tempo_is_wanted():
    """In SMPTE time half a second is a quarter note, and lasts as long as the tempo says."""
    note = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=500)]
    blob = bytearray(midi_bytes([note]))
    blob[12:14] = 256 - 25, 40  # a thousand ticks a second
    for bpm, seconds in ((None, 0.5), (120.0, 0.5), (60.0, 1.0)):
        assert read_files([changed(bytes(blob), Rework(bpm=bpm))]).notes["end_s"].tolist() == [seconds]


@pytest.mark.parametrize(
    ("metre", "late", "left"), [((4, 4), 4000, 160), ((3, 4), 4000, 1120), ((6, 8), 1440, 0)]
)
def test_whole_bars_of_silence_go(metre, late, left):
    """The first note keeps its place in the bar; events before it move to the beginning."""
    head = mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])
    track = [
        head,
        mido.Message("control_change", control=7, value=99, time=10),
        mido.Message("note_on", note=60, velocity=9, time=late - 10),
        mido.Message("note_off", note=60, time=480),
    ]
    file = mido_file(changed(midi_bytes([track]), Rework(trim=True)))
    assert [(row[4], row[5]) for row in mido_notes(file)] == [(left, left + 480)]
    (control,) = [message for message in file.tracks[0] if message.type == "control_change"]
    assert control.time == 0


def test_a_pattern_of_nothing_and_of_short_notes_is_one():
    """No notes, notes of no length and odd resolutions give a pattern that can be read."""
    assert len(json.load(io.BytesIO(mpc_pattern(np.zeros(0, NOTE), 480)))["pattern"]["events"]) == 3
    notes = np.zeros(2, NOTE)
    notes["start_tick"] = notes["end_tick"] = [0, 7]
    notes["velocity"] = 127
    events = json.loads(mpc_pattern(notes, 7))["pattern"]["events"][3:]
    assert [(event["time"], event["len"], event["2"]) for event in events] == [(0, 1, 1.0), (960, 1, 1.0)]


def test_symbols_are_transposed_with_their_bass():
    """Roots and basses move; what is sus stays sus."""
    assert [transposed(symbol, 3) for symbol in ("Amin/C", "Bbsus2", "Fs7/As", "Dsus4")] == [
        "Cmin/Ds", "Cssus2", "A7/Cs", "Fsus4",
    ]  # fmt: skip
