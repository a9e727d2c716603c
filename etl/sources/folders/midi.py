"""Which files of a walk may be MIDI, and which are archives."""

from __future__ import annotations

import fnmatch
import zipfile
from typing import TYPE_CHECKING, Final, NamedTuple

from etl.runtime.limits import LIMITS, ArchiveLimits
from etl.sources.archives.limits import (
    MIDI_ENDINGS,
    SEPARATOR,
    Refusal,
    archive_kind,
    is_archive_name,
    no_archive,
    not_read,
)
from etl.sources.folders.walk import Aside, File, Unreadable, open_file, shown, walk, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_HEAD: Final = 512
_PROGRAM: Final = b"MZ"  # of Windows; some are zips that unpack themselves
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


def find_midi(
    sources: Sequence[Path],
    *,
    pattern: str = "*",
    library: Path | None = None,
    limits: ArchiveLimits = LIMITS.archives,
) -> Iterator[Found | Refusal]:
    """Find MIDI files and archives under files and folders, links followed.

    MIDI files are known by their endings, or by ``MThd``; archives by their first bytes.

    Parameters
    ----------
    sources
        Files and folders.
    pattern
        Only paths that match this glob; archives are always looked into.
    library
        A folder to pass by, unless it is a source: our own copies are no finds.
    limits
        Largest files.

    Yields
    ------
    Found or Refusal
        Unreadable folders, MIDI files and archives, those larger than the limits, files that are archives by
        their names alone, relatives of the MIDI file, and sources in which there is nothing, are refusals.
    """
    silent = places_of(sources)
    for entry in walk(sources, follow_links=True, exclude=() if library is None else (library,)):
        if isinstance(entry, Aside):
            continue
        found = _refusal(entry) if isinstance(entry, Unreadable) else _found(entry, pattern, limits)
        if found is not None:
            if silent:
                silent = [place for place in silent if not is_of(found.path, place)]
            yield found
    matching = "" if pattern == "*" else f" that match {pattern}"
    for place in silent:
        yield Refusal(place, "nothing", f"no MIDI files{matching} and no archives")


def places_of(sources: Sequence[Path]) -> list[str]:
    """Give the paths of sources, but for links to what is walked as part of another source."""
    places = [(shown(whole(source)), shown(str(source.resolve()))) for source in sources]
    return [
        place
        for number, (place, real) in enumerate(places)
        if not any(
            is_of(real, other) and not is_of(place, shown_other) and (real != other or before < number)
            for before, (shown_other, other) in enumerate(places)
        )
    ]


def is_of(path: str, source: str) -> bool:
    """Whether what was found at a path is of a source: itself, below it, or a member of it."""
    return path.startswith(source) and (
        path[len(source) : len(source) + 1] in {"", "/", SEPARATOR} or source.endswith("/")
    )


def _refusal(entry: Unreadable) -> Refusal | None:
    """Refuse folders, and files that are MIDI or archives by their names; of others nobody wants to know."""
    path = shown(entry.location)
    if entry.is_folder or path.lower().endswith(MIDI_ENDINGS) or is_archive_name(path) or not_read(path):
        return Refusal(path, "unreadable", entry.reason)
    return None


def _found(file: File, pattern: str, limits: ArchiveLimits) -> Found | Refusal | None:
    path = shown(file.location)
    lower = path.lower()
    is_archive, is_midi = False, lower.endswith(MIDI_ENDINGS)
    if not is_midi:
        if lower.endswith(_TEMPORARY):
            return None
        kind = not_read(path) or _kind(file, path)
        if kind is None or isinstance(kind, Refusal):
            return kind
        is_archive, is_midi = kind
    if not is_archive and not (is_midi and (pattern == "*" or fnmatch.fnmatch(path, pattern))):
        return None
    largest = limits.archive_bytes if is_archive else limits.member_bytes
    if file.size > largest:
        return Refusal(path, "cap", f"larger than {largest >> 20} MB")
    return Found(file.location, path, file.size, file.mtime_ns, is_archive)


def _kind(file: File, path: str) -> tuple[bool, bool] | Refusal | None:
    """Tell by its first bytes whether a file is an archive, and whether it is MIDI."""
    try:
        with open_file(file.location) as stream:
            head = stream.read(_HEAD)
            is_archive = archive_kind(head) is not None or (
                head[:2] == _PROGRAM and zipfile.is_zipfile(stream)
            )
    except OSError as error:
        return _refusal(Unreadable(file.location, error, is_folder=False))
    is_midi = head[:4] == b"MThd"
    if not (is_archive or is_midi) and is_archive_name(path):
        return no_archive(path, head)
    return is_archive, is_midi
