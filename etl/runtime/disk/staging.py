"""What is written before it is whole: its name, its way to the disk, what killed processes leave of it."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(folder: Path) -> None:
    """Flush everything written to the file system of ``folder`` to disk, names included.

    One call for many small files, where a flush of each would take far longer. Systems without ``syncfs`` (it
    is Linux's) flush all file systems; those without ``sync`` none.

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
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)
