"""One writer at a time: a locked file beside the store for as long as a run lasts.

Readers never ask for it. The system lets go of the lock when the process ends, however it ends, so that no
killed run keeps the next one out.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from etl.runtime.disk.targets import write_error
from etl.runtime.errors import EtlError, ExitCode

try:
    import fcntl
except ImportError:  # the process that the file names is looked up instead
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    pid
        Its process.
    started
        When it began to hold it, or the process itself began, seconds since 1970; None if that is not known.
    command
        What it runs; empty if that is not known.
    """

    pid: int
    started: float | None
    command: str = ""

    @classmethod
    def of_process(cls, pid: int) -> Self:
        """Look a process up."""
        import psutil  # noqa: PLC0415 - of use for errors alone

        with suppress(psutil.Error):
            return cls(pid, psutil.Process(pid).create_time())
        return cls(pid, None)

    def is_alive(self) -> bool:
        """Whether the process runs, and is not a later one with the same number."""
        began = Holder.of_process(self.pid).started
        return began is not None and self.started is not None and began <= self.started + 1


class RunLockedError(EtlError):
    """Another run writes to the store."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint, exit_code=ExitCode.PARKED)


def run_lock_path(database: Path) -> Path:
    """Where the lock of a store is: beside the file itself, through whatever link it is reached."""
    file = database.resolve()
    return file.with_name(f"{file.name}.lock")


def locked_message(database: Path, holder: Holder) -> tuple[str, str]:
    """Say who holds the store, and what to do about it."""
    if holder.started is None:
        since = ""
    else:
        since = f", started at {datetime.fromtimestamp(holder.started).astimezone():%Y-%m-%d %H:%M:%S}"
    command = f": `{holder.command}`" if holder.command else ""
    return (
        f"{database} is locked by process {holder.pid}{since}{command}.",
        f"Wait for it to end, stop it with `kill {holder.pid}` (it can be resumed), or use another --db.",
    )


@contextmanager
def run_lock(database: Path, command: str) -> Iterator[None]:
    """Keep other writers out of a store.

    Parameters
    ----------
    database
        The store; need not be there yet.
    command
        What the run is, for those who are kept out.

    Raises
    ------
    RunLockedError
        If another run has the lock, at once; it says which.
    EtlError
        If no lock can be made beside the store.
    """
    path = run_lock_path(database)
    try:
        descriptor = _take(path, database)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(asdict(Holder(os.getpid(), time.time(), command))).encode())
        yield
    finally:
        _give_back(path, descriptor)


def _give_back(path: Path, descriptor: int) -> None:
    if not _HAS_LOCKS:
        os.close(descriptor)  # Windows deletes no open file
        with suppress(PermissionError):  # somebody looks into it just now
            path.unlink(missing_ok=True)
        return
    path.unlink(missing_ok=True)  # before the lock ends: whoever comes next makes a file of its own
    os.close(descriptor)


def _take(path: Path, database: Path) -> int:
    """Open and lock the file; one that its owner removed in between is no lock any more."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(descriptor, database)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, database: Path) -> None:
    """Lock the file, or say who has."""
    if not _HAS_LOCKS:
        holder = _holder(descriptor)
        if holder is not None and holder.is_alive():
            raise RunLockedError(*locked_message(database, holder))
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(descriptor)
        if holder is None:  # it has begun just now
            raise RunLockedError(
                f"{database} is in use by another process.", "Wait for it to end, or use another --db."
            ) from error
        raise RunLockedError(*locked_message(database, holder)) from error


def _holder(descriptor: int) -> Holder | None:
    """Who has written the file; None if nobody has yet."""
    with suppress(ValueError, TypeError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        return Holder(**json.loads(os.read(descriptor, 1 << 16)))
    return None
