"""What goes to a worker process and what comes back; light to import, for the process that sends it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.runtime.work.memory import give_back_memory

if TYPE_CHECKING:
    from pathlib import Path

_BATCHES: Final = itertools.count(1)
_TRIM_EVERY: Final = 4  # batches; trimming costs a tenth of one

REJECTS: Final = {"path": pl.String, "stage": pl.String, "category": pl.String, "reason": pl.String}
SPLIT: Final = {"sha256": pl.String, "track": pl.Int32, "channel": pl.Int16, "suffix": pl.String}


@dataclass(frozen=True, slots=True)
class Entry:
    """A MIDI file to read: from ``location`` on disk, or ``blob`` if it came out of an archive.

    ``path`` says where it was found, ``name`` is the last part of that.
    """

    path: str
    name: str
    location: str | None
    size: int
    mtime_ns: int
    blob: bytes | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A batch of files and what is wanted of them; ``archives`` are those that end with it.

    ``roots`` are the beginnings of paths that say nothing of a file: what is above its source.
    """

    entries: tuple[Entry, ...]
    incoming: Path | None
    analyze: bool
    split: bool
    archives: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


@dataclass(slots=True)
class Result:
    """What a batch gives: frames keyed by ``sha256``, and the worker's seconds by stage."""

    count: int
    paths: pl.DataFrame
    files: pl.DataFrame
    analysis: pl.DataFrame
    parts: pl.DataFrame
    tags: pl.DataFrame
    split: pl.DataFrame
    rejects: pl.DataFrame
    archives: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def process(task: Task) -> Result:
    """Process a batch of files, in a worker; see `etl.pipelines.midi.worker.process_batch`."""
    from etl.pipelines.midi.worker import process_batch  # noqa: PLC0415 - only workers load the compiled code

    if next(_BATCHES) % _TRIM_EVERY == 0:
        give_back_memory()
    return process_batch(task)


def single_files(task: Task) -> list[Task]:
    """Cut a batch into batches of one file; the archives end with the last."""
    tasks = [replace(task, entries=(entry,), archives=()) for entry in task.entries]
    return [*tasks[:-1], replace(tasks[-1], archives=task.archives)] if tasks else [task]


def lost(task: Task, problem: str) -> Result:
    """Give the result of a batch of one file that no worker comes back from: a reject."""
    return failed(task, "import", "crashed", f"the process that read it was {problem}")


def failed(task: Task, stage: str, category: str, reason: str) -> Result:
    """Give the result of a batch whose files are rejected."""
    rejects = [(entry.path, stage, category, reason) for entry in task.entries]
    empty = pl.DataFrame()
    return Result(
        count=len(task.entries),
        paths=empty,
        files=empty,
        analysis=empty,
        parts=empty,
        tags=empty,
        split=empty,
        rejects=pl.DataFrame(rejects, schema=REJECTS, orient="row"),
        archives=task.archives,
    )


def part_key(digest: str, track: int, channel: int) -> str:
    """Name of a part in the incoming folder."""
    return f"{digest}.{track}.{channel}"
