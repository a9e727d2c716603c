"""The log file of runs: a line per stage, warning and failure, in a file that stays small."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 2_000_000
"""Size at which a log is renamed to ``.1``, in place of an earlier one, and begun anew."""

_MAX_LINE: Final = 1000


class RunLog:
    """A log file; every line has the time, a level and the process.

    A log that cannot be written is no reason to lose a run: such errors are passed over. Line breaks and
    control characters, which file names may hold, are escaped, so that a line is an entry.

    Parameters
    ----------
    path
        The file; lines are appended.
    """

    def __init__(self, path: Path) -> None:
        self._handler = _Handler(
            path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8", delay=True, errors="backslashreplace"
        )
        self._handler.setFormatter(_Formatter("%(message)s"))

    def write(self, level: str, text: str) -> None:
        """Write a line; ``level`` is ``info``, ``warning`` (left out) or ``error`` (the run ended)."""
        self._handler.handle(logging.LogRecord(level, logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def log_path(database: Path) -> Path:
    """Where runs that hold the store write their log."""
    return database.with_name(f"{database.name}.log")


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the name in the standard library
        """Let the run go on."""


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in record.getMessage()[:_MAX_LINE])
        return f"{time} {record.name} {record.process}: {text}"
