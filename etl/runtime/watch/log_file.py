"""The log file of runs: a line per stage, warning and failure, and once a minute how far they are."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final

from etl.runtime.watch.format import duration, waits_text
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from etl.runtime.watch.snapshot import Snapshot, StageProgress

MAX_BYTES: Final = 2_000_000
"""Size at which a log is renamed to ``.1``, in place of an earlier one, and begun anew."""

_MAX_LINE: Final = 1000
_PROGRESS_INTERVAL: Final = 60.0


class LogFile:
    """A log file; every line has the time, a level and the process.

    A log that cannot be written is no reason to lose a run: such errors are passed over. Line breaks and
    control characters, which file names may hold, are escaped, so that a line is an entry.

    Parameters
    ----------
    path
        The file; lines are appended.
    max_bytes
        Size at which it is begun anew.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._handler = _Handler(
            path, maxBytes=max_bytes, backupCount=1, encoding="utf-8", delay=True, errors="backslashreplace"
        )
        self._handler.setFormatter(_Formatter("%(message)s"))
        self._due = _PROGRESS_INTERVAL
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def write(self, level: str, text: str) -> None:
        """Write a line; ``level`` is ``info``, ``warning`` (left out) or ``error`` (the run ended)."""
        self._handler.handle(logging.LogRecord(level, logging.INFO, "", 0, text, None, None))

    def show(self, snapshot: Snapshot) -> None:
        """Write which stages have begun or ended since, and once a minute how far those under way are."""
        for stage in snapshot.stages:
            if stage.has_begun and stage.name not in self._begun:
                self._begun.add(stage.name)
                self.write("info", f"{stage.name} started")
            if stage.has_begun and stage.is_complete:
                self._end(stage)
        if snapshot.elapsed_s < self._due:
            return
        self._due = snapshot.elapsed_s + _PROGRESS_INTERVAL
        under_way = [stage for stage in snapshot.stages if stage.name in self._begun - self._ended]
        for stage in under_way:
            suffix = f" - Stage: {stage.name}" if len(snapshot.stages) > 1 else ""
            self.write("info", progress_text(stage) + suffix)
        if waits := waits_text(snapshot):
            self.write("info", waits)

    def say(self, line: str) -> None:
        """Write the line."""
        self.write("info", line)

    def close(self, snapshot: Snapshot, /) -> None:
        """Write how the stages ended, and close the file."""
        self.show(snapshot)
        for stage in snapshot.stages:
            if stage.has_begun:
                self._end(stage)
        self._handler.close()

    def _end(self, stage: StageProgress) -> None:
        if stage.name not in self._ended:
            self._ended.add(stage.name)
            total = "" if stage.total is None else f" of {stage.total:,}"
            self.write(
                "info",
                f"{stage.name} ended: {stage.done:,}{total} {stage.unit}, "
                f"{number_of(stage.errors, 'error')}, busy {duration(stage.seconds)}",
            )


def log_path(database: Path) -> Path:
    """Where runs over a store write their log."""
    return database.with_name(f"{database.name}.log")


def progress_text(stage: StageProgress) -> str:
    """Say how far a stage is, in the form that people search logs for.

    Examples
    --------
    >>> from etl.runtime.watch.snapshot import StageProgress
    >>> progress_text(StageProgress("sonic", "tracks", 1000, 10000, share=0.1, rate=1.1, eta_s=9000.0))
    'Progress: 1000/10000 (10%) - Rate: 1.1 tracks/sec - ETA: 2.5 hours'
    """
    text = f"Progress: {stage.done}" + ("" if stage.total is None else f"/{stage.total}")
    if stage.share is not None:
        text += f" ({int(100 * stage.share)}%)"
    if stage.rate is not None:
        text += f" - Rate: {stage.rate:{'.1f' if stage.rate >= 0.1 else '.2g'}} {stage.unit}/sec"
    if stage.eta_s is not None:
        text += f" - ETA: {_in_one_unit(stage.eta_s)}"
    return text


def _in_one_unit(seconds: float) -> str:
    if seconds < 60:
        return number_of(round(seconds), "second")
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours"


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the name in the standard library
        """Let the run go on."""


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        return f"{time} {record.name} {record.process}: {one_line(record.getMessage()[:_MAX_LINE])}"
