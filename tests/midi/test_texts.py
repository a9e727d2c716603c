"""What files hold beside notes: texts, tempo maps, metres, key signatures, each at its time."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import mido
import pytest
from mido import MetaMessage

from etl.midi import texts as midi_texts, times
from etl.midi.analysis import survey
from etl.midi.reader import read_files
from etl.midi.texts import file_encodings, text_rows
from etl.midi.times import key_signature_rows, metre_rows, tempo_rows
from tests.support.midi_oracle import midi_bytes, mido_file, mido_seconds

NOTE = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=480)]


def raw_text(kind: int, text: bytes, delta: int = 0) -> bytes:
    """Write one text event."""
    return bytes([delta, 0xFF, kind, len(text)]) + text


def file_of(*events: bytes) -> bytes:
    """Write a file of one track of raw events."""
    track = b"".join(events) + b"\0\xff\x2f\0"
    return midi_bytes([])[:10] + b"\0\1\1\xe0MTrk" + len(track).to_bytes(4, "big") + track


def test_texts_have_their_kinds_and_times() -> None:
    """Lyrics keep their blanks and line breaks; seconds are mido's, through all tempos."""
    track = [
        MetaMessage("track_name", name="Song"),
        MetaMessage("set_tempo", tempo=400_000),
        MetaMessage("lyrics", text="hel", time=480),
        MetaMessage("lyrics", text="lo \r\n", time=100),
        MetaMessage("set_tempo", tempo=900_000, time=20),
        MetaMessage("marker", text="Verse", time=333),
        MetaMessage("copyright", text="(c)"),
        MetaMessage("cue_marker", text="cue"),
        MetaMessage("instrument_name", name="Piano"),
        MetaMessage("text", text="@no karaoke"),
    ]
    blob = midi_bytes([track, NOTE])
    batch = read_files([blob, blob])
    rows = text_rows(batch, ["ascii"] * 2)
    one = rows.filter(file=1)
    assert rows.filter(file=0).drop("file").equals(one.drop("file"))
    kinds = ["track name", "lyric", "lyric", "marker", "copyright", "cue point", "instrument name", "text"]
    assert one["kind"].to_list() == kinds
    assert one["text"].to_list()[1:4] == ["hel", "lo \n\n", "Verse"]
    expected = [mido_seconds(mido_file(blob), tick) for tick in one["tick"]]
    assert one["seconds"].to_list() == pytest.approx(expected, abs=1e-6)


def test_karaoke_is_told_from_other_text() -> None:
    """Texts behind one that begins with @K are words to sing, those of @ are about the file."""
    blob = file_of(raw_text(1, b"@KMIDI"), raw_text(1, b"@TSong"), raw_text(1, b"\\Hel"), raw_text(1, b"lo"))
    rows = text_rows(read_files([blob]), ["ascii"])
    assert rows["kind"].to_list() == ["text", "text", "karaoke", "karaoke"]


def test_all_text_of_a_file_decides_its_encoding() -> None:
    """A name that could be several things is read as what the others are; parts are named by it."""
    names = ["ベース", "津軽海峡冬景色", "歌"]
    events = [raw_text(3, names[0].encode("euc_jp")), b"\0\x90\x3c\x40\x60\x80\x3c\0"]
    events += [raw_text(5, name.encode("euc_jp")) for name in names[1:]]
    batch = read_files([file_of(*events), file_of(raw_text(3, b"Fl\xf6te"), *events[1:2])])
    assert [tuple(each) for each in file_encodings(batch)] == [("euc_jp", True), ("latin-1", True)]
    found = survey(batch)
    assert found.files["text_encoding"].to_list() == ["euc_jp", "latin-1"]
    assert found.parts["name"].to_list() == ["ベース", "Flöte"]
    assert text_rows(batch, ["euc_jp", "latin-1"])["text"].to_list() == [*names, "Flöte"]


def test_maps_are_those_of_the_file() -> None:
    """Tempos begin at tick 0; metres and key signatures as written, flats and minors too."""
    track = [
        MetaMessage("time_signature", numerator=6, denominator=8),
        MetaMessage("key_signature", key="Bbm"),
        MetaMessage("set_tempo", tempo=400_000, time=960),
        MetaMessage("key_signature", key="F#"),
    ]
    batch = read_files([midi_bytes([track, NOTE])])
    assert tempo_rows(batch).select("track", "tick", "seconds", "bpm").rows() == [
        (-1, 0, 0.0, 120.0),
        (-1, 960, 1.0, 150.0),
    ]
    assert metre_rows(batch).select("tick", "numerator", "denominator").rows() == [(0, 6, 8)]
    keys = key_signature_rows(batch).select("tick", "seconds", "key").rows()
    assert keys == [(0, 0.0, "Bb Minor"), (960, 1.0, "F# Major")]


def test_frames_and_sequences_have_their_own_clocks() -> None:
    """SMPTE ticks are seconds without a map; each track of a type 2 file has its own tempos."""
    blob = file_of(b"\0\xff\x51\3\1\0\0", raw_text(6, b"x", 100), b"\0\x90\x3c\x40\x60\x80\x3c\0")
    smpte = blob[:12] + bytes([0xE7, 40]) + blob[14:]  # 25 frames of 40 ticks: milliseconds
    batch = read_files([smpte])
    assert text_rows(batch, ["ascii"])["seconds"].to_list() == [0.1]
    assert tempo_rows(batch).is_empty()
    tracks = [[MetaMessage("set_tempo", tempo=tempo), MetaMessage("marker", text="x", time=480)]
              for tempo in (500_000, 1_000_000)]  # fmt: skip
    batch = read_files([midi_bytes(tracks, kind=2)])
    assert text_rows(batch, ["ascii"])["seconds"].to_list() == [0.5, 1.0]


def test_a_flood_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of hostile files the first texts and changes are kept, and those of the next file all the same."""
    monkeypatch.setattr(midi_texts, "MOST_TEXTS", 3)
    monkeypatch.setattr(times, "MOST_CHANGES", 2)
    flood = file_of(*([raw_text(6, b"x"), b"\0\xff\x58\4\4\2\x18\x08"] * 9))
    batch = read_files([flood, file_of(raw_text(6, b"y"))])
    assert text_rows(batch, ["ascii"] * 2)["text"].to_list() == ["x", "x", "x", "y"]
    assert metre_rows(batch).height == 2
