"""Folders that appear only when whole: write beside the target, flush to disk, rename."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from etl.runtime.disk.staging import former_path, sweep, sync, temporary_path
from etl.runtime.disk.targets import make_parents, write_error
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check_replaceable(target: Path, owned: frozenset[str], *, force: bool) -> None:
    """Fail at the start where ``target`` holds something that is not ours to replace.

    Parameters
    ----------
    target
        The folder to be.
    owned
        Names of the files that such a folder is made of.
    force
        Whether a folder with anything else may be set aside.

    Raises
    ------
    EtlError
        If ``target`` is a file, or holds other files and ``force`` is not given.
    """
    if target.exists() and not target.is_dir():
        raise EtlError(
            f"{target} is a file.",
            "Give the path of a folder, new or a former export.",
            exit_code=ExitCode.CANNOT_WRITE,
        )
    if target.is_dir() and not force and not _is_ours(target, owned):
        raise EtlError(
            f"{target} is not empty and not a former export.",
            "Give another folder, or pass --force: its contents are then moved aside under another name.",
            exit_code=ExitCode.CANNOT_WRITE,
        )


def _is_ours(folder: Path, owned: frozenset[str]) -> bool:
    names = {entry.name for entry in folder.iterdir()}
    return not names or names == owned


@contextmanager
def atomic_folder(target: Path, owned: frozenset[str]) -> Iterator[Path]:
    """Give a new folder to write to; on a clean exit flush it to disk and rename it to ``target``.

    On any failure the new folder is removed and ``target`` is as it was. A former folder made of the
    ``owned`` files is replaced; any other is kept as ``<name>.before-<n>``.

    Raises
    ------
    EtlError
        If the folder cannot be written, or the disk is full.
    """
    target = target.resolve()  # the folder that a link leads to
    new = temporary_path(target)
    try:
        make_parents(target)
        sweep(target)
        new.mkdir()
        yield new
        for path in new.iterdir():
            sync(path)
        sync(new)
        _swap(target, new, owned)
        sync(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _swap(target: Path, new: Path, owned: frozenset[str]) -> None:
    if not target.exists():
        new.rename(target)
        return
    if _is_ours(target, owned):
        former = former_path(new)
        target.rename(former)
        new.rename(target)
        shutil.rmtree(former)
        return
    names = (target.with_name(f"{target.name}.before-{number}") for number in count(1))
    target.rename(next(name for name in names if not name.exists()))
    new.rename(target)
