"""A MIDI run and the store: others read it meanwhile, and one that never lets go of it costs nothing."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg"

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from etl.cli.main import app
from etl.pipelines.midi.find import library_query
from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import plan_midi
from etl.runtime.limits import Limits
from etl.store.database import open_store
from tests.pipelines.midi.test_run import ALL, put, run, songs
from tests.support.forked import Copy
from tests.support.midi_kills import midi_runs, tables, tree, words
from tests.support.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTEBOOK = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); "
    "print(c.sql('SELECT count(*) FROM midi_files').fetchall(), flush=True); sys.stdin.read()"
)
IMPATIENT = Limits(patience_s=0.2, batch_files=8)


@contextmanager
def notebook(database: Path) -> Iterator[None]:
    """Keep the store open read-only in another process."""
    with Copy(
        [sys.executable, "-c", NOTEBOOK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()


def start(top: Path, *, stages: str = "import,analyze,sanitize,split") -> Copy:
    """Start the command over ``top/in``."""
    words = ["midi", "run", "in", "--stages", stages, "--db", "m.duckdb", "--library", "library"]
    return Copy(
        [sys.executable, "-m", "etl", *words], cwd=top, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a library of ten songs, ten new ones, and a twin that took these without being disturbed."""
    folder: Path = tmp_path_factory.mktemp("made")
    blobs = songs(20)
    (folder / "twin").mkdir()
    put(folder, {f"{number}.mid": blob for number, blob in enumerate(blobs[:10])})
    run(folder / "twin", source=folder / "in")
    shutil.copytree(folder / "twin", folder / "held")
    (folder / "held" / "in").symlink_to(folder / "in")
    put(folder, {f"{number}.mid": blob for number, blob in enumerate(blobs[10:], 10)})
    run(folder / "twin", source=folder / "in")
    return folder


@pytest.fixture
def top(made: Path) -> Iterator[Path]:
    """Give a folder with the library to hold, its twin, and the songs of both; it is put back afterwards."""
    shutil.copytree(made / "held", made / "kept", symlinks=True)
    yield made
    shutil.rmtree(made / "held")
    (made / "kept").rename(made / "held")


def assert_equal(top: Path) -> None:
    """Compare the library that was held with the one that was not."""
    assert tables(top / "held") == tables(top / "twin")
    assert tree(top / "held" / "library") == tree(top / "twin" / "library")


def test_others_read_while_a_run_lasts(tmp_path: Path):
    """Counts, lists and plans succeed at any moment of a run."""
    put(tmp_path, {f"{number:04d}.mid": blob for number, blob in enumerate(songs(500))})
    run(tmp_path, stages=[Stage.IMPORT], limit=1)
    process = start(tmp_path, stages="analyze")
    answers = 0
    database = tmp_path / "m.duckdb"
    while process.poll() is None:
        assert library_query(database, "overview")["paths"][0] in range(1, 501)
        assert plan_midi(MidiRun((tmp_path / "in",), database, tmp_path / "library", ALL)).files > 0
        words = ["midi", "stats", "--db", str(database)]
        assert CliRunner().invoke(app, words).exit_code == 0
        answers += 3
    assert process.returncode == 0
    assert answers > 10
    assert library_query(database, "overview")["paths"][0] == 500


def test_a_notebook_delays_nothing_and_loses_nothing(top: Path):
    """The run ends while the store is held; what waited is there as soon as a command may write."""
    with notebook(top / "held" / "m.duckdb"):
        held = run(top / "held", source=top / "in", limits=IMPATIENT)
        assert (held.read, held.new, held.unchanged) == (10, 10, 10)
        assert list((top / "held" / "m.duckdb.journal").glob("*.burst"))
        assert not list((top / "held" / "library").glob(".*"))
        again = run(top / "held", source=top / "in", limits=IMPATIENT)
        assert (again.read, again.unchanged) == (0, 20)
    run(top / "held", source=top / "in")
    assert_equal(top)


def test_a_burst_that_waits_needs_no_library(top: Path):
    """Any command merges it, also where the drive of the library is away."""
    with notebook(top / "held" / "m.duckdb"):
        run(top / "held", source=top / "in", limits=IMPATIENT)
    (top / "held" / "library").rename(top / "drive")
    with open_store(top / "held" / "m.duckdb"):
        pass
    assert not (top / "held" / "m.duckdb.journal").exists()
    (top / "drive").rename(top / "held" / "library")
    assert_equal(top)


@pytest.mark.parametrize("seed", range(2))
def test_killed_beside_a_notebook_and_run_again(top: Path, tmp_path: Path, seed: int):
    """Kills at random moments, with the results in the journal, change nothing in the end."""
    chance = random.Random(seed)
    shutil.rmtree(top / "held" / "library")
    (top / "held" / "m.duckdb").unlink()
    run(top / "held", source=top / "in", stages=[Stage.IMPORT], limit=1)
    with notebook(top / "held" / "m.duckdb"), midi_runs(tmp_path) as run_again:
        wanted = words(top / "held", top / "held" / "in", "import,analyze,sanitize,split")
        for _ in range(3):
            run_again(*wanted, "--workers", "0", kill_after=chance.uniform(0.2, 1.2))
    run(top / "held", source=top / "held" / "in")
    named = {row[0].rsplit("/", 1)[1] for row in paths(top / "held")}
    assert named == {f"{number}.mid" for number in range(20)}
    held, twin = (tree(top / name / "library") for name in ("held", "twin"))
    assert held == twin


def paths(top: Path) -> list[tuple]:
    """Paths in the store."""
    with open_store(top / "m.duckdb") as connection:
        return connection.execute("SELECT path FROM midi_paths").fetchall()
