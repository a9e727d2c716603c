"""Cut what a MIDI run has found into batches: files to read, and in their places what else is to be told."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from etl.pipelines.midi.messages import Batch, Entry
from etl.pipelines.midi.request import FIND, Stage
from etl.sources.archives.limits import Refusal
from etl.sources.archives.read import read_archive
from etl.sources.folders.walk import open_file, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etl.pipelines.midi.request import MidiRun
    from etl.runtime.limits import Limits
    from etl.runtime.watch.progress import Watch
    from etl.sources.folders.midi import Found


class Batches:
    """Batches of files, each of which has at least one; archives are read as they are drawn.

    Parameters
    ----------
    request
        What to do.
    changes
        What to read, and what was refused.
    watch
        Told of what is found in archives and of what is handed out.

    Attributes
    ----------
    rest
        What goes with no file, once all batches are drawn.
    files
        How many files were handed out.
    in_archives
        How many files were found in archives.
    archives
        Those that were read whole.
    """

    def __init__(self, request: MidiRun, changes: Iterable[Found | Refusal], watch: Watch) -> None:
        self._request = request
        self._changes = changes
        self._watch = watch
        self.rest = Batch()
        self.files = 0
        self.in_archives = 0
        self.archives: list[str] = []

    def __iter__(self) -> Iterator[Batch]:
        limits = self._request.limits
        gathered = _Gathered()
        for found in self._limited():
            gathered.add(found)
            if gathered.is_full(limits):
                yield self._handed_out(gathered)
                gathered = _Gathered()
        if gathered.entries:
            yield self._handed_out(gathered)
        else:
            self.rest = gathered.batch()
        self._watch.total(Stage.IMPORT, self.files)

    def _handed_out(self, gathered: _Gathered) -> Batch:
        self.files += len(gathered.entries)
        self._watch.advance(Stage.IMPORT, waiting=len(gathered.entries))
        return gathered.batch()

    def _limited(self) -> Iterator[Entry | Refusal | str]:
        left = self._request.limit
        for found in self._found():
            if isinstance(found, Entry) and left is not None:
                if left == 0:
                    return
                left -= 1
            yield found

    def _found(self) -> Iterator[Entry | Refusal | str]:
        """Give files, refusals and, after the last member of an archive, its key."""
        for change in self._changes:
            if isinstance(change, Refusal):
                yield change
            elif change.is_archive:
                yield from self._members(change)
            else:
                name = shown(Path(change.location).name)
                yield Entry(change.path, name, change.location, change.size, change.mtime_ns)

    def _members(self, found: Found) -> Iterator[Entry | Refusal | str]:
        """Give the members of an archive and, if that was all there is in it, its key.

        Of one that is a source it is told where nothing came out, and it is read again the next time.
        """
        pattern = self._request.pattern
        limits = self._request.limits.archives
        silent, whole = found.path in self._request.places, True
        try:
            with open_file(found.location) as stream:
                for member in read_archive(stream, found.path, found.size, limits=limits):
                    if isinstance(member, Refusal):
                        silent = False
                        whole = whole and member.path != found.path
                        yield member
                    elif pattern == "*" or fnmatch.fnmatch(member.path, pattern):
                        silent = False
                        self.in_archives += 1
                        self._watch.advance(FIND, done=1)
                        size = len(member.blob)
                        yield Entry(
                            member.path,
                            member.name,
                            None,
                            size,
                            found.mtime_ns,
                            member.blob,
                            found.path,
                            member.encoding,
                        )
        except OSError as error:
            yield Refusal(found.path, "unreadable", error.strerror or str(error))
            return
        if silent:
            yield Refusal(
                found.path,
                "nothing",
                "no MIDI files in it" if pattern == "*" else "no MIDI files in it match",
            )
        elif pattern == "*":
            if whole:
                self.archives.append(found.path)
            yield found.stamp


class _Gathered:
    """What the next batch will hold."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._archives: list[str] = []
        self._refused: list[Refusal] = []
        self._bytes = 0

    def add(self, found: Entry | Refusal | str) -> None:
        if isinstance(found, Entry):
            self.entries.append(found)
            self._bytes += found.size
        elif isinstance(found, Refusal):
            self._refused.append(found)
        else:
            self._archives.append(found)

    def is_full(self, limits: Limits) -> bool:
        return len(self.entries) >= limits.batch_files or self._bytes >= limits.batch_bytes

    def batch(self) -> Batch:
        return Batch(tuple(self.entries), tuple(self._archives), tuple(self._refused))
