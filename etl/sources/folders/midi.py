"""Which files of a walk may be MIDI, and which are archives."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Final, NamedTuple

from etl.runtime.limits import LIMITS, ArchiveLimits
from etl.sources.archives.limits import MIDI_ENDINGS, Refusal, archive_kind, is_archive_name
from etl.sources.folders.walk import Aside, File, Unreadable, open_file, shown, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
        Unreadable folders, MIDI files and archives, those larger than the limits, and files that are archives
        by their names alone, are refusals.
    """
    for entry in walk(sources, follow_links=True, exclude=() if library is None else (library,)):
        if isinstance(entry, Aside):
            continue
        found = _refusal(entry) if isinstance(entry, Unreadable) else _found(entry, pattern, limits)
        if found is not None:
            yield found


def _refusal(entry: Unreadable) -> Refusal | None:
    """Refuse folders, and files that are MIDI or archives by their names; of others nobody wants to know."""
    path = shown(entry.location)
    if entry.is_folder or path.lower().endswith(MIDI_ENDINGS) or is_archive_name(path):
        return Refusal(path, "unreadable", entry.reason)
    return None


def _found(file: File, pattern: str, limits: ArchiveLimits) -> Found | Refusal | None:
    path = shown(file.location)
    lower = path.lower()
    is_archive, is_midi = False, lower.endswith(MIDI_ENDINGS)
    if not is_midi:
        if lower.endswith(_TEMPORARY):
            return None
        try:
            with open_file(file.location) as stream:
                head = stream.read(_HEAD)
        except OSError as error:
            return _refusal(Unreadable(file.location, error, is_folder=False))
        is_archive, is_midi = archive_kind(head) is not None, head[:4] == b"MThd"
        if not (is_archive or is_midi) and is_archive_name(path):
            return Refusal(path, "damaged", "an archive by its name, but not by its first bytes")
    if not is_archive and not (is_midi and (pattern == "*" or fnmatch.fnmatch(path, pattern))):
        return None
    largest = limits.archive_bytes if is_archive else limits.member_bytes
    if file.size > largest:
        return Refusal(path, "cap", f"larger than {largest >> 20} MB")
    return Found(file.location, path, file.size, file.mtime_ns, is_archive)
