"""Notes, piano rolls and tokens of a library in its NPZ, held to mido and to MidiTok reading the files."""
# mypy: disable-error-code="no-untyped-call,type-arg"

from __future__ import annotations

import json
import struct
import zipfile
from typing import TYPE_CHECKING

import mido
import numpy as np
import polars as pl
import pytest
from mido import MetaMessage

from etl.midi.note_arrays import MOST_STEPS, NOTE_ARRAY, note_array, piano_roll
from etl.midi.reader import read_files
from tests.support.command_line import run_here
from tests.support.midi_oracle import midi_bytes, mido_file, mido_notes, mido_seconds
from tests.support.places import DATA

if TYPE_CHECKING:
    from pathlib import Path


def members(archive: str, count: int) -> dict[str, bytes]:
    """Read the first MIDI files of an archive."""
    with zipfile.ZipFile(DATA / "midi" / archive) as opened:
        names = sorted(name for name in opened.namelist() if name.endswith(".mid"))[:count]
        return {name.rpartition("/")[2]: opened.read(name) for name in names}


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take in two songs, a drum performance, and a song with words that changes its tempo."""
    path: Path = tmp_path_factory.mktemp("notes")
    (path / "in").mkdir()
    words = [
        MetaMessage("set_tempo", tempo=400_000),
        MetaMessage("lyrics", text="hey"),
        MetaMessage("key_signature", key="Eb", time=480),
        MetaMessage("set_tempo", tempo=700_000),
        mido.Message("note_on", note=60, velocity=70),
        mido.Message("note_off", note=60, time=700),
    ]
    songs = {**members("pop909.zip", 2), **members("groove.zip", 1), "words.mid": midi_bytes([words])}
    for name, blob in songs.items():
        (path / "in" / name).write_bytes(blob)
    stages = ("--stages", "import,analyze,sanitize", "--workers", "0")
    run_here("midi", "run", path / "in", *options(path), *stages)
    return path


def options(top: Path) -> tuple[str, ...]:
    """Name the store and the library."""
    return "--db", str(top / "m.duckdb"), "--library", str(top / "library")


def content_of(top: Path) -> dict[str, bytes]:
    """Give the files by their content hashes."""
    import hashlib

    blobs = [path.read_bytes() for path in (top / "in").iterdir()]
    return {hashlib.sha256(blob).hexdigest(): blob for blob in blobs}


def test_notes_are_those_of_mido(top: Path) -> None:
    """Each file has its notes, in seconds and ticks, beside the row of its figures."""
    run_here("midi", "export", "--npz", top / "n.npz", "--piano-roll", *options(top))
    blobs = content_of(top)
    with np.load(top / "n.npz", allow_pickle=False) as npz:
        arrays = {name: npz[name] for name in npz.files}
    assert arrays["notes"].dtype == NOTE_ARRAY
    assert sorted(arrays["ids"]) == sorted(blobs)
    assert not arrays["missing"].any()
    for row, digest in enumerate(arrays["ids"]):
        notes = arrays["notes"][slice(*arrays["note_offsets"][row : row + 2])]
        file = mido_file(blobs[digest], clip=True)
        fields = ["track", "channel", "pitch", "velocity", "onset_tick", "duration_tick"]
        found = sorted((*row[:5], row[4] + row[5]) for row in notes[fields].tolist())
        assert found == mido_notes(file)
        assert arrays["divisions"][row] == file.ticks_per_beat
        for note in notes[:: max(1, len(notes) // 5)]:
            onset = mido_seconds(file, int(note["onset_tick"]))
            assert note["onset_sec"] == pytest.approx(onset, rel=1e-5)
        roll = arrays["piano_roll"][slice(*arrays["roll_offsets"][row : row + 2])]
        assert roll.shape[1:] == (128,)
        assert set(np.flatnonzero(roll.any(axis=0))) == set(notes["pitch"][notes["is_drum"] == 0])
    described = json.loads(str(arrays["notes_manifest"]))["arrays"]
    assert described.keys() == {"notes", "divisions", "missing", "piano_roll"}


def test_files_that_have_changed_are_missing(top: Path) -> None:
    """A copy with other bytes gives way to the original; where both are others there are no notes."""
    digest, blob = next((d, blob) for d, blob in content_of(top).items() if b"hey" in blob)
    original, copy = top / "in" / "words.mid", top / "library" / "w" / "words.mid"
    for broken, count in (([copy], 1), ([copy, original], 0)):
        for path in broken:
            path.write_bytes(blob + b"changed")
        run_here("midi", "export", "--npz", top / "n.npz", "--notes", *options(top))
        with np.load(top / "n.npz") as npz:
            row = list(npz["ids"]).index(digest)
            assert np.diff(npz["note_offsets"])[row] == count
            assert npz["missing"].tolist().count(True) == 1 - count
            assert "piano_roll" not in npz
    for path in (copy, original):
        path.write_bytes(blob)


def test_notes_need_a_place(top: Path) -> None:
    """Without an NPZ there is nowhere to put them."""
    assert "Pass --npz as well" in run_here("midi", "export", "--notes", *options(top), expect=2)
    assert "--tables DIR" in run_here("midi", "export", *options(top), expect=2)


def test_a_roll_has_a_row_for_each_sixteenth() -> None:
    """Notes sound where they reach, short ones once, the loudest counts; a far end is cut off."""
    on, off = (mido.Message(kind, note=60, velocity=50) for kind in ("note_on", "note_off"))
    far = (MOST_STEPS + 9) * 120
    track = [on, off.copy(time=180), on.copy(time=60, velocity=70), off, on.copy(time=far), off.copy(time=9)]
    batch = read_files([midi_bytes([track])])
    roll = piano_roll(note_array(batch.notes), 480)
    assert roll.shape == (MOST_STEPS, 128)
    assert roll[:4, 60].tolist() == [50, 50, 70, 0]
    assert roll.sum() == 170


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_tables_hold_what_is_beside_notes(top: Path, kind: str) -> None:
    """Words, tempos, metres, key signatures and keys, with the path; a second export replaces the first."""
    folder = top / kind
    for _ in range(2):
        run_here("midi", "export", "--tables", folder, "--tables-format", kind, "--db", top / "m.duckdb")
    read = pl.read_parquet if kind == "parquet" else pl.read_csv
    tables = {path.stem: read(path) for path in folder.iterdir()}
    assert tables.keys() == {"texts", "tempos", "metres", "key_signatures", "keys"}
    words = {name: rows.filter(pl.col("path").str.ends_with("words.mid")) for name, rows in tables.items()}
    assert words["texts"].select("kind", "text", "seconds").rows() == [("lyric", "hey", 0.0)]
    assert words["tempos"]["bpm"].round(2).to_list() == [150.0, 85.71]
    assert words["key_signatures"].select("key", "tick").rows() == [("Eb Major", 480)]
    assert words["keys"].select("ordinal", "beat").rows() == [(0, 0)]
    assert tables["metres"].height
    (folder / "mine.txt").write_text("mine")
    said = run_here("midi", "export", "--tables", folder, "--db", top / "m.duckdb", expect=73)
    assert "not a former export" in said


def test_tokens_are_those_of_miditok(top: Path) -> None:
    """Held to MidiTok reading each file by itself, with the tokenizer that the NPZ describes."""
    pytest.importorskip("miditok")
    symusic = pytest.importorskip("symusic")
    from miditok import REMI

    run_here("midi", "export", "--npz", top / "t.npz", "--tokens", "remi", *options(top))
    blobs = content_of(top)
    with np.load(top / "t.npz", allow_pickle=False) as npz:
        arrays = {name: npz[name] for name in npz.files}
    (top / "tokenizer.json").write_text(str(arrays["remi_tokenizer"]), encoding="utf-8")
    tokenizer = REMI(params=top / "tokenizer.json")
    assert [tokenizer[token] for token in arrays["remi_vocabulary"]] == list(range(len(tokenizer)))
    for row, digest in enumerate(arrays["ids"]):
        found = arrays["remi_ids"][slice(*arrays["remi_offsets"][row : row + 2])]
        expected = tokenizer(symusic.Score.from_midi(blobs[digest]))
        assert found.tolist() == expected.ids
        assert len(found)


def test_a_damaged_time_costs_no_other_file_its_tokens(tmp_path: Path) -> None:
    """A file of a century has none, and does not count as hours of music."""
    pytest.importorskip("miditok")
    (tmp_path / "in").mkdir()
    track = b"\x00\x90\x3c\x64\xff\xff\xff\x7f\x80\x3c\x00" * 8 + b"\x00\xff\x2f\x00"
    late = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1) + b"MTrk" + struct.pack(">I", len(track)) + track
    for name, blob in {**members("pop909.zip", 1), "late.mid": late}.items():
        (tmp_path / "in" / name).write_bytes(blob)
    run_here("midi", "analyze", tmp_path / "in", "--db", tmp_path / "m.duckdb", "--workers", "0")
    run_here("midi", "export", "--npz", tmp_path / "t.npz", "--tokens", "remi", *options(tmp_path))
    with np.load(tmp_path / "t.npz") as npz:
        assert sorted(np.diff(npz["remi_offsets"]) > 0) == [False, True]
        assert not npz["missing"].any()
    overview = json.loads(run_here("midi", "stats", "--json", "--db", tmp_path / "m.duckdb"))
    assert overview[0]["hours"] == pytest.approx(0.1)


def test_without_miditok_it_is_said(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(__import__("sys").modules, "miditok", None)
    said = run_here("midi", "export", "--npz", top / "t.npz", "--tokens", "remi", *options(top), expect=2)
    assert ".[tokens]" in said
