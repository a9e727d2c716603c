"""Walk folders and archives for MIDI files, whatever is in the way."""

from __future__ import annotations

import errno
import fnmatch
import os
import stat
from functools import partial
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from etl.runtime.errors import EtlError
from etl.sources.archives.limits import LARGEST_ARCHIVE, LARGEST_MEMBER, MIDI_ENDINGS, Refusal, archive_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_HEAD: Final = 512
_TEMPORARY: Final = (".tmp", ".part", ".crdownload")


class Found(NamedTuple):
    """A file on disk that may be MIDI, or an archive.

    ``location`` opens it; ``path`` is the same as text that any database takes.
    """

    location: str
    path: str
    size: int
    mtime_ns: int
    is_archive: bool

    @property
    def stamp(self) -> str:
        """Its name in the ledger, as it is now."""
        return f"{self.path}|{self.size}|{self.mtime_ns}"


def check_sources(sources: Sequence[Path]) -> None:
    """Raise an `EtlError` that names the first source that is not there."""
    for source in sources:
        try:
            source.stat()
        except OSError as error:
            is_gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            problem = f"there is no {source}." if is_gone else f"cannot read {source}: {error.strerror}."
            raise EtlError(problem, "Check the path.") from error


def walk(
    sources: Sequence[str | Path], *, pattern: str = "*", library: str | Path | None = None
) -> Iterator[Found | Refusal]:
    """Find MIDI files and archives under files and folders.

    Folders are read in order of their names; each folder once, however many links lead to it. MIDI files are
    known by their endings, or by ``MThd``; archives by their first bytes.

    Parameters
    ----------
    sources
        Files and folders; texts are absolute paths.
    pattern
        Only paths that match this glob; archives are always looked into.
    library
        A folder to pass by, unless it is a source: our own copies are no finds.

    Yields
    ------
    Found or Refusal
        Unreadable folders and files, and those larger than the caps, are refusals.
    """
    seen: set[tuple[int, int] | None] = {None}
    if library is not None and (ours := _identity(library)) not in map(_identity, sources):
        seen.add(ours)
    for source in sources:
        whole = source if isinstance(source, str) else str(source.absolute())
        if _identity(whole) is not None:
            yield from _folder(whole, seen, pattern)
        elif (found := _file(whole, partial(os.stat, whole), pattern)) is not None:
            yield found


def shown(location: str) -> str:
    """Write a path as text: bytes that are no UTF-8 become escapes."""
    if location.isascii():
        return location
    return location.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def open_file(location: str) -> IO[bytes]:
    """Open a file for reading; `OSError` if it has become a pipe or a device, which one may wait for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(location, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file any more", location)
    return os.fdopen(descriptor, "rb")


def _folder(top: str, seen: set[tuple[int, int] | None], pattern: str) -> Iterator[Found | Refusal]:
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as scan:
                if (identity := _identity(folder)) in seen:
                    continue
                seen.add(identity)
                entries = sorted(scan, key=attrgetter("name"))
        except OSError as error:
            yield Refusal(shown(folder), "unreadable", error.strerror or str(error))
            continue
        folders = []
        for entry in entries:
            if _is_folder(entry):
                folders.append(entry.path)
            elif (found := _file(entry.path, entry.stat, pattern)) is not None:
                yield found
        stack += reversed(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Tell folders apart; None for what is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - names that are no UTF-8 need no detour
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _file(location: str, status_of: Callable[[], os.stat_result], pattern: str) -> Found | Refusal | None:
    path = shown(location)
    lower = path.lower()
    is_midi = lower.endswith(MIDI_ENDINGS)
    kind = None
    try:
        status = status_of()
        if not stat.S_ISREG(status.st_mode):
            return None
        if not is_midi:
            if lower.endswith(_TEMPORARY):
                return None
            with open_file(location) as file:
                head = file.read(_HEAD)
            kind = archive_kind(head)
            is_midi = head[:4] == b"MThd"
    except OSError as error:
        return Refusal(path, "unreadable", error.strerror or str(error)) if is_midi else None
    if kind is None and not (is_midi and (pattern == "*" or fnmatch.fnmatch(path, pattern))):
        return None
    largest = LARGEST_ARCHIVE if kind else LARGEST_MEMBER
    if status.st_size > largest:
        return Refusal(path, "cap", f"larger than {largest >> 20} MB")
    return Found(location, path, status.st_size, status.st_mtime_ns, kind is not None)
