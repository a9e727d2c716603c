"""Where output goes: what a target is, whether it can be written, and what to say if it cannot."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.staging import temporary_path
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

_DRIVES: Final = (Path("/media"), Path("/mnt"), Path("/run/media"), Path("/Volumes"))
"""Where systems mount external drives, /media and /run/media with a folder for each user between."""

_DEVICES: Final = Path("/dev")
_PROCESSES: Final = Path("/proc")

STANDARD_OUTPUT: Final = Path("-")
"""Stands for standard output wherever one file is written."""


def is_stream(target: Path) -> bool:
    """Whether a target is written through, never replaced: a device, a pipe, what is in ``/dev``, ``-``."""
    if target == STANDARD_OUTPUT:
        return True
    absolute = Path(os.path.abspath(target))  # noqa: PTH100 -- links stay: /dev/stdout may lead to a file
    if _is_among_devices(absolute):
        return True
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_among_devices(absolute: Path) -> bool:
    """Whether it is in ``/dev`` or ``/proc``, and not on a disk that is mounted there, as ``/dev/shm``."""
    if not any(absolute.is_relative_to(place) for place in (_DEVICES, _PROCESSES)):
        return False
    folder = absolute.parent.resolve()  # /dev/fd is in /proc
    while not folder.exists():
        folder = folder.parent
    if not folder.is_relative_to(_DEVICES):
        return folder.is_relative_to(_PROCESSES)
    return folder.stat().st_dev == _DEVICES.stat().st_dev


def make_parents(target: Path) -> None:
    """Make the folders above a target; none where a drive would have to be mounted first.

    Raises
    ------
    EtlError
        If the target is on a drive that is not there.
    OSError
        If a folder cannot be made.
    """
    parent = target.parent
    if parent.is_dir():
        return
    check_mounted(parent)
    parent.mkdir(parents=True, exist_ok=True)


def check_mounted(folder: Path) -> None:
    """Refuse a folder that is not there, or is empty, where a drive would have to be mounted first.

    Raises
    ------
    EtlError
        If the folder is on a drive that is not there.
    """
    there = Path(os.path.abspath(folder))  # noqa: PTH100 -- as it was given
    if there.is_dir():
        is_place = there.parent in _DRIVES or there.parent.parent in _DRIVES[::2]
        if not is_place or os.path.ismount(there) or any(there.iterdir()):
            return
        there = there.parent
    while not there.exists() and there != there.parent:
        there = there.parent
    if (there in _DRIVES or there.parent in _DRIVES[::2]) and not os.path.ismount(there):
        raise EtlError(
            f"{folder} does not exist." if not folder.exists() else f"{folder} is empty.",
            "Is the drive mounted? No folder is made in its place.",
            exit_code=ExitCode.CANNOT_WRITE,
        )


def check_distinct(
    outputs: Iterable[Path], kept: Iterable[Path], what: str = "is an input or a store"
) -> None:
    """Refuse to write over what is kept, or two things to one file, whatever the paths: links, letter case.

    Parameters
    ----------
    outputs
        What will be written.
    kept
        Files that must stay as they are.
    what
        What is said of those.

    Raises
    ------
    EtlError
        If an output is one of them, or another output.
    """
    taken = {_identity(path): what for path in kept}
    for output in outputs:
        if is_stream(output) and output != STANDARD_OUTPUT:
            continue
        if reason := taken.get(_identity(output)):
            raise EtlError(f"{output} {reason}.", "Choose another output.", exit_code=ExitCode.USAGE)
        taken[_identity(output)] = "would be written twice"


def _identity(path: Path) -> object:
    """Tell files apart; of names that are not there yet, some systems do not look at the letter case."""
    try:
        found = path.stat()
    except OSError:
        whole = path.resolve()
        return whole.parent, whole.name.casefold()
    return found.st_dev, found.st_ino


def check_writable(target: Path) -> None:
    """Fail at the start, not after an hour, where ``target`` cannot be written.

    Raises
    ------
    EtlError
        If ``target`` is a folder, or a file cannot be made beside it.
    """
    if target.is_dir():
        raise EtlError(f"{target} is a folder.", "Give the path of a file.", exit_code=ExitCode.CANNOT_WRITE)
    if is_stream(target):
        return  # opening a pipe waits for its reader
    try:
        make_parents(target)
        probe = temporary_path(target.resolve())
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise write_error(target, error) from error


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
