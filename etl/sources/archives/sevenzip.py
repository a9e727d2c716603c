"""Read the members of a 7z archive as they come out of it, within the caps."""

from __future__ import annotations

import io
import threading
from queue import Queue
from typing import IO, TYPE_CHECKING, Final

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from etl.sources.archives.limits import (
    SEPARATOR,
    Budget,
    CapError,
    DamageError,
    Refusal,
    is_wanted,
    too_large,
    unsafe_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_AHEAD: Final = 4  # members that may wait: unpacking goes on while the last ones are looked at


def read_7z(stream: IO[bytes], path: str, budget: Budget) -> Iterator[Refusal | tuple[str, bytes | None]]:
    """Read the members that may be MIDI files or archives.

    Parameters
    ----------
    stream, path
        The archive, and its path for refusals.
    budget
        What may come out of it.

    Yields
    ------
    Refusal or tuple
        Name and content of a member, None for one that is too large.

    Raises
    ------
    CapError
        If more comes out than may.
    DamageError
        If the archive is damaged.
    """
    try:
        archive = py7zr.SevenZipFile(stream)
    except py7zr.PasswordRequired:
        yield Refusal(path, "encrypted", "encrypted archives are not supported")
        return
    except py7zr.exceptions.ArchiveError as error:
        raise DamageError(f"{type(error).__name__}: {error}") from error
    with archive:
        if archive.needs_password():
            yield Refusal(path, "encrypted", "encrypted archives are not supported")
            return
        targets: list[str] = []
        entries = archive.list()
        # A solid archive is unpacked up to its last member, wanted or not.
        budget.check(sum(entry.uncompressed or 0 for entry in entries))
        for entry in entries:
            budget.count_member()
            problem = "it is a link" if getattr(entry, "is_symlink", False) else unsafe_name(entry.filename)
            if entry.is_directory or not (problem or is_wanted(entry.filename)):
                continue
            whole = f"{path}{SEPARATOR}{entry.filename}".replace("\0", "\\0")
            if problem:
                yield Refusal(whole, "unsafe", problem)
            elif (entry.uncompressed or 0) > budget.limits.member_bytes:
                yield too_large(whole, budget.limits)
            else:
                targets.append(entry.filename)
        if targets:
            yield from _unpack(archive, targets, budget)


def _unpack(
    archive: py7zr.SevenZipFile, targets: list[str], budget: Budget
) -> Iterator[tuple[str, bytes | None]]:
    """Unpack on a thread of its own, a few members ahead; py7zr calls back, and cannot be asked to pause."""
    queue: Queue[tuple[str, bytes | None] | BaseException | None] = Queue(_AHEAD)
    collector = _Collector(budget, queue)

    def run() -> None:
        end: BaseException | None = None
        try:
            archive.extract(targets=targets, factory=collector)
            collector.finish()
        except BaseException as error:  # noqa: BLE001 - told where the members are taken
            end = error
        queue.put(end)

    thread = threading.Thread(target=run, name="etl-7z", daemon=True)
    thread.start()
    try:
        while isinstance(entry := queue.get(), tuple):
            yield entry
    finally:
        collector.is_stopped = True
        while thread.is_alive():  # it may wait for room in the queue
            while not queue.empty():
                queue.get()
            thread.join(0.05)
    if isinstance(entry, py7zr.exceptions.ArchiveError):
        raise DamageError(f"{type(entry).__name__}: {entry}") from entry
    if entry is not None:
        raise entry


class _Collector(WriterFactory):
    """Makes a place in memory for each member, and hands over the one before."""

    def __init__(self, budget: Budget, queue: Queue[tuple[str, bytes | None] | BaseException | None]) -> None:
        self._budget = budget
        self._queue = queue
        self._current: tuple[str, _Content] | None = None
        self.most_bytes = budget.limits.member_bytes
        self.is_stopped = False

    def create(self, filename: str) -> _Content:
        self.finish()
        self._current = filename, _Content(self)
        return self._current[1]

    def finish(self) -> None:
        """Hand over the member that is whole by now."""
        if self._current is not None:
            name, content = self._current
            self._current = None
            self._queue.put((name, content.data.getvalue() if content.is_whole else None))

    def take(self, count: int) -> None:
        """Count bytes that come out."""
        if self.is_stopped:
            raise CapError("nobody wants the rest")
        self._budget.take(count)


class _Content(Py7zIO):
    """One member in memory."""

    def __init__(self, collector: _Collector) -> None:
        self._collector = collector
        self.data = io.BytesIO()
        self.is_whole = True

    def write(self, data: bytes | bytearray) -> int:
        self._collector.take(len(data))
        if self.data.tell() + len(data) > self._collector.most_bytes:
            self.is_whole = False
        else:
            self.data.write(data)
        return len(data)

    def read(self, size: int | None = None) -> bytes:
        return self.data.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.data.seek(offset, whence)

    def flush(self) -> None:
        """Nothing is held back."""

    def size(self) -> int:
        return self.data.getbuffer().nbytes
