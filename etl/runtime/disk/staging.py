"""What is written before it is whole: its name, its way to the disk, what killed processes leave of it."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

fcntl: Any = None
with suppress(ImportError):  # Windows has none
    fcntl = import_module("fcntl")


def temporary_path(target: Path) -> Path:
    """Where the process writes ``target`` before it is whole: beside it, hidden, with the process id."""
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")


def former_path(temporary: Path) -> Path:
    """Where a folder lies for the moment in which ``temporary`` takes its place."""
    return temporary.with_name(f"{temporary.name}.old")


def sweep(target: Path) -> None:
    """Remove what killed processes left beside a target; put back a former folder that was not replaced."""
    for former in _left_by_killed(target, ".tmp.old"):
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
        else:
            former.rename(target)
    for stale in _left_by_killed(target, ".tmp"):
        if stale.is_dir() and not stale.is_symlink():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def _left_by_killed(target: Path, ending: str) -> Iterator[Path]:
    start = f".{target.name}."
    for path in target.parent.glob(f"{glob.escape(start)}*{ending}"):
        pid = path.name.removeprefix(start).removesuffix(ending)
        if pid.isdigit() and not _is_written_by(int(pid), path):
            yield path


def _is_written_by(pid: int, path: Path) -> bool:
    """Whether the process lives, and is not a later one that was given the same number."""
    import psutil  # noqa: PLC0415 - few runs find such a file

    try:
        return psutil.Process(pid).create_time() <= path.stat().st_mtime + 1
    except (psutil.Error, OSError):
        return False


def flush(descriptor: int) -> None:
    """Flush an open file to the disk, past the disk's own memory, where macOS's ``fsync`` ends.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    command = getattr(fcntl, "F_FULLFSYNC", None)
    if command is not None:
        with suppress(OSError):  # a file system that does not know it, as on the network
            fcntl.fcntl(descriptor, command)
            return
    os.fsync(descriptor)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk; Windows opens no folders.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return
    # Windows flushes what is open for writing only, and has binary files.
    flags = os.O_RDWR | os.O_BINARY if hasattr(os, "O_BINARY") else os.O_RDONLY
    descriptor = os.open(path, flags)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(folder: Path, files: Iterable[Path] = ()) -> None:
    """Flush everything written to the file system of ``folder`` to disk, names included.

    One call for many small files, where a flush of each would take far longer. Systems without ``syncfs`` (it
    is Linux's) flush all file systems, and then the disk of the folder; those without ``sync`` each file.

    Raises
    ------
    OSError
        If something could not be written.
    """
    syncfs = None
    with suppress(AttributeError, OSError, TypeError):
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    if syncfs is None:
        if hasattr(os, "sync"):
            os.sync()
            sync(folder)
        else:
            for file in files:
                sync(file)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)
