"""The state that a run leaves beside the store, so that `etl status` shows it from another terminal."""

from __future__ import annotations

import glob
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.watch.snapshot import Snapshot, from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INTERVAL: Final = 1.0


@dataclass(frozen=True)
class RunningRun:
    """A run that another process is at, and what it said last."""

    pid: int
    snapshot: Snapshot


class StatusFile:
    """Rewrites the state of this process every second, and removes it at the end.

    Parameters
    ----------
    database
        The store that the run is about. What killed runs left beside it is removed.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = status_path(database, os.getpid())
        self._due = 0.0

    def show(self, snapshot: Snapshot) -> None:
        """Write the state if that is due."""
        if snapshot.elapsed_s < self._due:
            return
        if not self._due:
            self._sweep()
        self._due = snapshot.elapsed_s + _INTERVAL
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps({"pid": os.getpid(), **snapshot.as_json()}), encoding="utf-8")
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)  # a full disk leaves a part
            raise

    def say(self, line: str) -> None:
        """Keep nothing: the state alone is of interest."""

    def close(self, _snapshot: Snapshot, /) -> None:
        """Remove the state."""
        self._path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        for path in _status_files(self._database):
            if read_status(path) is None:
                for left in (path, path.with_suffix(".tmp")):
                    with suppress(OSError):
                        left.unlink()


def status_path(database: Path, pid: int) -> Path:
    """Where a process leaves the state of its run over a store."""
    return database.with_name(f"{database.name}.{pid}.status.json")


def running(database: Path) -> list[RunningRun]:
    """Give the runs over a store that other processes are at, the oldest first."""
    found = [run for path in _status_files(database) if (run := read_status(path)) is not None]
    return sorted(found, key=lambda run: run.snapshot.started)


def read_status(path: Path) -> RunningRun | None:
    """Read the state that a living run has left, None if there is no such run."""
    import psutil  # noqa: PLC0415 - a run itself does without

    try:
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        run = RunningRun(int(entry["pid"]), from_json(entry))
        process = psutil.Process(run.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        started = process.create_time()
    except (OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError, psutil.Error):
        return None
    except RecursionError:  # brackets without end
        return None
    # A killed process leaves its file, and a later process may have its number. One second is for clocks.
    return run if started < run.snapshot.time + 1 else None


def _status_files(database: Path) -> Iterator[Path]:
    return database.parent.glob(f"{glob.escape(database.name)}.*.status.json")
