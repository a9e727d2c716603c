"""A MIDI run under way: stages, what it passes by, workers that die, what it shows."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg"

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import psutil
import pytest

from etl.pipelines.midi import run as midi_run
from etl.pipelines.midi.find import find_files, library_query
from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.limits import Limits
from etl.store.database import open_store
from tests.support.archive_bombs import make_bombs, refused
from tests.support.empty_store import empty_store
from tests.support.forked import Copy
from tests.support.midi_corpus import numbered
from tests.support.midi_kills import compare, tables, tree
from tests.support.midi_oracle import midi_bytes
from tests.support.places import DATA, ROOT
from tests.support.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping


ALL = frozenset(Stage)
SONG = midi_bytes([[]])


def songs(count: int) -> list[bytes]:
    """Different songs with several parts."""
    with zipfile.ZipFile((DATA / "midi") / "pop909.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".mid")]
        blobs = [archive.read(name) for name in names]
    return [numbered(blobs[number % len(blobs)], number) for number in range(count)]


def run(top: Path, *, stages=ALL, source: Path | None = None, workers: int = 0, **options):
    """Run the pipeline over ``top/in``."""
    renderers = options.pop("renderers", ())
    places = (source or top / "in",), empty_store(top / "m.duckdb"), top / "library"
    return run_midi(MidiRun(*places, frozenset(stages), workers=workers, **options), renderers)


def rows(top: Path, query: str) -> list[tuple]:
    """Ask the store."""
    with duckdb.connect(str(top / "m.duckdb"), read_only=True) as connection:
        return connection.sql(query).fetchall()


def put(top: Path, blobs: Mapping[str, bytes]) -> None:
    """Write files below ``top/in``."""
    for name, blob in blobs.items():
        target = top / "in" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(blob)


def test_import_and_analysis_are_stages_of_their_own(tmp_path: Path):
    """Import finds, hashes, parses and tags; analysis does the rest, of what lacks it, and nothing twice."""
    (song,) = songs(1)
    put(tmp_path, {f"house_{number}.mid": numbered(song, number) for number in range(4)})
    first = run(tmp_path, stages=[Stage.IMPORT])
    assert (first.read, first.new) == (4, 4)
    assert rows(tmp_path, "SELECT count(*), count(note_hash) FROM midi_files") == [(4, 4)]
    assert rows(tmp_path, "SELECT count(*) FROM midi_analysis") == [(0,)]
    assert {"house", "piano"} <= {tag for (tag,) in rows(tmp_path, "SELECT DISTINCT tag FROM midi_tags")}
    assert library_query(tmp_path / "m.duckdb", "duplicates")["kind"].to_list() == ["near"]
    assert find_files(tmp_path / "m.duckdb", tags=("house",)).height == 4
    assert run(tmp_path, stages=[Stage.IMPORT]).read == 0
    second = run(tmp_path, stages=[Stage.ANALYZE])
    assert (second.read, second.new) == (4, 0)
    assert rows(tmp_path, "SELECT count(*) FROM midi_analysis") == [(4,)]
    assert run(tmp_path, stages=[Stage.ANALYZE]).read == 0
    assert not (tmp_path / "library").exists()


def test_stages_one_by_one_end_where_one_run_ends(tmp_path: Path):
    """Import, analysis, copies and parts, each in a run of its own, give the tables of one run."""
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in").symlink_to(tmp_path / "in")
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(3))})
    run(tmp_path / "whole", source=tmp_path / "in")
    for stage in Stage:
        run(tmp_path / "parts", stages=[stage], source=tmp_path / "in")
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")
    assert tree(tmp_path / "parts" / "library") == tree(tmp_path / "whole" / "library")


def test_a_file_that_kills_its_worker_is_rejected_alone(tmp_path: Path, monkeypatch):
    """The run goes on with new workers; the file is a reject with a reason, all others are in."""
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(30))})
    put(tmp_path, {"poison.mid": SONG})
    monkeypatch.setattr(midi_run, "_JOB", "tests.pipelines.midi.poisoned_worker:process_batch")
    summary = run(tmp_path, stages=[Stage.ANALYZE], workers=2, limits=Limits(batch_files=8))
    assert (summary.found, summary.new, summary.rejects) == (31, 30, {"crash": 1})
    ((source, stage, reason),) = rows(tmp_path, "SELECT source, stage, reason FROM rejects")
    assert Path(source).name == "poison.mid"
    assert stage == "import"
    assert reason == "the worker process crashed (SIGKILL)"
    monkeypatch.undo()
    assert run(tmp_path, stages=[Stage.ANALYZE]).new == 1


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path):
    """SIGKILL on a worker in the middle of a run: the run ends well, and no file is lost."""
    put(tmp_path, {f"{number:04d}.mid": blob for number, blob in enumerate(songs(1000))})
    words = ["midi", "run", "in", "--stages", "analyze", "--workers", "2", "--db", "m.duckdb"]
    process = Copy(
        [sys.executable, "-m", "etl", *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    parent, killed = psutil.Process(process.pid), 0
    for _ in range(400):
        below = [child for child in parent.children(recursive=True) if child.ppid() != process.pid]
        if len(below) == 2:  # workers are children of the server that forks them
            time.sleep(0.3)
            below[0].kill()
            killed += 1
            break
        time.sleep(0.02)
    output, _ = process.communicate(timeout=60)
    assert (killed, process.returncode) == (1, 0)
    assert "1,000 files found: 0 unchanged, 1,000 read, 1,000 new, 0 rejected" in output


def test_kills_at_random_moments_change_nothing(tmp_path: Path):
    """All stages, killed three times and run again: tables, ledger and library are those of one run."""
    put(tmp_path, {f"{number:03d}.mid": blob for number, blob in enumerate(songs(60))})
    figures: Any = compare(tmp_path, tmp_path / "in", "import,analyze,sanitize,split", kills=3)
    assert all(figures["tables_equal"].values())
    assert figures["library_equal"]
    assert figures["temporary_files"] == []


def test_names_are_kept_whole(tmp_path: Path):
    """An exclamation mark, or bytes in no encoding, in a name cost neither the file nor its name."""
    put(tmp_path, {"Rock On!.mid": SONG, "sub!dir/Bass!.mid": SONG + b"1", "plain.mid": SONG + b"2"})
    put(tmp_path, {os.fsdecode(b"caf\xe9 120bpm.mid"): SONG + b"3"})
    with zipfile.ZipFile(tmp_path / "in" / "Pack!.zip", "w") as archive:
        archive.writestr("Wow!.mid", SONG + b"4")
        archive.writestr("win\\dows.mid", SONG + b"5")
    summary = run(tmp_path)
    assert (summary.new, summary.rejected) == (6, 0)
    names = {name for (name,) in rows(tmp_path, "SELECT name FROM midi_library WHERE track IS NULL")}
    assert names == {"Rock_On.mid", "Bass.mid", "plain.mid", "cafe_120bpm.mid", "Wow.mid", "dows.mid"}
    assert rows(tmp_path, "SELECT name_bpm FROM midi_paths WHERE path LIKE '%caf%'") == [(120.0,)]
    assert run(tmp_path).read == 0


def test_the_library_is_no_source(tmp_path: Path):
    """A library below the source is passed by, so that a second run does not take its copies for finds."""
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(2))})
    first = run(tmp_path, source=tmp_path)
    again = run(tmp_path, source=tmp_path)
    assert (first.found, again.found, again.read) == (2, 2, 0)


def test_a_filter_leaves_the_rest_of_an_archive_for_later(tmp_path: Path):
    """An archive of which only some members were wanted is not done with."""
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "pack.zip", "w") as archive:
        for name in ("drums.mid", "bass.mid"):
            archive.writestr(name, SONG + name.encode())
    assert run(tmp_path, stages=[Stage.IMPORT], pattern="*drum*").new == 1
    assert run(tmp_path, stages=[Stage.IMPORT]).new == 1
    assert run(tmp_path, stages=[Stage.IMPORT]).read == 0
    assert run(tmp_path, stages=[Stage.ANALYZE]).read == 2


def test_an_archive_that_vanishes_is_a_reject(tmp_path: Path, monkeypatch):
    """What cannot be opened any more after the walk does not end the run."""
    put(tmp_path, {"b.mid": SONG})
    with zipfile.ZipFile(tmp_path / "in" / "a.zip", "w") as archive:
        archive.writestr("x.mid", SONG)

    changes = midi_run._changes

    def vanishing(*arguments, **options):
        for found in list(changes(*arguments, **options)):
            (tmp_path / "in" / "a.zip").unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(midi_run, "_changes", vanishing)
    summary = run(tmp_path, stages=[Stage.IMPORT])
    assert (summary.new, summary.rejects) == (1, {"unreadable": 1})


def test_files_of_others_in_the_library_are_not_overwritten(tmp_path: Path):
    """A copy takes another name than a file that lies there already."""
    put(tmp_path, {"song.mid": SONG})
    mine = tmp_path / "library" / "s" / "song.mid"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    run(tmp_path, stages=[Stage.SANITIZE])
    assert mine.read_bytes() == b"mine"
    assert (tmp_path / "library" / "s" / "song_1.mid").read_bytes() == SONG


def test_force_puts_back_what_the_library_lost(tmp_path: Path):
    """Deleted copies and parts are there again, under their names; nothing is stored twice."""
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(2))})
    run(tmp_path)
    before, stored = tree(tmp_path / "library"), tables(tmp_path)
    for path in sorted((tmp_path / "library").rglob("*.mid"))[::2]:
        path.unlink()
    run(tmp_path, force=True)
    assert tree(tmp_path / "library") == before
    assert tables(tmp_path) == stored


def test_a_new_version_of_the_analysis_leaves_the_library_alone(tmp_path: Path, monkeypatch):
    """Files are analysed again; copies and parts are not made again under other names."""
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(2))})
    run(tmp_path)
    before = tree(tmp_path / "library")
    from etl.pipelines.midi import request as midi_request

    monkeypatch.setitem(midi_request.VERSIONS, "midi.analyze", "next")
    again = run(tmp_path)
    assert (again.read, again.new) == (2, 0)
    assert tree(tmp_path / "library") == before
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT sha256) FROM midi_analysis") == [(2, 2)]


def test_an_older_store_keeps_what_it_knows(tmp_path: Path):
    """The note hashes move to the files, and what was analysed counts as imported."""
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(2))})
    run(tmp_path, stages=[Stage.ANALYZE])
    hashes = rows(tmp_path, "SELECT sha256, note_hash FROM midi_files ORDER BY ALL")
    with duckdb.connect(str(tmp_path / "m.duckdb")) as connection:
        for view in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            connection.execute(f"DROP VIEW {view[0]}")
        connection.execute("ALTER TABLE midi_analysis ADD COLUMN note_hash VARCHAR")
        connection.execute(
            "UPDATE midi_analysis SET note_hash = f.note_hash FROM midi_files f "
            "WHERE f.sha256 = midi_analysis.sha256"
        )
        connection.execute("ALTER TABLE midi_files DROP COLUMN note_hash")
        connection.execute("ALTER TABLE midi_renames DROP COLUMN track")
        connection.execute("ALTER TABLE midi_renames DROP COLUMN channel")
        connection.execute("DELETE FROM ledger WHERE task = 'midi.import'")
        connection.execute("DELETE FROM schema_migrations WHERE version = 21")
    with open_store(tmp_path / "m.duckdb"):
        pass
    assert rows(tmp_path, "SELECT sha256, note_hash FROM midi_files ORDER BY ALL") == hashes
    imported = "SELECT item, version FROM ledger WHERE task = 'midi.import' ORDER BY ALL"
    assert rows(tmp_path, imported) == [(digest, "1") for digest, _ in hashes]


def test_each_stage_shows_what_it_did(tmp_path: Path):
    """Files done, refused and left of every stage that was asked for, and of those before and after."""
    put(tmp_path, {f"{number}.mid": blob for number, blob in enumerate(songs(20))})
    put(tmp_path, {"broken.mid": b"no MIDI"})
    shown = Shown()
    result = run(tmp_path, stages=[Stage.ANALYZE], renderers=[shown], limits=Limits(batch_files=5))
    stages = {stage.name: stage for stage in shown.snapshots[-1].stages}
    assert list(stages) == ["find", "import", "analyze", "store"]
    assert {name: (stage.done, stage.errors) for name, stage in stages.items()} == {
        "find": (21, 0), "import": (21, 1), "analyze": (21, 0), "store": (21, 0),
    }  # fmt: skip
    assert [stage.waiting for stage in stages.values()] == [0, 0, 0, 0]
    assert (stages["import"].total, stages["import"].share) == (21, 1.0)
    assert shown.snapshots[0].title == "etl midi run"
    assert result.stage_s.keys() == {"find", "import", "analyze", "store"}


def test_what_the_workers_do_before_they_work_is_said(tmp_path: Path, monkeypatch):
    """Until the first files come back the run says that code is loaded."""
    put(tmp_path, {"slow.mid": SONG})
    monkeypatch.setattr(midi_run, "_JOB", "tests.pipelines.midi.poisoned_worker:process_batch")
    shown = Shown()
    run(tmp_path, stages=[Stage.IMPORT], renderers=[shown], workers=1)
    waits = {snapshot.waits_for for snapshot in shown.snapshots}
    assert any(text and text.startswith("workers to") for text in waits)
    assert shown.snapshots[-1].waits_for is None


def test_the_log_tells_the_run(tmp_path: Path):
    """Beside the store, for those who follow it: start, stages, refusals, end."""
    put(tmp_path, {"a.mid": SONG, "broken.mid": b"no MIDI"})
    run(tmp_path, stages=[Stage.IMPORT])
    text = (tmp_path / "m.duckdb.log").read_text()
    for line in ("run 1: midi run started", "import started", "import: ", "no MThd", "run 1: done in"):
        assert line in text, line


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_run_again(tmp_path: Path, way: signal.Signals):
    """Ctrl-C ends the run soon with code 130, says how to go on, leaves no temporary file, and can go on."""
    put(tmp_path, {f"{number:04d}.mid": blob for number, blob in enumerate(songs(1000))})
    command = [sys.executable, "-m", "etl", "midi", "run", "in", "--stages", "sanitize", "--db", "m.duckdb"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = Copy(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    for _ in range(500):
        if len(list((tmp_path / "midi_library").glob("?"))) > 0:
            break
        time.sleep(0.02)
    process.send_signal(way)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Run the same command to continue" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "midi_library").glob(".*"))
    again = Copy(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    assert "1,000 files found" in again.communicate()[0]
    assert again.returncode == 0
    assert rows(tmp_path, "SELECT count(*) FROM midi_library") == [(1000,)]
    assert len(list((tmp_path / "midi_library").rglob("*.mid"))) == 1000


def test_a_second_process_is_told_to_wait(tmp_path: Path):
    """The store has one writer; who comes second learns which process holds it."""
    put(tmp_path, {"a.mid": SONG})
    with open_store(tmp_path / "m.duckdb"):
        done = subprocess.run(
            [sys.executable, "-m", "etl", "midi", "import", "in", "--db", "m.duckdb"], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 75
    assert f"locked by process {os.getpid()}" in done.stderr


def test_bombs_are_refused_and_write_nothing(tmp_path: Path):
    """What swells, nests or climbs is refused in bounded memory; nothing lies beside the store afterwards."""
    (tmp_path / "bombs").mkdir()
    figures = refused(list(make_bombs(tmp_path / "bombs", 1 << 26)), tmp_path / "top")
    # That a stream swells is seen after one member, or three since Python 3.12, which reads less at once.
    seen = 3 if sys.version_info >= (3, 12) else 1
    assert figures["refused"] == {
        "nothing": {"nothing": 1},
        **{f"bomb.{ending}": {"cap": 1} for ending in ("zip", "7z", "mid.gz", "mid.bz2", "mid.xz")},
        "bomb.tar.gz": {"cap": 1, "not MIDI": seen},
        "bombs.zip": {"cap": 1, "not MIDI": 1},
        "nested.zip": {"nested": 1},
        "evil.zip": {"unsafe": 5},
        "evil.tar": {"unsafe": 6},
        "sparse.mid": {"cap": 1},
    }
    assert (figures["code"], figures["taken"]) == (1, 0)  # nothing in them could be read
    assert figures["written_beside_the_store"] == []
