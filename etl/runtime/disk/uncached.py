"""Write large files from front to back, past the page cache, on a thread beside the writer."""

from __future__ import annotations

import errno
import io
import mmap
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.runtime.disk.staging import flush

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

_BUFFERS: Final = 4
_PAGE: Final = 4096

_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Not for child processes; on Windows, without changes of line ends."""


class UncachedFile(io.RawIOBase):
    """A new file for writing.

    A file that is flushed to disk before anybody reads it gains nothing from the page cache; to go through it
    costs a copy, and as much memory as the file is long. So what is written is collected in buffers, and
    full ones go to the disk as they are (``O_DIRECT``), where system and file system can. The ends of the
    file, and what follows a seek, go through the cache.

    Parameters
    ----------
    path
        Where to write.
    report
        Makes of an error the one to raise, at one of the next calls or on closing.
    buffer_bytes
        Size of each buffer, a multiple of 4,096.
    """

    def __init__(
        self, path: Path, report: Callable[[OSError], Exception], *, buffer_bytes: int = 4 << 20
    ) -> None:
        super().__init__()
        self._report = report
        self._buffer_bytes = buffer_bytes
        self._plain = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o666)
        self._direct = _open_direct(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="etl-write")
        self._jobs: deque[Future[None]] = deque()
        self._buffers = deque(np.frombuffer(mmap.mmap(-1, buffer_bytes), np.uint8) for _ in range(_BUFFERS))
        self._start = self._size = 0  # the first buffer holds so many bytes of the file from there on
        self._end = 0

    def writable(self) -> bool:  # noqa: D102 -- as in the base class, like those below
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def write(self, data: Any, /) -> int:
        """Write all of ``data``."""
        size = memoryview(data).nbytes
        left = np.frombuffer(data, np.uint8) if size else np.zeros(0, np.uint8)
        while len(left):
            room = (-self._start % _PAGE or self._buffer_bytes) - self._size
            part, left = left[:room], left[room:]
            self._buffers[0][self._size : self._size + len(part)] = part
            self._size += len(part)
            if len(part) == room:
                self._hand_over()
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:  # noqa: D102
        here = self._start + self._size
        end = max(self._end, here if self._size else 0)
        target = offset + {os.SEEK_SET: 0, os.SEEK_CUR: here, os.SEEK_END: end}[whence]
        if target != here:
            self._hand_over()
            self._start = target
        return target

    def sync(self) -> None:
        """Wait until all that was written is on the disk for good."""
        self._hand_over()
        self._jobs.append(self._thread.submit(flush, self._plain))
        self._wait(0)

    def close(self) -> None:  # noqa: D102
        if self.closed:
            return
        try:
            self._hand_over()
            self._wait(0)
        finally:
            self._thread.shutdown()
            for descriptor in filter(None, (self._plain, self._direct)):
                os.close(descriptor)
            super().close()

    def _hand_over(self) -> None:
        """Let the thread write what the first buffer holds, and go on with another one."""
        if not self._size:
            return
        self._wait(_BUFFERS - 2)
        self._jobs.append(self._thread.submit(self._put, self._buffers[0][: self._size].data, self._start))
        self._buffers.rotate(-1)
        self._start, self._size = self._start + self._size, 0
        self._end = max(self._end, self._start)

    def _wait(self, jobs: int) -> None:
        while len(self._jobs) > jobs:
            try:
                self._jobs.popleft().result()
            except OSError as error:
                raise self._report(error) from error

    def _put(self, data: memoryview, offset: int) -> None:
        written = 0
        if self._direct and len(data) == self._buffer_bytes:
            try:
                written = _write_at(self._direct, data, offset)
            except OSError as error:
                if error.errno != errno.EINVAL:  # which some file systems say to all that is direct
                    raise
        while written < len(data):
            written += _write_at(self._plain, data[written:], offset + written)


def _write_at(descriptor: int, data: memoryview, offset: int) -> int:
    """Write at a place; where the system has no ``pwrite``, the one thread alone moves the descriptor."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.write(descriptor, data)


def _open_direct(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | _FLAGS | os.O_DIRECT)
    except (AttributeError, OSError):  # the system knows no such thing, or the file system does not
        return None
