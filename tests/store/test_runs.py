"""Runs are recorded from start to end, however they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import polars as pl
import pytest

import etl
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.rejects import REJECT_SCHEMA
from etl.runtime.watch.log_file import LogFile
from etl.runtime.watch.progress import Watch
from etl.store.database import open_store, read_store
from etl.store.runs import add_rejects, recorded_run


@pytest.fixture
def connection(tmp_path):
    """Open an empty store."""
    with open_store(tmp_path / "music.duckdb") as opened:
        yield opened


def test_run_has_arguments_counts_and_times(connection):
    """What a run did can be looked up."""
    with recorded_run(connection, "build x", {"inputs": ["a"], "path": os.curdir}) as run:
        run.items_in, run.items_out = 5, 4
        run.meter.add("read", 0.5)
        rows = pl.DataFrame([("a", 3, "read", "kind", "why", "raw")], schema=REJECT_SCHEMA, orient="row")
        add_rejects(connection, run, rows)
    [row] = connection.sql("FROM runs").pl().to_dicts()
    assert (row["command"], row["version"], row["pid"]) == ("build x", etl.__version__, os.getpid())
    assert json.loads(row["arguments"]) == {"inputs": ["a"], "path": "."}
    assert (row["items_in"], row["items_out"], row["items_rejected"]) == (5, 4, 1)
    assert row["status"] == "done"
    assert row["started_at"] <= row["ended_at"]
    assert row["wall_s"] >= 0
    assert list(json.loads(row["stage_s"])) == ["read"]
    [reject] = connection.sql("FROM rejects").pl().to_dicts()
    assert reject == {
        "run_id": row["run_id"], "source": "a", "line": 3, "stage": "read",
        "category": "kind", "reason": "why", "raw": "raw",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("x"), "failed"),
        (EtlError("x"), "failed"),
        (EtlError("x", exit_code=ExitCode.PARKED), "parked"),
        (KeyboardInterrupt(), "interrupted"),
        (RuntimeError("Query interrupted"), "interrupted"),
    ],
)
def test_run_that_ends_early_says_how(connection, error, status):
    """The error passes on, the run keeps its words."""
    with pytest.raises(type(error)), recorded_run(connection, "build", {}):
        raise error
    [(found, words)] = connection.sql("SELECT status, error FROM runs").fetchall()
    assert found == status
    assert words.startswith(type(error).__name__)


def test_an_interruption_before_a_transaction_is_guarded_loses_no_end(tmp_path):
    """Where the signal comes right after the begin nobody rolls back, and the run has ended all the same."""
    path = tmp_path / "music.duckdb"
    with pytest.raises(KeyboardInterrupt), open_store(path) as opened, recorded_run(opened, "x", {}):  # noqa: PT012
        opened.begin()
        opened.execute("INSERT INTO service_state VALUES ('a', 'b', 'c', '1')")
        raise KeyboardInterrupt
    with read_store(path) as reader:
        assert reader.sql("SELECT status FROM runs").fetchall() == [("interrupted",)]
        assert reader.sql("FROM service_state").fetchall() == []


KILLED = """
import os, sys, pathlib
from etl.store.database import open_store
from etl.store.runs import recorded_run
with open_store(pathlib.Path(sys.argv[1])) as connection, recorded_run(connection, "build", {}):
    os.kill(os.getpid(), 9)
"""


def test_killed_run_is_marked_by_the_next(tmp_path):
    """No run stays running for ever."""
    path = tmp_path / "music.duckdb"
    ended = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    with open_store(path) as connection:
        assert connection.sql("SELECT status FROM runs").fetchall() == [("running",)]
        with recorded_run(connection, "build", {}):
            pass
        rows = connection.sql("SELECT status, error, ended_at IS NULL FROM runs ORDER BY run_id").fetchall()
    assert rows == [("failed", "the process was killed", False), ("done", None, False)]


def test_closed_store_does_not_hide_the_first_error(connection):
    """Where the end of a run cannot be recorded, what ended it is still what is raised."""
    with pytest.raises(ValueError, match="first"), recorded_run(connection, "build", {}):  # noqa: PT012
        connection.close()
        raise ValueError("first")


def test_a_run_tells_its_log_start_rejects_and_end(tmp_path):
    """A failing run leaves the reject and the error behind; a good one its seconds."""
    rejects = pl.DataFrame(
        {"source": ["a.mp3"], "stage": ["sonic"], "category": ["x"], "reason": ["too short"]}
    )
    log = LogFile(tmp_path / "x.log")
    with Watch("etl x", [], [log]), open_store(tmp_path / "s.duckdb") as connection:
        with recorded_run(connection, "library sonic", {}, log=log) as run:
            add_rejects(connection, run, rejects)
        with pytest.raises(OSError, match="gone"), recorded_run(connection, "again", {}, log=log):
            raise OSError("disk gone")
        assert connection.sql("SELECT source, line, reason FROM rejects").fetchall() == [
            ("a.mp3", None, "too short")
        ]
    said = [line.split(": ", 1)[1] for line in (tmp_path / "x.log").read_text().splitlines()]
    assert said[0].startswith("run 1: library sonic started, music-etl ")
    assert said[1] == "run 1: sonic: a.mp3: too short"
    assert re.fullmatch(r"run 1: done in \d+\.\d s; 1 reject", said[2])
    assert said[4] == "run 2: failed: OSError: disk gone"
