"""Walk folders and archives for MIDI files, whatever is in the way."""

from __future__ import annotations

import fnmatch
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.pipelines.midi_archives import (
    LARGEST_ARCHIVE,
    LARGEST_MEMBER,
    MIDI_ENDINGS,
    Refusal,
    archive_kind,
)
from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEAD: Final = 512
_TEMPORARY: Final = (".tmp", ".part", ".crdownload")


@dataclass(frozen=True, slots=True)
class Found:
    """A file on disk that may be MIDI, or an archive.

    ``location`` opens it; ``path`` is the same as text that any database takes.
    """

    location: str
    path: str
    size: int
    mtime_ns: int
    is_archive: bool


def check_sources(sources: Sequence[Path]) -> None:
    """Raise an `EtlError` that names the first source that is not there."""
    for source in sources:
        if not source.exists():
            raise EtlError(f"there is no {source}.", "Check the path.")


def walk(
    sources: Sequence[Path], *, pattern: str = "*", library: Path | None = None
) -> Iterator[Found | Refusal]:
    """Find MIDI files and archives under files and folders.

    Folders are read in order of their names; each folder once, however many links lead to it. MIDI files are
    known by their endings, or by ``MThd``; archives by their first bytes.

    Parameters
    ----------
    sources
        Files and folders.
    pattern
        Only paths that match this glob; archives are always looked into.
    library
        A folder to pass by, unless it is a source: our own copies are no finds.

    Yields
    ------
    Found or Refusal
        Unreadable folders and files, and those larger than the caps, are refusals.
    """
    seen: set[tuple[int, int]] = set()
    if library is not None and library.is_dir() and not any(library.samefile(s) for s in sources):
        seen.add(_identity(library))
    for source in sources:
        whole = source.absolute()
        if whole.is_dir():
            yield from _folder(whole, seen, pattern)
        else:
            yield from _file(str(whole), pattern)


def shown(location: str) -> str:
    """Write a path as text: bytes that are no UTF-8 become escapes."""
    if location.isascii():
        return location
    return location.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _folder(top: Path, seen: set[tuple[int, int]], pattern: str) -> Iterator[Found | Refusal]:
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            if (identity := _identity(folder)) in seen:
                continue
            seen.add(identity)
            with os.scandir(folder) as scan:
                entries = sorted((entry.name, entry.path, entry.is_dir()) for entry in scan)
        except OSError as error:
            yield Refusal(shown(str(folder)), "unreadable", error.strerror or str(error))
            continue
        for _, path, is_folder in entries:
            if not is_folder:
                yield from _file(path, pattern)
        stack += [Path(path) for _, path, is_folder in reversed(entries) if is_folder]


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _file(location: str, pattern: str) -> Iterator[Found | Refusal]:
    path = shown(location)
    lower = path.lower()
    is_midi = lower.endswith(MIDI_ENDINGS)
    kind = None
    try:
        status = os.stat(location)  # noqa: PTH116 - called once per file; Path takes ten times as long
        if not stat.S_ISREG(status.st_mode) or lower.endswith(_TEMPORARY):
            return
        if not is_midi:
            with Path(location).open("rb") as file:
                head = file.read(_HEAD)
            kind = archive_kind(head)
            is_midi = head[:4] == b"MThd"
    except OSError as error:
        if is_midi:
            yield Refusal(path, "unreadable", error.strerror or str(error))
        return
    if kind is None and not (is_midi and (pattern == "*" or fnmatch.fnmatch(path, pattern))):
        return
    largest = LARGEST_ARCHIVE if kind else LARGEST_MEMBER
    if status.st_size > largest:
        yield Refusal(path, "cap", f"larger than {largest >> 20} MB")
    else:
        yield Found(location, path, status.st_size, status.st_mtime_ns, is_archive=kind is not None)
