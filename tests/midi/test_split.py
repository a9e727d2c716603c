"""Splitting: the parts are the whole, tick for tick."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import zipfile

import mido
import pytest
from hypothesis import given, settings, strategies as st

from etl.midi.analysis import analyze
from etl.midi.arrays import Repair
from etl.midi.reader import read_files
from etl.midi.split import TooMuchError, part_suffix, split_file
from tests.support.midi_oracle import midi_bytes, mido_file, mido_part
from tests.support.places import DATA

KINDS = ["on", "on", "off", "tempo", "cc", "metre", "program", "key", "touch"]
FIELDS = ["channel", "pitch", "velocity", "start_tick", "end_tick"]


def split(blob: bytes):
    """Split one file into all of its parts."""
    batch = read_files([blob], keep_all=True)
    parts = analyze(batch).parts.select("track", "channel", "program", "drum_score").rows()
    return batch, split_file(batch, 0, parts)


def check(blob: bytes) -> None:
    """Hold the parts to mido's bytes, and to the notes, seconds and programs of the whole."""
    batch, parts = split(blob)
    for part in parts:
        assert bytes(part.blob) == mido_part(batch, 0, part.track, part.channel)
    again = read_files([part.blob for part in parts])
    implausible = Repair.IMPLAUSIBLE_TEMPO | Repair.IMPLAUSIBLE_LENGTH
    assert (again.files["warnings"] & ~int(implausible) == 0).all()
    assert sorted(again.notes[FIELDS].tolist()) == sorted(batch.notes[FIELDS].tolist())
    for index, part in enumerate(parts):
        mine = batch.notes[(batch.notes["track"] == part.track) & (batch.notes["channel"] == part.channel)]
        for field in ("program", "start_s", "end_s"):
            assert sorted(again.notes_of(index)[field].tolist()) == sorted(mine[field].tolist())


@st.composite
def tracks(draw):
    """Tracks of clashing notes, zero-length ones included, with tempos and controllers strewn in."""
    out = []
    for _ in range(draw(st.integers(1, 3))):
        messages = []
        for _ in range(draw(st.integers(0, 25))):
            kind = draw(st.sampled_from(KINDS))
            time = draw(st.sampled_from([0, 0, 1, 7, 480, 300_000]))
            channel = draw(st.integers(0, 2))
            note = draw(st.integers(60, 62))
            if kind == "tempo":
                messages.append(mido.MetaMessage("set_tempo", tempo=draw(st.integers(1, 999_999)), time=time))
            elif kind == "metre":
                messages.append(mido.MetaMessage("time_signature", numerator=3, denominator=8, time=time))
            elif kind == "key":
                messages.append(mido.MetaMessage("key_signature", key="Cb", time=time))
            elif kind == "program":
                messages.append(mido.Message("program_change", channel=channel, program=note, time=time))
            elif kind == "touch":
                messages.append(mido.Message("polytouch", channel=channel, note=note, value=9, time=time))
            elif kind == "cc":
                messages.append(
                    mido.Message("control_change", channel=channel, control=7, value=note, time=time)
                )
            else:
                velocity = draw(st.integers(1, 127))
                messages.append(
                    mido.Message(f"note_{kind}", channel=channel, note=note, velocity=velocity, time=time)
                )
        out.append(messages)
    return out


@given(tracks(), st.integers(1, 32_767), st.sampled_from([1, 2]))
@settings(max_examples=60, deadline=None)
def test_notes_of_the_parts_are_the_notes_of_the_whole(messages, division, kind):
    """Whatever the file, its parts hold its notes at their ticks and seconds: no more, no fewer."""
    check(midi_bytes(messages, division=division, kind=kind))


@pytest.mark.parametrize("frames", [24, 25, 29, 30])
@pytest.mark.parametrize("ticks", [1, 3, 40, 80, 255])
def test_parts_of_files_in_smpte_time_keep_their_seconds(frames, ticks):
    """Ticks that do not go into half a second are written as frames again, not rounded."""
    track = [mido.Message("note_on", note=60, velocity=9, time=7), mido.Message("note_off", note=60, time=5)]
    check(midi_bytes([track * 50, track], division=ticks - 256 * frames))


def test_names_keep_their_bytes():
    """A name that is not Latin is in every part as it was."""
    name = mido.MetaMessage("track_name", name="ドラム".encode("shift_jis").decode("latin-1"))
    _, parts = split(midi_bytes([[name, mido.Message("note_on", note=60, velocity=9)]]))
    assert "ドラム".encode("shift_jis") in bytes(parts[0].blob)


def test_songs_split_exactly():
    """Real songs with tempo changes come apart without moving a note."""
    with zipfile.ZipFile((DATA / "midi") / "pop909.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".mid"):
                check(archive.read(name))


def test_odd_files_split_as_mido_would_write_them():
    """Every conformance file, repaired or not, comes apart into the very bytes of mido."""
    with zipfile.ZipFile((DATA / "midi") / "conformance.zip") as archive:
        batch = read_files([archive.read(name) for name in archive.namelist()], keep_all=True)
    counted = analyze(batch).parts.select("file", "track", "channel", "program", "drum_score")
    written = 0
    for (file,), rows in counted.group_by("file", maintain_order=True):
        number = int(str(file))
        parts = split_file(batch, number, rows.drop("file").rows())
        for part in parts:
            assert bytes(part.blob) == mido_part(batch, number, part.track, part.channel)
        again = read_files([part.blob for part in parts])
        assert sorted(again.notes[FIELDS].tolist()) == sorted(batch.notes_of(number)[FIELDS].tolist())
        written += len(parts)
    assert written > 200


def test_what_would_become_too_much_is_refused():
    """A file of thousands of tempos and hundreds of parts is not written out a gigabyte long."""
    tempos = [mido.MetaMessage("set_tempo", tempo=9, time=1)] * 60_000
    note = [mido.Message("note_on", note=60), mido.Message("note_off", note=60)]
    with pytest.raises(TooMuchError, match="400 parts with all tempos are more than 256 MB"):
        split(midi_bytes([tempos, *[note] * 400]))
    with pytest.raises(TooMuchError, match="600 parts; at most 512 are written"):
        split(midi_bytes([note] * 600))


def test_programs_of_other_tracks_go_with_the_notes():
    """A part whose program another track sets has it, from the note on that has it first."""
    note = [mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=480)]
    setup = [
        mido.Message("program_change", program=33),
        mido.Message("program_change", program=38, time=480),
    ]
    volume = mido.Message("control_change", control=7, value=99)
    blob = midi_bytes([setup, [volume, *note, *note]])
    check(blob)
    _, (part,) = split(blob)
    changes = [message for message in mido_file(part.blob).tracks[0] if message.type == "program_change"]
    assert [(change.program, change.time) for change in changes] == [(33, 0), (38, 0)]


def test_metas_and_programs_go_with_every_part():
    """Tempo, metre and key are in every part at their ticks; a program set elsewhere is written in."""
    setup = [
        mido.MetaMessage("set_tempo", tempo=400_000),
        mido.MetaMessage("key_signature", key="Ebm", time=10),
        mido.MetaMessage("time_signature", numerator=7, denominator=8, time=90),
        mido.Message("program_change", channel=1, program=33),
    ]
    part = [
        mido.Message("note_on", channel=1, note=40, time=960),
        mido.Message("note_off", channel=1, note=40, time=9),
    ]
    _, parts = split(midi_bytes([setup, [mido.MetaMessage("track_name", name="Bass"), *part]]))
    (only,) = parts
    assert only.suffix == "_t02_ch02_fingered_bass"
    tick, found = 0, []
    for message in mido_file(only.blob).tracks[0]:
        tick += message.time
        found.append((tick, message.type))
    assert found == [
        (0, "track_name"), (0, "program_change"), (0, "set_tempo"), (10, "key_signature"),
        (100, "time_signature"), (960, "note_on"), (969, "note_off"), (969, "end_of_track"),
    ]  # fmt: skip


def test_drum_parts_are_named_so():
    """Channel 10 is named drums whatever its program."""
    assert part_suffix(0, 9, 0, 1.0) == "_t01_ch10_drums"
