"""Runs beside readers, notebooks and interruptions: nobody waits for long, nothing is lost or done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from etl.pipelines.audio.run import LibraryStage
from etl.runtime.errors import ExitCode
from etl.runtime.limits import Limits
from etl.store.database import read_store
from etl.store.journal import journal_path, waiting_bursts
from tests.support.command_line import environment, etl
from tests.support.forked import Copy
from tests.support.kept_folder import KeptFolder
from tests.support.tracks import described_so_far, run, store_of, write_track

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRACKS = 16
MANY = 32
_QUICK_BURSTS = """
import sys
from pathlib import Path
from etl.pipelines.audio.run import LibraryStage
from etl.runtime.limits import Limits
from tests.support.tracks import run
run(Path(sys.argv[1]), LibraryStage.SONIC, workers=1, limits=Limits(burst_s=0.2, patience_s=0.5))
"""


def scan_tracks(folder: Path, count: int) -> KeptFolder:
    """Keep a folder of tracks and a store that knows them, none described."""
    for seed in range(count):
        write_track(folder / "music" / f"{seed:02d}.flac", seed, seconds=12.0)
    run(folder / "music", LibraryStage.SCAN)
    return KeptFolder(folder)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> KeptFolder:
    """Scan some tracks, once."""
    return scan_tracks(tmp_path_factory.mktemp("tracks"), TRACKS)


@pytest.fixture(scope="module")
def many_tracks(tmp_path_factory: pytest.TempPathFactory) -> KeptFolder:
    """Scan so many that a run is not done before it is interrupted."""
    return scan_tracks(tmp_path_factory.mktemp("many"), MANY)


@pytest.fixture
def scanned(tracks: KeptFolder) -> Path:
    """Give a folder of tracks whose store knows them, none described."""
    return tracks.again() / "music"


def start(command: list[str]) -> Copy:
    """Start a program, and hear nothing of it."""
    silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return Copy(command, env=environment(), **silent)


def described(folder: Path) -> dict[str, int]:
    """Give the attempts of each recording that is done, as any reader sees them."""
    with read_store(store_of(folder)) as connection:
        rows = connection.sql("SELECT item, attempts FROM ledger WHERE status = 'done'").fetchall()
    return dict(rows)


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait, two minutes at most."""
    until = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_store_can_be_read_all_the_time(scanned):
    """While tracks are described, a hundred of a hundred looks into the store succeed."""
    program = start([sys.executable, "-c", _QUICK_BURSTS, str(scanned)])
    looks, seen = 0, set()
    while program.poll() is None or looks < 100:
        with read_store(store_of(scanned), limits=Limits(patience_s=30.0)) as connection:
            seen |= set(connection.sql("SELECT count(*) FROM sonic_features").fetchall())
        looks += 1
        time.sleep(0.02)
    assert program.returncode == 0
    assert len(seen) > 2
    assert len(described(scanned)) == TRACKS


def test_a_notebook_that_stays_open_costs_a_killed_run_nothing(scanned):
    """What waits in the journal survives SIGKILL, is not described again, and is merged in the end."""
    notebook = duckdb.connect(str(store_of(scanned)), read_only=True)
    assert notebook.sql("SELECT count(*) FROM files").fetchall() == [(TRACKS,)]
    program = start([sys.executable, "-c", _QUICK_BURSTS, str(scanned)])
    wait_until(lambda: len(waiting_bursts(store_of(scanned))) >= 4 or program.poll() is not None)
    program.kill()
    program.wait()
    assert notebook.sql("SELECT count(*) FROM sonic_features").fetchall() == [(0,)]
    kept = len(waiting_bursts(store_of(scanned)))
    assert kept >= 4
    assert start([sys.executable, "-c", _QUICK_BURSTS, str(scanned)]).wait(120) == 0
    assert len(waiting_bursts(store_of(scanned))) > kept
    notebook.close()
    done = run(scanned, LibraryStage.SONIC)
    assert done.sonic is not None
    assert (done.sonic.known, done.sonic.described) == (TRACKS, 0)
    assert list(described(scanned).values()) == [1] * TRACKS
    assert not journal_path(store_of(scanned)).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_was_finished(many_tracks, number):
    """The run ends soon and says so; what it had described is in the store, and not described again."""
    scanned = many_tracks.again() / "music"
    program = start(etl("library", "sonic", "--workers", "1", "--db", store_of(scanned)))
    wait_until(lambda: described_so_far(store_of(scanned)) or program.poll() is not None)
    program.send_signal(number)
    began = time.monotonic()
    assert program.wait(60) == ExitCode.INTERRUPTED
    assert time.monotonic() - began < 20
    before = described(scanned)
    assert 0 < len(before) < MANY
    with read_store(store_of(scanned)) as connection:
        assert connection.sql("SELECT status FROM runs ORDER BY run_id DESC LIMIT 1").fetchall() == [
            ("interrupted",)
        ]
    done = run(scanned, LibraryStage.SONIC)
    assert done.sonic is not None
    assert (done.sonic.known, done.sonic.described) == (len(before), MANY - len(before))
    assert list(described(scanned).values()) == [1] * MANY
