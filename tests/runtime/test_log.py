"""The log file of runs: one line per entry, bounded, and never a reason to fail."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl
import pytest

from etl.runtime import log as module
from etl.runtime.log import RunLog
from etl.store.database import open_store
from etl.store.runs import add_rejects, recorded_run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_line_has_time_level_process_and_text(tmp_path: Path) -> None:
    """Every entry is one line, whatever control characters a file name brings."""
    with closing(RunLog(tmp_path / "x.log")) as log:
        log.write("info", "scan started")
        log.write("warning", "a\nb\x1b[31m\u202e\udcff ümlaut")
        log.write("warning", "x" * 5000)
    lines = (tmp_path / "x.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 info \d+: scan started", lines[0])
    assert lines[1].endswith(r"a\nb\x1b[31m\u202e\udcff ümlaut")
    assert len(lines[2]) < 1100


def test_a_log_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its limit a log is begun anew, and of earlier ones the last is kept."""
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    with closing(RunLog(tmp_path / "x.log")) as log:
        for number in range(1000):
            log.write("info", f"entry {number}")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["x.log", "x.log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_100
    assert "entry 999" in (tmp_path / "x.log").read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    """A folder in its place is passed over."""
    (tmp_path / "x.log").mkdir()
    with closing(RunLog(tmp_path / "x.log")) as log:
        log.write("info", "unheard")


def test_a_run_tells_its_log_start_rejects_and_end(tmp_path: Path) -> None:
    """A failing run leaves the reject and the error behind; a good one its seconds."""
    rejects = pl.DataFrame(
        {"source": ["a.mp3"], "stage": ["sonic"], "category": ["x"], "reason": ["too short"]}
    )
    with open_store(tmp_path / "s.duckdb") as connection, closing(RunLog(tmp_path / "x.log")) as log:
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
    assert re.fullmatch(r"run 1: done in \d+\.\d s; 1 rejects", said[2])
    assert said[4] == "run 2: failed: OSError: disk gone"
