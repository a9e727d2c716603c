"""One walk over files and folders, whatever is in the way: links, loops, odd names, what cannot be read.

What a file is, is for those to say who walk: `etl.sources.folders.midi` for MIDI.
"""

from __future__ import annotations

import errno
import os
import stat
from operator import attrgetter
from typing import IO, TYPE_CHECKING, NamedTuple

from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class File(NamedTuple):
    """A regular file on disk.

    Attributes
    ----------
    location
        Its whole path, which opens it; see :func:`shown` for the same as text.
    size, mtime_ns
        Bytes, and nanoseconds since 1970.
    """

    location: str
    size: int
    mtime_ns: int


class Unreadable(NamedTuple):
    """A folder or a file that could not be looked at; `FileNotFoundError` if it has gone meanwhile."""

    location: str
    error: OSError
    is_folder: bool

    @property
    def reason(self) -> str:
        """What the system says."""
        return self.error.strerror or str(self.error)


def check_sources(sources: Iterable[Path]) -> None:
    """Raise an `EtlError` that names the first source that is not there."""
    for source in sources:
        try:
            source.stat()
        except OSError as error:
            is_gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            problem = f"there is no {source}." if is_gone else f"cannot read {source}: {error.strerror}."
            raise EtlError(problem, "Check the path.") from error


def walk(
    sources: Iterable[Path], *, follow_links: bool, exclude: Iterable[Path] = ()
) -> Iterator[File | Unreadable]:
    """Find all regular files under files and folders.

    Folders are read in order of their names; each once, however many links lead to it or however often it is
    a source. Pipes and devices are passed by.

    Parameters
    ----------
    sources
        Files and folders; links that are sources are followed.
    follow_links
        Whether links to folders within sources are followed; links to files always are.
    exclude
        Folders to pass by, unless they are sources.

    Yields
    ------
    File or Unreadable
        As they are found.
    """
    places = [str(source.absolute()) for source in sources]
    identities = set(map(_identity, places))
    seen = {None, *(set(map(_identity, map(str, exclude))) - identities)}
    for place in places:
        if _identity(place) is not None:
            yield from _folder(place, seen, follow_links=follow_links)
            continue
        try:
            found = _file(place, os.stat(place))  # noqa: PTH116 - names that are no UTF-8 need no detour
        except OSError as error:
            yield Unreadable(place, error, is_folder=False)
        else:
            if found:
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


def _folder(
    top: str, seen: set[tuple[int, int] | None], *, follow_links: bool
) -> Iterator[File | Unreadable]:
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
            yield Unreadable(folder, error, is_folder=True)
            continue
        folders = []
        for entry in entries:
            try:
                if entry.is_dir():
                    if follow_links or not entry.is_symlink():
                        folders.append(entry.path)
                elif found := _file(entry.path, entry.stat()):
                    yield found
            except OSError as error:  # a link to itself, or to nothing
                yield Unreadable(entry.path, error, is_folder=False)
        stack += reversed(folders)


def _file(location: str, status: os.stat_result) -> File | None:
    return File(location, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _identity(path: str) -> tuple[int, int] | None:
    """Device and number of a folder; None if the path is not a folder."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
