"""Runs over a library: incremental, resumable, and told as numbers."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from etl.audio.features import Mode
from etl.exports.pictures import Coloring
from etl.pipelines.audio.check import check_library
from etl.pipelines.audio.draw import draw_overview, draw_track
from etl.pipelines.audio.run import LibraryPlan, LibraryStage, plan_library, run_library
from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import open_store, read_store
from tests.support.command_line import environment, etl
from tests.support.empty_store import empty_store
from tests.support.forked import forked_runs
from tests.support.tracks import matrices, request, run, store_of, write_track


def attempts(database: Path) -> dict[str, int]:
    """Give the attempts per recording."""
    with closing(duckdb.connect(str(database), read_only=True)) as connection:
        return dict(connection.sql("SELECT item, attempts FROM ledger WHERE task = 'sonic'").fetchall())


def test_a_run_describes_every_track_once_and_says_why_not(music):
    """Copies are described once; broken files are rejected with a reason; pictures are no tracks."""
    done = run(music, workers=2)
    assert done.scan is not None
    assert (done.scan.new, done.scan.tracks, done.scan.rejected) == (9, 7, 1)
    assert done.sonic is not None
    assert (done.sonic.known, done.sonic.described, done.sonic.failed) == (0, 6, 0)
    assert done.sonic.peak_bytes > 10_000_000
    assert done.artifacts is None
    counts = done.status
    assert (counts.total, counts.analyzed, counts.pending, counts.failed) == (7, 7, 0, 0)
    with read_store(store_of(music)) as connection:
        rejects = connection.sql("SELECT source, reason FROM rejects").fetchall()
        tracks = connection.sql("SELECT title, artist, bpm, key FROM library ORDER BY path").fetchall()
        runs = connection.sql(
            "SELECT command, status, items_in, items_out, items_rejected FROM runs"
        ).fetchall()
    assert check_library(store_of(music)) == []
    assert [(Path(path).name, "content is not audio" in reason) for path, reason in rejects] == [
        ("broken.mp3", True)
    ]
    assert len(tracks) == 7
    assert tracks[0][:2] == ("Song 0", "Artist 0")
    assert runs == [("library scan+sonic", "done", 9, 6, 1)]


def test_second_run_does_nothing(described):
    """A run over an unchanged folder reads and describes nothing, and starts no process."""
    done = run(described)
    assert done.scan is not None
    counts = done.scan
    assert (counts.unchanged, counts.new, counts.changed, counts.moved, counts.gone) == (9, 0, 0, 0, 0)
    assert counts.rejected == 0
    assert done.sonic is not None
    assert (done.sonic.known, done.sonic.described, done.sonic.peak_bytes) == (6, 0, 0)
    assert set(attempts(store_of(described)).values()) == {1}


def test_moves_and_copies_cost_nothing_and_changes_are_seen(described):
    """A moved file keeps its identity; a changed one is described anew; a deleted one is gone."""
    database = store_of(described)
    with read_store(database) as connection:
        ((before,),) = connection.sql("SELECT track_id FROM library WHERE title = 'Song 1'").fetchall()
    (described / "album1" / "1.flac").rename(described / "moved.flac")
    (described / "album0" / "2.flac").unlink()
    write_track(described / "album1" / "3.flac", 33)
    done = run(described)
    assert done.scan is not None
    assert (done.scan.changed, done.scan.moved, done.scan.gone) == (1, 1, 1)
    assert done.sonic is not None
    assert done.sonic.described == 1
    with read_store(database) as connection:
        ((path, after),) = connection.sql(
            "SELECT path, track_id FROM library WHERE title = 'Song 1'"
        ).fetchall()
        assert (Path(path).name, after) == ("moved.flac", before)
        assert connection.sql(
            "SELECT count(*) FROM library WHERE title IN ('Song 2', 'Song 3')"
        ).fetchall() == [(0,)]
    assert check_library(database) == []


def test_a_new_file_in_the_place_of_a_moved_one_is_another_track(described):
    """Identity follows the content that moved; its old place gives a new identity."""
    (described / "album1" / "1.flac").rename(described / "moved.flac")
    run(described)
    write_track(described / "album1" / "1.flac", 41)
    run(described)
    with read_store(store_of(described)) as connection:
        found = connection.sql("SELECT count(*), count(DISTINCT track_id) FROM library").fetchall()
        assert found == [(8, 8)]
    assert check_library(store_of(described)) == []


def test_a_file_that_comes_back_is_known(described):
    """Features outlive the absence of their file."""
    away = described.parent / "4.flac"
    (described / "album0" / "4.flac").rename(away)
    gone = run(described)
    assert gone.scan is not None
    assert gone.scan.gone == 1
    away.rename(described / "album0" / "4.flac")
    back = run(described)
    assert back.sonic is not None
    assert back.sonic.described == 0
    assert back.status.analyzed == 7


def test_a_file_that_is_not_what_was_scanned_waits_for_the_next_scan(music):
    """What a drive or a download gave for a moment is not taken for the track."""
    album = music / "album0"
    path = album / "2.flac"
    run(music, LibraryStage.SCAN, sources=(album,))
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:2000])
    done = run(music, LibraryStage.SONIC)
    assert done.sonic is not None
    assert (done.sonic.described, done.sonic.failed, done.sonic.unreadable) == (2, 0, 1)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = run(music, sources=(album,))
    assert done.sonic is not None
    assert (done.sonic.described, done.status.analyzed) == (1, 3)


def test_inventory_file_is_a_source(music):
    """A CSV of paths scans those and only those; a missing one is rejected."""
    inventory = music.parent / "list.csv"
    inventory.write_text("path\nmusic/album0/0.flac\nmusic/nowhere.flac\n")
    done = run(music, LibraryStage.SCAN, sources=(inventory,))
    assert done.scan is not None
    assert (done.scan.new, done.scan.rejected) == (1, 1)


def test_windowed_features_stand_beside_beat_features(described):
    """The other mode is other work, and both stay."""
    windowed, again = run(described, mode=Mode.WINDOW), run(described)
    assert windowed.sonic is not None
    assert again.sonic is not None
    assert (windowed.sonic.described, again.sonic.described) == (6, 0)
    with read_store(store_of(described)) as connection:
        assert connection.sql("SELECT count(*) FROM sonic_features").fetchall() == [(12,)]
        assert connection.sql("SELECT count(*) FROM library").fetchall() == [(7,)]


def test_the_newest_description_is_shown(described):
    """Of two versions of the features the view has the newer one, by number."""
    with open_store(store_of(described)) as connection:
        connection.execute(
            "INSERT INTO sonic_features "
            "SELECT * REPLACE ('10.beat' AS version, 77 AS bpm) FROM sonic_features"
        )
        assert connection.sql("SELECT DISTINCT bpm FROM library").fetchall() == [(77.0,)]
        assert connection.sql("SELECT count(*) FROM library").fetchall() == [(7,)]


def test_tracks_that_wait_are_in_the_view_too(described):
    """A scanned track without a description stands beside the others, and pictures and queries work."""
    write_track(described / "new.flac", 50)
    run(described, LibraryStage.SCAN)
    database, folder = store_of(described), described.parent
    with read_store(database) as connection:
        rows = connection.sql("SELECT * FROM library").pl()
    assert (rows.height, rows["vector_whole"].null_count()) == (8, 1)
    assert draw_overview(database, folder / "o.png", color=Coloring.KEY).tracks == 6  # a copy once
    assert draw_track(database, "Song 1", folder / "t.png").output == folder / "t.png"
    assert (folder / "t.png").is_file()
    assert len(matrices(database, folder / "x.npz").track_ids) == 7


def test_limits_end_a_run_early_and_the_next_goes_on(music):
    """So many files are read, so many recordings described; hashes that were found are kept."""
    first = run(music, limit=2)
    assert first.scan is not None
    assert first.sonic is not None
    assert (first.scan.new, first.sonic.described) == (2, 2)
    run(music, LibraryStage.SCAN)
    second = run(music, LibraryStage.SONIC, limit=3)
    assert second.sonic is not None
    assert (second.sonic.described, second.status.pending) == (
        3,
        second.status.total - second.status.analyzed,
    )
    third = run(music)
    assert third.sonic is not None
    assert (third.sonic.known, third.sonic.described, third.status.pending) == (5, 1, 0)
    assert set(attempts(store_of(music)).values()) == {1}


def test_force_describes_everything_again(described):
    """Finished work is done anew, in place of what was there."""
    done = run(described, LibraryStage.SONIC, force=True)
    assert done.sonic is not None
    assert (done.sonic.known, done.sonic.described) == (0, 6)
    assert set(attempts(store_of(described)).values()) == {2}


def test_a_plan_says_what_a_run_does_and_does_nothing(music):
    """Before the first run, and after a scan."""
    everything = request(music, *LibraryStage)
    plan = plan_library(store_of(music), everything)
    assert plan.scan is not None
    assert (plan.scan.new, plan.tracks, plan.output) == (9, 0, music.parent / "out.npz")
    assert not store_of(music).exists()
    run(music, LibraryStage.SCAN)
    plan = plan_library(store_of(music), everything)
    assert plan.scan is not None
    assert (plan.scan.new, plan.scan.unchanged, plan.tracks, plan.status.pending) == (0, 9, 7, 7)
    only = plan_library(store_of(music), request(music, LibraryStage.SONIC, limit=2))
    assert only == LibraryPlan(None, None, 2, None, plan.status)


def test_an_unwritable_target_is_known_at_the_start(music):
    """A run says so before it has worked for hours."""
    with pytest.raises(EtlError, match="is a folder"):
        run(music, *LibraryStage, output=music)
    assert not store_of(music).exists()


def test_a_run_leaves_a_log(music):
    """Stages, the reject and the end are in the log beside the store, and nothing else is."""
    (music / "hostile\nname.mp3").write_bytes(b"no audio")
    run(music, LibraryStage.SCAN)
    text = (music.parent / "store.duckdb.log").read_text()
    assert "scan started" in text
    assert "warning" in text
    assert "hostile\\nname.mp3: the name says mp3, the content is not audio" in text
    assert "scan ended: 10 of 10 files, 2 errors" in text
    assert "done in " in text
    assert "; 2 rejects" in text
    assert sorted(path.name for path in music.parent.iterdir()) == [
        "music",
        "store.duckdb",
        "store.duckdb.log",
    ]


KILLED = """
import os, signal
from pathlib import Path
from etl.pipelines.audio import describe_tracks
from etl.pipelines.audio.run import LibraryStage, run_library
from tests.support.tracks import request
add, left = describe_tracks._Outcomes.add, 5
def counted(self, outcome):
    global left
    add(self, outcome)
    left -= 1
    if left == 2:
        self.put()
        self._store.flush()
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
describe_tracks._Outcomes.add = counted
folder, database, output = (Path(os.environ[name]) for name in ("FOLDER", "STORE", "OUTPUT"))
run_library(database, request(folder, *LibraryStage, output=output, workers=1))
"""


def test_killed_run_resumes_without_doing_work_twice(tmp_path):
    """After SIGKILL only unfinished tracks are done, and the matrices are those of an unbroken run."""
    folder = tmp_path / "music"
    for seed in range(11):
        write_track(folder / f"{seed:02d}.flac", seed)
    whole = request(folder, *LibraryStage, output=tmp_path / "whole.npz")
    run_library(tmp_path / "whole.duckdb", whole)
    database, output = empty_store(tmp_path / "killed.duckdb"), tmp_path / "killed.npz"
    places = {"FOLDER": str(folder), "STORE": str(database), "OUTPUT": str(output)}
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    with forked_runs("etl.pipelines.audio.describe_tracks", "etl.pipelines.audio.run") as runs:
        for finished in (3, 6):  # of the five that were described each time, two were not in the store yet
            (ended,) = runs(script, places)
            assert ended.code == -signal.SIGKILL, ended
            with open_store(database):
                pass
            assert list(attempts(database).values()) == [1] * finished
    run_library(database, request(folder, *LibraryStage, output=output))
    assert list(attempts(database).values()) == [1] * 11
    assert output.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    left = {path.name for path in tmp_path.iterdir() if "killed" in path.name}
    assert left == {"killed.duckdb", "killed.duckdb.log", "killed.npz"}


def test_second_writer_is_told_who_holds_the_store(tmp_path, music):
    """A run on a store in use says which process holds it and what to do."""
    database = tmp_path / "held.duckdb"
    with open_store(database):
        done = subprocess.run(
            etl("library", "scan", music, "--db", database),
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == ExitCode.PARKED
    assert f"locked by process {os.getpid()}, started at" in done.stderr


def test_files_that_vanish_before_they_are_hashed_wait(music):
    """A whole batch that cannot be read gives rejects, no crash, and is tried again."""
    run(music, LibraryStage.SCAN)
    away = music.rename(music.parent / "away")
    done = run(music, LibraryStage.SONIC)
    assert done.sonic is not None
    assert (done.sonic.described, done.status.pending) == (0, 7)
    with read_store(store_of(music)) as connection:
        reasons = connection.sql("SELECT DISTINCT reason FROM rejects WHERE stage = 'sonic'").fetchall()
    assert reasons == [("cannot read the file: No such file or directory",)]
    away.rename(music)
    again = run(music, LibraryStage.SONIC)
    assert again.sonic is not None
    assert again.sonic.described == 6
