"""What goes to a worker process and what comes back; light to import, for the process that sends it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from etl.midi.encodings import Encoding
    from etl.sources.archives.limits import Refusal
    from etl.store.midi_library import LibraryPiece

_PIECES: Final = 16  # a file takes forty times as long by itself as among many

REJECTS: Final = {"path": pl.String, "stage": pl.String, "category": pl.String, "reason": pl.String}
SPLIT: Final = {
    "sha256": pl.String, "track": pl.Int32, "channel": pl.Int16, "suffix": pl.String,
    "content_sha256": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A MIDI file to read: from ``location`` on disk, or ``blob`` if it came out of an archive.

    ``path`` says where it was found, ``name`` is the last part of that; ``archive`` is the path of the
    archive on disk that it is in, ``encoding`` that of the names there.
    """

    path: str
    name: str
    location: str | None
    size: int
    mtime_ns: int
    blob: bytes | None = None
    archive: str | None = None
    encoding: Encoding | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of all files of a run.

    Attributes
    ----------
    analyze, split
        Whether to.
    incoming
        Folder for copies and parts; None if none are wanted.
    roots
        Beginnings of paths that say nothing of a file: what is above its source.
    member_bytes
        Largest file.
    before
        What files of the library were before somebody edited them, by their paths.
    """

    analyze: bool
    split: bool
    incoming: Path | None
    roots: tuple[str, ...]
    member_bytes: int
    before: Mapping[str, LibraryPiece] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is handed on together: files to read, and what else was found on the way to them.

    Attributes
    ----------
    entries
        Files.
    archives
        Keys of archives that end with these files.
    refused
        What was not taken.
    """

    entries: tuple[Entry, ...] = ()
    archives: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(slots=True)
class Result:
    """What a batch gives: frames keyed by ``sha256``, and the worker's seconds by stage.

    ``facts`` are what import finds out besides, by the name of the table.
    """

    paths: pl.DataFrame
    files: pl.DataFrame
    analysis: pl.DataFrame
    parts: pl.DataFrame
    part_analysis: pl.DataFrame
    tags: pl.DataFrame
    split: pl.DataFrame
    rejects: pl.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, pl.DataFrame] = field(default_factory=dict)


def pieces(batch: Batch) -> list[Batch]:
    """Cut a batch into sixteen at most, to find the file to blame; what else is in it goes with the last."""
    entries = batch.entries
    size = max(1, -(-len(entries) // _PIECES))
    *others, last = (entries[start : start + size] for start in range(0, len(entries), size))
    return [*(Batch(part) for part in others), replace(batch, entries=last)]


def placed(
    batch: Batch, there: Callable[[str], str], *, mark: Path | None = None
) -> tuple[Batch, tuple[str, ...]]:
    """Give a batch as another machine knows it, and files that must be the same there.

    Parameters
    ----------
    batch
        Whose files are read there.
    there
        Gives the path there of a path here.
    mark
        A file in the folder for copies, which shows whether both machines have the same one.
    """
    located = [entry.location for entry in batch.entries if entry.location is not None]
    entries = (
        entry if entry.location is None else replace(entry, location=there(entry.location))
        for entry in batch.entries
    )
    shown = [*located[:1], *located[-1:], *([] if mark is None else [str(mark)])]
    return replace(batch, entries=tuple(entries)), tuple(dict.fromkeys(shown))


def failed(batch: Batch, stage: str, category: str, reason: str) -> Result:
    """Give the result of a batch whose files are rejected."""
    rejects = [(entry.path, stage, category, reason) for entry in batch.entries]
    empty = pl.DataFrame()
    return Result(
        paths=empty,
        files=empty,
        analysis=empty,
        parts=empty,
        part_analysis=empty,
        tags=empty,
        split=empty,
        rejects=pl.DataFrame(rejects, schema=REJECTS, orient="row"),
    )


def part_key(digest: str, track: int, channel: int) -> str:
    """Name of a part in the incoming folder."""
    return f"{digest}.{track}.{channel}"
