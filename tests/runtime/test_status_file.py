"""The state that a run leaves for `etl status`."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.watch.status_file import RunningRun, StatusFile, read_status, running, status_path

if TYPE_CHECKING:
    from pathlib import Path

FILES = [Stage("import", "files")]

RUN = """
import pathlib, sys, time
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.watch.status_file import StatusFile
with Watch("etl midi run", [Stage("import", "files")], [StatusFile(pathlib.Path(sys.argv[1]))]) as watch:
    watch.total("import", 100)
    watch.advance("import", done=25)
    print("busy", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a store would be; its name has brackets, as folders of music do."""
    return tmp_path / "music [2026].duckdb"


def _seen(database: Path) -> RunningRun:
    deadline = time.monotonic() + 30
    while True:
        for run in running(database):
            if run.snapshot.stages[0].done:
                return run
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_state_is_there_while_a_process_lives_and_not_after_a_kill(database):
    """Not even while its parent has yet to take note; the next run removes what is left."""
    process = subprocess.Popen([sys.executable, "-c", RUN, str(database)], stdout=subprocess.PIPE)
    try:
        run = _seen(database)
        assert (run.pid, run.snapshot.title) == (process.pid, "etl midi run")
        assert run.snapshot.stages[0].share == 0.25
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert running(database) == []
    finally:
        process.kill()
        process.communicate()
    left = status_path(database, process.pid)
    assert running(database) == []
    assert left.exists()
    with Watch("next", FILES, [StatusFile(database)]) as watch:
        watch.refresh()
        assert not left.exists()
    assert list(database.parent.iterdir()) == []


def test_two_runs_over_a_store_are_both_there(database):
    """An export while a long run sleeps takes nothing from it."""
    process = subprocess.Popen([sys.executable, "-c", RUN, str(database)], stdout=subprocess.PIPE)
    try:
        _seen(database)
        with Watch("etl export", FILES, [StatusFile(database)]) as watch:
            watch.refresh()
            assert {run.snapshot.title for run in running(database)} == {"etl midi run", "etl export"}
        assert [run.pid for run in running(database)] == [process.pid]
    finally:
        process.kill()
        process.communicate()


def test_the_state_is_written_once_a_second(database):
    """Not at each look of the timer."""
    now = 0.0
    watch = Watch("run", FILES, [StatusFile(database)], clock=lambda: now)
    seen = []
    for quarter in range(17):
        now = quarter / 4
        watch.advance("import", done=1)
        watch.refresh()
        (run,) = running(database)
        seen.append(run.snapshot.stages[0].done)
    assert seen == [1] * 4 + [5] * 4 + [9] * 4 + [13] * 4 + [17]
    assert [path.name for path in database.parent.iterdir()] == [status_path(database, os.getpid()).name]


def test_a_folder_that_is_gone_ends_no_run(database):
    """Nor one that cannot be written."""
    with Watch("run", FILES, [StatusFile(database.parent / "gone" / "x.duckdb")]) as watch:
        watch.refresh()


def test_state_of_an_older_process_with_the_same_number_is_no_state(database):
    """A process that began after the state was written did not write it."""
    watch = Watch("run", FILES, [StatusFile(database)])
    watch.refresh()
    path = status_path(database, os.getpid())
    entry = json.loads(path.read_text())
    assert read_status(path) is not None
    path.write_text(json.dumps({**entry, "time": "2000-01-01T00:00:00+00:00"}))
    assert read_status(path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"pid": "x", "time": 1}',
        '{"pid": 1}',
        '{"pid": -1}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_a_broken_state_is_no_state(database, text):
    """Nothing that stands in the file can make `etl status` fail."""
    path = status_path(database, 1)
    path.write_text(text)
    assert running(database) == []


@pytest.mark.parametrize(
    "name", ["pid", "stages", "time", "figures", "waits_until", "elapsed_s", "peak_bytes"]
)
@pytest.mark.parametrize("value", ["x", -1, [1], {"a": 1}, 1e308, True, math.nan, math.inf])
def test_a_state_with_odd_values_can_be_shown_or_is_none(database, name, value):
    """Each field may hold anything."""
    from etl.runtime.watch.format import in_lines

    Watch("run", FILES, [StatusFile(database)]).refresh()
    path = status_path(database, os.getpid())
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    run = read_status(path)
    assert run is None or all(line.isprintable() for line in in_lines(run.snapshot))
