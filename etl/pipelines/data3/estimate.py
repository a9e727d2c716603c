"""Plan a data3 build: what it would read and write, and an estimate, without doing it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from etl.pipelines.data3.block import BlockWork, analyze_block
from etl.pipelines.data3.build import is_stored
from etl.pipelines.data3.identity import recognize
from etl.pipelines.data3.notations import SourceNotations
from etl.runtime.errors import EtlError
from etl.sources.chords.blocks import read_blocks
from etl.sources.chords.rows import limited
from etl.store.database import read_store
from etl.store.songs import stored_contents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.pipelines.data3.request import Data3Build
    from etl.sources.chords.files import Source

_SAMPLE_ROWS: Final = 2000
_EFFICIENCY: Final = 0.8  # of each further thread, roughly
_STORE_FACTOR: Final = 1.5  # time with a store over time without one, roughly


class Known(StrEnum):
    """What the store has of the harmony of the inputs, or why it was not asked."""

    NOT_ASKED = "not_asked"
    NO_STORE = "no_store"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    STORED = "stored"


@dataclass(frozen=True)
class PlannedInput:
    """A file that would be read."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class PlannedOutput:
    """A file that would be written, in place of one that is there or not."""

    path: Path
    exists: bool


@dataclass(frozen=True)
class Forecast:
    """What a build would give and take, estimated from the first rows.

    Attributes
    ----------
    sample_rows, sample_rejects
        Rows that were tried, and those of them that would be rejected.
    rows, csv_bytes
        Rows in all, and size of the CSV.
    seconds
        How long an analysis takes, with all threads.
    free_bytes
        Room on the disk of the CSV.
    """

    sample_rows: int
    sample_rejects: int
    rows: int
    csv_bytes: int
    seconds: float
    free_bytes: int


@dataclass(frozen=True)
class BuildPlan:
    """What a build would do.

    Attributes
    ----------
    inputs, outputs
        Files that it would read, and write.
    database
        The store, or None for none.
    known
        What the store has already.
    problem
        Why the store cannot be looked into, if so.
    limit
        Stop after this many rows, or None for all.
    workers
        Threads.
    forecast
        None where the first file has no rows.
    """

    inputs: tuple[PlannedInput, ...]
    outputs: tuple[PlannedOutput, ...]
    database: PlannedOutput | None
    known: Known
    problem: str | None
    limit: int | None
    workers: int
    forecast: Forecast | None


def estimate(request: Data3Build) -> BuildPlan:
    """Look at the inputs, time a sample of the first one, and write nothing.

    Raises
    ------
    EtlError
        If an input cannot be read, or an output would overwrite one.
    """
    with request.opened_inputs() as sources:
        request.check_targets()
        return _plan(request, sources)


def _plan(request: Data3Build, sources: Sequence[Source]) -> BuildPlan:
    known, problem = _look_up(request, sources)
    database = request.database
    return BuildPlan(
        inputs=tuple(PlannedInput(source.name, source.size_bytes) for source in sources),
        outputs=tuple(PlannedOutput(path, path.exists()) for path in request.targets),
        database=None if database is None else PlannedOutput(database, database.exists()),
        known=known,
        problem=problem,
        limit=request.limit,
        workers=request.workers,
        forecast=_forecast(request, sources),
    )


def _look_up(request: Data3Build, sources: Sequence[Source]) -> tuple[Known, str | None]:
    if request.database is None or request.force:
        return Known.NOT_ASKED, None
    if not request.database.exists():
        return Known.NO_STORE, None
    try:
        with read_store(request.database, limits=request.limits) as connection:
            distinct, _ = recognize(sources, stored_contents(connection))
            is_known = is_stored(connection, request, distinct)
    except EtlError as error:
        return Known.UNREADABLE, error.args[0]
    return (Known.STORED if is_known else Known.MISSING), None


def _forecast(request: Data3Build, sources: Sequence[Source]) -> Forecast | None:
    block = next(limited(read_blocks(sources, limits=request.limits), _SAMPLE_ROWS), None)
    if block is None:
        return None
    work = BlockWork(
        method=request.key_method,
        style=request.style,
        statistics=bool(request.database or request.npz),
        section_keys=request.section_keys,
        notations=SourceNotations(request.notation),
    )
    analyze_block(block, work)  # what is done once is not timed
    started = time.perf_counter()
    rows = analyze_block(block, work)
    seconds = time.perf_counter() - started
    written = len(rows.lines)
    read = block.size if isinstance(block.data, bytearray) else block.bytes_read
    total = sum(_plain_size(source) for source in sources)
    songs = round(rows.records * total / max(read, 1))
    songs = min(songs, request.limit or songs)
    share = songs / max(rows.records, 1)
    threads = 1 + (request.workers - 1) * _EFFICIENCY
    folder = next(parent for parent in request.output.resolve().parents if parent.exists())
    return Forecast(
        sample_rows=rows.records,
        sample_rejects=rows.rejects.height,
        rows=songs,
        csv_bytes=round(written * share),
        seconds=seconds * share / threads * (_STORE_FACTOR if request.database else 1.0),
        free_bytes=shutil.disk_usage(folder).free,
    )


_EXPANSION: Final = {"gzip": 4.5, "zstd": 4.5, "bz2": 6.0}  # of chord CSVs, roughly


def _plain_size(source: Source) -> float:
    return source.size_bytes * _EXPANSION.get(source.compression or "", 1.0)
