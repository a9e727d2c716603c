"""One walk over files and folders, whatever is in the way: links, loops, odd names, what cannot be read.

What a file is, is for those to say who walk: `etl.sources.folders.midi` for MIDI.
"""

from __future__ import annotations

import errno
import os
import stat
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from etl.runtime.errors import EtlError
from etl.sources.folders.ignored import IGNORE_FILE, Ignored, ignore_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_IGNORE_BYTES: Final = 1 << 20


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


class Aside(NamedTuple):
    """A folder that a walk tells of besides its files.

    Attributes
    ----------
    location
        Its whole path.
    is_link
        It is a link that is not followed; else, a folder on another drive than the one above it.
    """

    location: str
    is_link: bool


def check_sources(sources: Iterable[Path]) -> None:
    """Raise an `EtlError` that names the first source that is not there."""
    for source in sources:
        try:
            source.stat()
        except OSError as error:
            is_gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            problem = f"{source} does not exist." if is_gone else f"cannot read {source}: {error.strerror}."
            raise EtlError(problem, "Check the path.") from error


def walk(
    sources: Iterable[Path],
    *,
    follow_links: bool,
    exclude: Iterable[Path] = (),
    ignore: Sequence[str] = (),
) -> Iterator[File | Unreadable | Aside]:
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
    ignore
        Patterns of files and folders below the sources to pass by, as in :mod:`etl.sources.folders.ignored`.
        Files called ``.etlignore`` are heeded where there are any.

    Yields
    ------
    File, Unreadable or Aside
        As they are found.
    """
    places = list(map(whole, sources))
    identities = set(map(_identity, places))
    seen = {None, *(set(map(_identity, map(str, exclude))) - identities)}
    for place in places:
        if _identity(place) is not None:
            yield from _folder(place, seen, Ignored().below(place, ignore), follow_links=follow_links)
            continue
        try:
            found = _file(place, os.stat(place))  # noqa: PTH116 - names that are no UTF-8 need no detour
        except OSError as error:
            yield Unreadable(place, error, is_folder=False)
        else:
            if found:
                yield found


def whole(path: str | Path) -> str:
    """Give a whole path, without ``..``, so that a file has one path however it is given.

    Links stay, but for those that ``..`` leads out of to another place than the text says.
    """
    plain = os.path.abspath(path)  # noqa: PTH100 - it takes `..` out
    if ".." in os.fspath(path).split(os.sep):  # noqa: PTH206 - Path is for types here
        real = os.path.realpath(path)
        if real != os.path.realpath(plain):
            return real
    return plain


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
        raise OSError(errno.EINVAL, "it is no longer a file", location)
    return os.fdopen(descriptor, "rb")


def _folder(
    top: str, seen: set[tuple[int, int] | None], ignored: Ignored, *, follow_links: bool
) -> Iterator[File | Unreadable | Aside]:
    stack: list[tuple[str, Ignored, int | None]] = [(top, ignored, None)]
    while stack:
        folder, rules, drive_above = stack.pop()
        try:
            with os.scandir(folder) as scan:
                if (identity := _identity(folder)) in seen:
                    continue
                seen.add(identity)
                entries = sorted(scan, key=attrgetter("name"))
        except OSError as error:
            yield Unreadable(folder, error, is_folder=True)
            continue
        drive = identity[0] if identity else None
        if drive_above not in {None, drive}:
            yield Aside(folder, is_link=False)
        rules = _with_ignore_file(rules, folder, entries)
        folders = []
        for entry in entries:
            found = _look(entry, rules, follow_links=follow_links)
            if isinstance(found, str):
                folders.append((found, rules, drive))
            elif found is not None:
                yield found
        stack += reversed(folders)


def _look(
    entry: os.DirEntry[str], rules: Ignored, *, follow_links: bool
) -> File | Unreadable | Aside | str | None:
    """Say what an entry is; of a folder to walk through, its path."""
    try:
        is_folder = entry.is_dir()
        if rules.leaves_out(entry.path, entry.name, is_folder=is_folder):
            return None
        if not is_folder:
            return _file(entry.path, entry.stat())
        return entry.path if follow_links or not entry.is_symlink() else Aside(entry.path, is_link=True)
    except OSError as error:  # a link to itself, or to nothing
        return Unreadable(entry.path, error, is_folder=False)


def _with_ignore_file(rules: Ignored, folder: str, entries: Sequence[os.DirEntry[str]]) -> Ignored:
    """Add the rules of the folder's own file; one that cannot be read says nothing."""
    if not any(entry.name == IGNORE_FILE for entry in entries):
        return rules
    try:
        with open_file(os.path.join(folder, IGNORE_FILE)) as file:  # noqa: PTH118 - as above
            text = file.read(_IGNORE_BYTES).decode("utf-8-sig", "surrogateescape")
    except OSError:
        return rules
    return rules.below(folder, ignore_lines(text))


def _file(location: str, status: os.stat_result) -> File | None:
    return File(location, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _identity(path: str) -> tuple[int, int] | None:
    """Device and number of a folder; None if the path is not a folder."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
