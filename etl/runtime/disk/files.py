"""Files that appear only when whole: write beside the target, flush to disk, rename.

A link stays, and the file that it leads to is replaced. A device or a pipe is written through: there is
nothing to replace, and whoever reads it waits for the bytes.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from etl.runtime.disk.staging import sweep, sync, temporary_path
from etl.runtime.disk.targets import STANDARD_OUTPUT, is_stream, make_parents, write_error

if TYPE_CHECKING:
    from collections.abc import Iterator


class BinaryFile(Protocol):
    """What is written to, front to back."""

    def write(self, data: object, /) -> int:
        """Write all of ``data``."""

    def sync(self) -> None:
        """Wait until all that was written is on the disk, or with whoever reads a pipe."""


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
    staged = _copied_through if is_stream(target) else _staged
    with staged(target) as temporary:
        try:
            yield temporary
        except OSError as error:
            raise write_error(target, error) from error


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryFile]:
    """Open ``target`` for binary writing as in :func:`atomic_path`.

    Only failures to write this file name it, so that several may be open at once. Sync all of them before
    leaving any: then a full disk is found before one is renamed.
    """
    if is_stream(target):
        with _Through(target) as through:
            yield through
        return
    from etl.runtime.disk.uncached import UncachedFile  # noqa: PLC0415 -- numpy waits until it is needed

    with _staged(target) as temporary:
        try:
            opened = UncachedFile(temporary, partial(write_error, target))
        except OSError as error:
            raise write_error(target, error) from error
        with opened as file:
            yield file


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    whole = target.resolve()  # the file that a link leads to
    temporary = temporary_path(whole)
    try:
        try:
            make_parents(whole)
            sweep(whole)
        except OSError as error:
            raise write_error(target, error) from error
        yield temporary
        try:
            sync(temporary)
            temporary.replace(whole)
            sync(whole.parent)
        except OSError as error:
            raise write_error(target, error) from error
    finally:
        with suppress(OSError):  # it has its name by now, or was never made
            temporary.unlink()


@contextmanager
def _copied_through(target: Path) -> Iterator[Path]:
    """Give a path to write to; on a clean exit copy it to a device or pipe."""
    with tempfile.TemporaryDirectory(prefix="music-etl-") as folder:
        temporary = Path(folder) / target.name
        yield temporary
        with temporary.open("rb") as whole, _Through(target) as through:
            shutil.copyfileobj(whole, through, 1 << 20)


def _keep_line_ends(descriptor: int) -> None:
    """Have Windows write bytes as they are."""
    if hasattr(os, "O_BINARY"):
        import_module("msvcrt").setmode(descriptor, os.O_BINARY)


class _Through(io.RawIOBase):
    """A device or pipe, opened for writing as it is; it has no places to seek to."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._target = target
        self._descriptor = -1
        try:
            if target == STANDARD_OUTPUT:
                self._descriptor = os.dup(1)
                _keep_line_ends(self._descriptor)
            else:
                self._descriptor = os.open(target, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise write_error(target, error) from error

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        left = memoryview(data).cast("B")  # type: ignore[arg-type]
        size = len(left)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except BrokenPipeError:
            raise  # its reader has seen enough, which is no failure
        except OSError as error:
            raise write_error(self._target, error) from error
        return size

    def sync(self) -> None:
        """Do nothing: what is written is not here any more."""

    def close(self) -> None:
        if not self.closed and self._descriptor >= 0:
            os.close(self._descriptor)
        super().close()
