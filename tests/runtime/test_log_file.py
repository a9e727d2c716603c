"""The log file of runs: one line per entry, bounded, and never a reason to fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from etl.runtime.watch.log_file import LogFile, log_path
from etl.runtime.watch.progress import Stage, Watch

if TYPE_CHECKING:
    from pathlib import Path

TRACKS = Stage("sonic", "tracks")


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def _said(path: Path) -> list[str]:
    return [line.split(": ", 1)[1] for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_has_time_level_process_and_text(tmp_path):
    """Every entry is one line, whatever control characters a file name brings."""
    path = log_path(tmp_path / "music.duckdb")
    with Watch("run", [], [log := LogFile(path)]):
        log.write("info", "scan started")
        log.write("warning", "a\nb\x1b[31m\u202e\udcff ümlaut")
        log.write("warning", "x" * 5000)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 info \d+: scan started", lines[0])
    assert lines[1].endswith(r"a\nb\x1b[31m\u202e\udcff ümlaut")
    assert len(lines[2]) < 1100


def test_once_a_minute_it_says_how_far_the_run_is(tmp_path):
    """In the form that people search logs for; begin and end of the stage stand around it."""
    clock, path = Clock(), tmp_path / "x.log"
    log = LogFile(path)
    watch = Watch("etl library sonic", [TRACKS], [log], clock=clock)
    watch.total("sonic", 10_000)
    for second in range(10, 10 * 190, 10):
        clock.now = 1000 + second / 10
        if second % 10 == 0:
            watch.advance("sonic", done=11 if second % 100 == 0 else 0, errors=second == 100)
        watch.refresh()
    log.close(watch.snapshot())
    assert _said(path) == [
        "sonic started",
        "Progress: 66/10000 (0%) - Rate: 1.1 tracks/sec - ETA: 2.5 hours",
        "Progress: 132/10000 (1%) - Rate: 1.1 tracks/sec - ETA: 2.5 hours",
        "Progress: 198/10000 (1%) - Rate: 1.1 tracks/sec - ETA: 2.5 hours",
        "sonic ended: 198 of 10,000 tracks, 1 error, busy 0 s",
    ]


def test_stages_are_told_apart_and_waiting_is_said(tmp_path):
    """A stage that is complete ends at once, and says nothing more."""
    clock, path = Clock(), tmp_path / "x.log"
    log = LogFile(path)
    watch = Watch("run", [Stage("find", "files"), TRACKS, Stage("never", "files")], [log], clock=clock)
    watch.total("find", 7)
    watch.advance("find", done=7, seconds=61)
    watch.advance("sonic", waiting=7)
    watch.waiting_for("compiling 12 of 57 functions")
    watch.refresh()
    clock.now += 60
    watch.refresh()
    log.close(watch.snapshot())
    assert _said(path) == [
        "find started",
        "find ended: 7 of 7 files, 0 errors, busy 1 min 1 s",
        "sonic started",
        "Progress: 0 - Stage: sonic",
        "Waiting: compiling 12 of 57 functions",
        "sonic ended: 0 tracks, 0 errors, busy 0 s",
    ]


def test_a_log_stays_small(tmp_path):
    """At its limit a log is begun anew, and of earlier ones the last is kept."""
    with Watch("run", [], [log := LogFile(tmp_path / "x.log", max_bytes=10_000)]):
        for number in range(1000):
            log.write("info", f"entry {number}")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["x.log", "x.log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_100
    assert "entry 999" in (tmp_path / "x.log").read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_ends_no_run(tmp_path):
    """A folder in its place is passed over."""
    (tmp_path / "x.log").mkdir()
    with Watch("run", [TRACKS], [LogFile(tmp_path / "x.log")]) as watch:
        watch.advance("sonic", done=1)
        watch.say("unheard")
