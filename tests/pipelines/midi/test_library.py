"""The library: from folders to store, names, parts, finds, renames and a drive, killed or not."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg,arg-type,attr-defined"

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl
import psutil
import pytest

from etl.midi.mpc import DriveFormat
from etl.music.keys import KEY_NAMES
from etl.pipelines.midi.export import export_drive, export_tables
from etl.pipelines.midi.find import find_files, library_query
from etl.pipelines.midi.rename import rename_library, sanitize_in_place
from etl.pipelines.midi.rename_journal import Undone, undo
from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.errors import EtlError
from tests.support.command_line import ended_here, environment, etl
from tests.support.empty_store import empty_store
from tests.support.forked import Copy
from tests.support.midi_kills import midi_runs
from tests.support.midi_oracle import midi_bytes
from tests.support.places import DATA, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = frozenset(Stage)


def members(name: str) -> dict[str, bytes]:
    """All MIDI members of a test archive."""
    with zipfile.ZipFile((DATA / "midi") / name) as archive:
        return {member: archive.read(member) for member in archive.namelist() if member.endswith(".mid")}


def fill(folder: Path) -> None:
    """Make a collection with songs, grooves, odd files, duplicates, an archive and bad names."""
    blobs = [*members("pop909.zip").items(), *members("groove.zip").items()]
    for name, blob in blobs[3:]:
        path = folder / "sub folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob)
    (folder / "Café  Loop.MID").write_bytes(blobs[3][1])
    (folder / "café loop.mid").write_bytes(blobs[4][1] + b"\0")
    (folder / "broken.mid").write_bytes(b"no MIDI at all")
    (folder / "empty.mid").write_bytes(b"")
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        for name, blob in blobs[:3]:
            archive.writestr(name, blob)
        archive.writestr("../evil.mid", blobs[0][1])


def run(top: Path, *, stages=ALL, **options):
    """Run the pipeline over ``top/in``."""
    database = empty_store(top / "m.duckdb")
    return run_midi(MidiRun((top / "in",), database, top / "library", stages, workers=0, **options))


def in_place(top: Path, **options):
    """Rename the files in ``top/in`` themselves."""
    return sanitize_in_place((top / "in",), top / "m.duckdb", library=top / "library", **options)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """Fill a library once; tests that change it make their own."""
    top = tmp_path_factory.mktemp("midi")
    (top / "in").mkdir()
    fill(top / "in")
    run(top)
    return top


TABLES = (
    "midi_paths", "midi_files", "midi_analysis", "midi_part_analysis", "midi_tracks", "midi_tags",
    "midi_library",
)  # fmt: skip


def tables(database: Path) -> dict[str, list[tuple]]:
    """All rows of the MIDI tables but for run numbers."""
    columns = {
        "midi_paths": "path, size_bytes, sha256, name_bpm, name_key",
        "midi_library": "* EXCLUDE (mtime_ns)",
    }
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            table: connection.sql(f"SELECT {columns.get(table, '*')} FROM {table} ORDER BY ALL").fetchall()
            for table in TABLES
        }


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_collection_becomes_a_library(library: Path):
    """Every file is in the store once with all its paths, copied under a safe name, its parts beside it."""
    found = tables(library / "m.duckdb")
    paths = {row[0].split("/in/")[1]: row[2] for row in found["midi_paths"]}
    assert len(found["midi_paths"]) == 35 + 4
    assert "pack.zip!pop909/001/001.mid" in paths
    assert len(found["midi_files"]) == len(set(paths.values())) == 38
    copies = [row for row in found["midi_library"] if row[1] is None]
    parts = [row for row in found["midi_library"] if row[1] is not None]
    assert len(copies) == 36
    assert len(parts) > 40
    files = tree(library / "library")
    assert {f"{row[3]}/{row[4]}" for row in found["midi_library"]} == set(files)
    assert {files[f"{row[3]}/{row[4]}"] for row in copies} == {row[0] for row in copies}
    assert not any(name.startswith(".") or name.endswith(".tmp") for name in files)
    assert not list(library.glob("**/evil.mid"))


def test_refusals_are_in_the_store_with_their_reasons(library: Path):
    """Unreadable files and hostile members can be asked for by reason."""
    frame = library_query(library / "m.duckdb", "unreadable")
    assert set(frame["reason"]) == {
        "empty file", "no MThd in the first 64 KB", "its path leads out of the archive",
    }  # fmt: skip


def test_a_second_run_reads_nothing(tmp_path: Path):
    """Unchanged files are not read again; a changed and a new one are, and only they."""
    (tmp_path / "in").mkdir()
    fill(tmp_path / "in")
    first = run(tmp_path)
    before = tables(tmp_path / "m.duckdb")
    again = run(tmp_path)
    assert (again.read, again.new, again.unchanged) == (
        0,
        0,
        first.found - 3,
    )  # all but the members of the archive
    assert tables(tmp_path / "m.duckdb") == before
    song = next(iter(members("groove.zip").values()))
    (tmp_path / "in" / "new.mid").write_bytes(song + b"\1")
    os.utime(tmp_path / "in" / "café loop.mid", ns=(1, 1))
    more = run(tmp_path)
    assert (more.read, more.new) == (2, 1)


def test_analysis_first_and_copies_later(tmp_path: Path):
    """Stages can be asked for one after the other, and end where one run with all of them ends."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in ("a", "b"):
        (tmp_path / name / "in").symlink_to(tmp_path / "in")
    (tmp_path / "in").mkdir()
    fill(tmp_path / "in")
    run(tmp_path / "a")
    assert run(tmp_path / "b", stages=frozenset({Stage.ANALYZE})).new == 38
    assert not (tmp_path / "b" / "library").exists()
    later = run(tmp_path / "b")
    assert later.new == 0
    assert tree(tmp_path / "a" / "library") == tree(tmp_path / "b" / "library")


def test_named_queries_answer(library: Path):
    """Duplicates, categories, tempos and keys are counted."""
    overview = library_query(library / "m.duckdb", "overview").row(0, named=True)
    assert overview["different_files"] == 36
    assert overview["unreadable_files"] == 2
    duplicates = library_query(library / "m.duckdb", "duplicates")
    assert {"exact", "near"} == set(duplicates["kind"])
    for name in ("categories", "tempos", "keys"):
        assert library_query(library / "m.duckdb", name).height > 1
    with pytest.raises(EtlError, match="no query"):
        library_query(library / "m.duckdb", "nonsense")


def test_files_are_found_by_what_they_are(library: Path):
    """Conditions narrow the list, and all of them hold for what is found."""
    grooves = find_files(library / "m.duckdb", bpm="90-120", category="drum", tags=("drums",))
    assert grooves.height > 3
    assert grooves["bpm"].is_between(90, 120).all()
    assert grooves["category"].str.starts_with("Drum").all()
    songs = find_files(library / "m.duckdb", category="loops", limit=100)
    key = songs["key"][0]
    short = key.replace(" Major", "").replace(" Minor", "m")
    assert set(find_files(library / "m.duckdb", key=short)["key"]) == {key}
    for wrong in ({"bpm": "fast"}, {"key": "H"}):
        with pytest.raises(EtlError):
            find_files(library / "m.duckdb", **wrong)


def test_in_place_names_are_safe_and_come_back(tmp_path: Path):
    """Files on disk get safe names, clashes by case included; undo gives back the very tree."""
    (tmp_path / "in").mkdir()
    fill(tmp_path / "in")
    run(tmp_path)
    before, stored = tree(tmp_path / "in"), tables(tmp_path / "m.duckdb")
    shown = in_place(tmp_path, dry_run=True)
    assert tree(tmp_path / "in") == before
    done = in_place(tmp_path)
    assert done.files == shown.files
    after = tree(tmp_path / "in")
    assert sorted(after.values()) == sorted(before.values())
    assert {"Cafe_Loop.mid", "cafe_loop_1.mid"} <= set(after)
    assert run(tmp_path).read == 0
    assert undo(tmp_path / "m.duckdb", done.run_id) == Undone(done.run_id, len(done.files), 0)
    assert tree(tmp_path / "in") == before
    assert tables(tmp_path / "m.duckdb") == stored
    with pytest.raises(EtlError, match="no renames"):
        undo(tmp_path / "m.duckdb", done.run_id)


def test_library_names_follow_the_template_and_come_back(tmp_path: Path):
    """Library files are named by tempo, key and tags; undo gives the old names back."""
    (tmp_path / "in").mkdir()
    fill(tmp_path / "in")
    run(tmp_path)
    before, stored = tree(tmp_path / "library"), tables(tmp_path / "m.duckdb")
    done = rename_library(tmp_path / "library", tmp_path / "m.duckdb", template="{bpm}bpm_{key}_{tags}.mid")
    assert all(Path(file.new).is_absolute() for file in done.files)
    names = [Path(file.new).name for file in done.files]
    assert "120bpm_nokey_drums_" in "".join(names)
    assert len({name.lower() for name in names}) == len(names)
    named = tables(tmp_path / "m.duckdb")["midi_library"]
    assert {f"{row[3]}/{row[4]}" for row in named} == set(tree(tmp_path / "library"))
    undo(tmp_path / "m.duckdb", done.run_id)
    assert tree(tmp_path / "library") == before
    assert tables(tmp_path / "m.duckdb") == stored
    with pytest.raises(EtlError, match="artist"):
        rename_library(tmp_path / "library", tmp_path / "m.duckdb", template="{artist}.mid")


def test_a_drive_holds_the_library_sorted(library: Path, tmp_path: Path):
    """Files land in their category's folder on both devices, verified; again copies only what changed."""
    database, drive = library / "m.duckdb", tmp_path / "drive"
    planned = export_drive(library / "library", database, drive, DriveFormat.BOTH, dry_run=True)
    assert not drive.exists()
    done = export_drive(library / "library", database, drive, DriveFormat.BOTH)
    assert (done.copied, done.bytes) == (planned.copied, planned.bytes)
    index = json.loads((drive / "METADATA" / "file_index.json").read_text())
    files = tree(drive)
    assert {entry["path"]: entry["sha256"] for entry in index["files"]}.items() <= files.items()
    for root in ("MPC_Documents", "Force_Documents"):
        assert any(name.startswith(f"{root}/SAMPLES/Drums/") for name in files)
        assert any(name.startswith(f"{root}/SAMPLES/Melody/") for name in files)
        assert (drive / root / "Programs").is_dir()
    counts = json.loads((drive / "METADATA" / "categories.json").read_text())["categories"]
    assert sum(row["files"] for row in counts) == len(index["files"])

    other = tmp_path / "other"
    taken = other / next(name for name in files if name.startswith("MPC_Documents/SAMPLES"))
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"mine")
    with pytest.raises(EtlError, match="not written by an export"):
        export_drive(library / "library", database, other, DriveFormat.BOTH)
    assert tree(other) == {str(taken.relative_to(other)): hashlib.sha256(b"mine").hexdigest()}

    kept = next(name for name in files if name.startswith("MPC_Documents/SAMPLES"))
    (drive / kept).unlink()
    (drive / "mine.txt").write_text("not ours")
    again = export_drive(library / "library", database, drive, DriveFormat.BOTH)
    assert (again.copied, again.removed) == (1, 0)
    fewer = export_drive(library / "library", database, drive, DriveFormat.MPC_ONE)
    assert fewer.copied == 0
    assert fewer.removed == len(index["files"]) // 2
    assert not any(path.is_file() for path in (drive / "Force_Documents").rglob("*"))
    assert (drive / "mine.txt").exists()


def test_matrices_and_tables_hold_every_file(library: Path, tmp_path: Path):
    """NPZ and Parquet have a row per different file, and say the same."""
    npz, parquet = tmp_path / "m.npz", tmp_path / "m.parquet"
    written = export_tables(library / "m.duckdb", npz=npz, parquet=parquet)
    assert {table.path: table.rows for table in written} == {npz: 36, parquet: 36}
    table = pl.read_parquet(parquet)
    with np.load(npz, allow_pickle=False) as arrays:
        assert arrays["ids"].tolist() == table["sha256"].to_list()
        names = [KEY_NAMES[key] if key >= 0 else None for key in arrays["key"]]
        assert names == table["key"].to_list()
        assert arrays["key_posterior"].shape == (36, 24)
        for row, chords in enumerate(table["chords"].to_list()):
            tokens = arrays["token_ids"][arrays["token_offsets"][row] : arrays["token_offsets"][row + 1]]
            assert arrays["vocabulary"][tokens].tolist() == chords
        figures = dict(zip(arrays["figure_names"].tolist(), arrays["figures"].T, strict=True))
        np.testing.assert_allclose(figures["bpm"], table["bpm"], rtol=1e-6)
        assert [arrays["category_names"][c] for c in arrays["category"]] == table["category"].to_list()


def test_midi_chords_go_through_the_chord_analysis(library: Path, tmp_path: Path):
    """Every MIDI file with chords is a data3 row: all symbols known, numerals for each."""
    done = ended_here(
        "build", "data3", "--from-midi", "--db", library / "m.duckdb", "--no-db", "-o", tmp_path / "d.csv"
    )
    assert "unknown chords: 0 of" in done.stdout
    frame = pl.read_csv(tmp_path / "d.csv")
    analysed = {row[0]: row[-6] for row in tables(library / "m.duckdb")["midi_analysis"]}
    with duckdb.connect(str(library / "m.duckdb"), read_only=True) as connection:
        chords = dict(
            connection.sql("SELECT sha256, chords FROM midi_analysis WHERE len(chords) > 0").fetchall()
        )
    assert set(frame["id"]) == set(chords) <= set(analysed)
    for row in frame.iter_rows(named=True):
        assert row["chords"].split() == chords[row["id"]]
        assert len(row["roman_numerals"].split()) == len(chords[row["id"]])
        assert row["genres"] is None


def test_one_file_that_breaks_a_worker_breaks_nothing_else(tmp_path: Path, monkeypatch):
    """A file that makes the analysis fail is rejected with the reason; the rest of its batch goes in."""
    (tmp_path / "in").mkdir()
    for number in range(5):
        (tmp_path / "in" / f"{number}.mid").write_bytes(midi_bytes([[]]) + bytes([number]))
    from etl.pipelines.midi import messages, worker as midi_batch

    honest = midi_batch.analyze
    poison = midi_bytes([[]]) + b"\3"

    def analyze(batch, counted, names):
        if poison in batch.data.tobytes():
            raise ArithmeticError("cannot analyse this")
        return honest(batch, counted, names)

    monkeypatch.setattr(midi_batch, "analyze", analyze)
    entries = tuple(
        messages.Entry(str(path), path.name, str(path), path.stat().st_size, 1)
        for path in sorted((tmp_path / "in").iterdir())
    )
    wanted = messages.Wanted(analyze=True, split=False, incoming=None, roots=(), member_bytes=1 << 20)
    result = midi_batch.process_batch(messages.Batch(entries), wanted)
    assert result.paths.height == 4
    assert result.rejects.rows() == [
        (str(tmp_path / "in" / "3.mid"), "analyze", "failed", "ArithmeticError: cannot analyse this")
    ]


def test_kill_and_run_again_ends_where_one_run_ends(tmp_path: Path):
    """Killed at random moments and run again, the store and the library are those of a run left alone."""
    from tests.support.midi_corpus import numbered

    (tmp_path / "in").mkdir()
    blobs = [*members("pop909.zip").values(), *members("groove.zip").values()]
    for number in range(300):
        (tmp_path / "in" / f"f{number:05d}.mid").write_bytes(numbered(blobs[15 + number % 20], number))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in").symlink_to(tmp_path / "in")
    chance = random.Random(3)
    with midi_runs(tmp_path) as run_again:
        for name, moments in (("whole", [None]), ("killed", [chance.uniform(0.1, 0.8) for _ in range(4)])):
            top = tmp_path / name
            words = (top / "in", "--library", top / "library", "--db", empty_store(top / "m.duckdb"))
            for moment in moments:
                run_again(*words, "--workers", "0", "--stages", "analyze,sanitize", kill_after=moment)
        run_again(*words, "--workers", "0", "--stages", "analyze,sanitize")
    whole, killed = (tables(tmp_path / name / "m.duckdb") for name in ("whole", "killed"))
    for table in TABLES:
        assert [str(row).replace("/killed/", "/whole/") for row in killed[table]] == [
            str(r) for r in whole[table]
        ]
    assert tree(tmp_path / "killed" / "library") == tree(tmp_path / "whole" / "library")


def test_workers_end_when_their_parent_is_killed(tmp_path: Path):
    """A killed run leaves no worker behind that could still write."""
    (tmp_path / "in").mkdir()
    song = next(iter(members("pop909.zip").values()))
    for number in range(1000):
        (tmp_path / "in" / f"{number}.mid").write_bytes(song + number.to_bytes(2, "big"))
    command = etl("midi", "run", "in", "--workers", "2", "--db", "m.duckdb")
    process = Copy(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    parent = psutil.Process(process.pid)
    below: list[psutil.Process] = []
    for _ in range(400):
        below = parent.children(recursive=True)
        if len(below) == 4:  # a resource tracker, the server that forks, two workers
            break
        time.sleep(0.05)
    time.sleep(0.2)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(below, timeout=20)
    assert len(below) == 4
    assert alive == []


SCHEMAS = ROOT / "schemas"


def test_values_are_within_their_schemas(library: Path):
    """Minima and maxima of the schemas hold in the store."""
    with duckdb.connect(str(library / "m.duckdb"), read_only=True) as connection:
        for table in TABLES:
            for field in json.loads((SCHEMAS / f"{table}.json").read_text())["fields"]:
                limits = field.get("constraints", {})
                if "minimum" in limits:
                    name = field["name"]
                    (row,) = connection.sql(f"SELECT min({name}), max({name}) FROM {table}").fetchall()
                    assert row[0] is None or limits["minimum"] <= row[0] <= row[1] <= limits["maximum"], name


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Make a temporary folder with a short path: those of sockets have 107 bytes at most."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_command_line_does_it_all(tmp_path: Path, temporary: Path):
    """From a folder to a drive and back, in commands; errors say what to do."""
    (tmp_path / "in").mkdir()
    fill(tmp_path / "in")
    own = environment() | {"ETL_DB": str(tmp_path / "m.duckdb"), "TMPDIR": str(temporary)}

    def command(*words: str, code: int = 0) -> str:
        done = ended_here(*words, cwd=tmp_path, env=own)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "36 MIDI files and 1 archive to read" in command("midi", "run", "in", "--dry-run")
    assert not (tmp_path / "m.duckdb").exists()
    run = subprocess.run(
        etl("midi", "run", "in", "--workers", "1"),
        cwd=tmp_path, env=own, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "39 files found" in run.stdout
    assert not list(temporary.iterdir())  # sockets of the server of workers
    assert "Loops" in command("midi", "find", "--category", "loops", "--limit", "3")
    assert "near_duplicates" in command("midi", "stats")
    assert "files would be renamed" in command("midi", "rename", "--dry-run")
    assert "copied" in command("midi", "export", "--export-to", "drive", "--format", "mpc-one")
    assert "rows" in command("midi", "export", "--npz", "m.npz")
    assert "unknown stage" in command("midi", "run", "in", "--stages", "dance", code=2)
    assert "nowhere does not exist" in command("midi", "run", "nowhere", code=1)
    assert "nowhere does not exist" in command("midi", "run", "in", "nowhere", "--dry-run", code=1)
    with duckdb.connect(str(tmp_path / "m.duckdb"), read_only=True) as connection:
        heard = dict(connection.sql("SELECT sha256, key FROM midi_analysis WHERE len(chords) > 0").fetchall())
    built = command("build", "data3", "--from-midi", "-o", "d.csv")
    assert "unknown chords: 0 of" in built
    with_notes = {row["id"]: row["key"] for row in pl.read_csv(tmp_path / "d.csv").iter_rows(named=True)}
    assert with_notes == heard
    command("build", "data3", "--from-midi", "--key-method", "trained", "-o", "d.csv")
    from_chords = {row["id"]: row["key"] for row in pl.read_csv(tmp_path / "d.csv").iter_rows(named=True)}
    assert from_chords.keys() == heard.keys()
    assert from_chords != heard
