"""Files that appear only when whole: write beside the target, flush to disk, rename."""

from __future__ import annotations

import ctypes
import errno
import glob
import os
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.runtime.direct import DirectFile


def temporary_path(target: Path) -> Path:
    """Where the process writes ``target`` before it is whole: beside it, hidden, with the process id."""
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a path to write to; on a clean exit flush it to disk and rename it to ``target``.

    On any failure the temporary file is removed and ``target`` is as it was. What a killed process left
    beside ``target`` is swept first.

    Raises
    ------
    EtlError
        If the target cannot be written, or the disk is full.
    """
    with _staged(target) as temporary:
        try:
            yield temporary
        except OSError as error:
            raise write_error(target, error) from error


@contextmanager
def atomic_file(target: Path) -> Iterator[DirectFile]:
    """Open ``target`` for binary writing as in :func:`atomic_path`.

    Only failures to write this file name it, so that several may be open at once. Sync all of them before
    leaving any: then a full disk is found before one is renamed.
    """
    from etl.runtime.direct import DirectFile  # noqa: PLC0415 -- numpy waits until something is written

    with _staged(target) as temporary:
        try:
            opened = DirectFile(temporary, partial(write_error, target))
        except OSError as error:
            raise write_error(target, error) from error
        with opened as file:
            yield file


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    temporary = temporary_path(target)
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _sweep(target)
        except OSError as error:
            raise write_error(target, error) from error
        yield temporary
        try:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
            _sync_directory(target.parent)
        except OSError as error:
            raise write_error(target, error) from error
    finally:
        with suppress(OSError):  # where there is no folder there is nothing to remove
            temporary.unlink(missing_ok=True)


def write_error(target: Path, error: OSError) -> EtlError:
    """Say what stopped the writing of ``target`` and what to do about it."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EtlError(
            f"no space left on the disk of {target}.",
            "Nothing was changed there. Free some space, or write elsewhere.",
            exit_code=ExitCode.CANNOT_WRITE,
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}:
        return EtlError(
            f"cannot write {target}: {error.strerror}.",
            "Choose a target you can write to.",
            exit_code=ExitCode.CANNOT_WRITE,
        )
    return EtlError(
        f"writing {target} failed: {error.strerror or error}.",
        "Nothing was changed there.",
        exit_code=ExitCode.CANNOT_WRITE,
    )


def check_writable(target: Path) -> None:
    """Fail at the start, not after an hour, where ``target`` cannot be written.

    Raises
    ------
    EtlError
        If ``target`` is a folder, or a file cannot be made beside it.
    """
    if target.is_dir():
        raise EtlError(f"{target} is a folder.", "Give the path of a file.", exit_code=ExitCode.CANNOT_WRITE)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        probe = temporary_path(target)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise write_error(target, error) from error


def _sweep(target: Path) -> None:
    """Remove temporary files of processes that are no more."""
    for stale in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        pid = stale.name.split(".")[-2]
        if pid.isdigit() and not _is_written_by(int(pid), stale):
            stale.unlink(missing_ok=True)


def _is_written_by(pid: int, file: Path) -> bool:
    """Whether the process lives, and is not a later one that was given the same number."""
    import psutil  # noqa: PLC0415 - few runs find such a file

    try:
        return psutil.Process(pid).create_time() <= file.stat().st_mtime + 1
    except (psutil.Error, OSError):
        return False


def flush_filesystem(folder: Path) -> None:
    """Flush everything written to the file system of ``folder`` to disk, names included.

    One call for many small files, where a flush of each would take far longer. Systems without ``syncfs`` (it
    is Linux's) flush all file systems; those without ``sync`` none.

    Raises
    ------
    OSError
        If something could not be written.
    """
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
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


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
