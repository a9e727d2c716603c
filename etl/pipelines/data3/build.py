"""Build data3: read chord songs, analyse their harmony, store it, write the CSV and the matrices.

One pass: the main thread cuts the input into blocks and takes the results in input order; each worker parses,
analyses and formats a block. Nothing is visible before all of it is: the CSV and the NPZ are renamed into
place when whole, and the store commits at the end.
"""

from __future__ import annotations

import hashlib
import io
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import polars as pl

from etl.chords.analysis import ANALYSIS_VERSION, Harmony, analyse
from etl.chords.keys import KEY_VERSIONS, KeyMethod
from etl.chords.romantext import RomanStyle
from etl.chords.section_keys import SECTION_KEYS_VERSION
from etl.exports.data3 import HEADER, SOURCE_COLUMNS, LineBuffer, write_data3
from etl.exports.song_names import NO_NAMES, Names, with_names
from etl.pipelines.data3.export import stored_names, write_stored_csv, write_stored_npz
from etl.pipelines.data3.store_songs import SongKeeper
from etl.pipelines.data3.summary import Summary
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError
from etl.runtime.executor import ordered_map, thread_executor
from etl.runtime.meter import Meter
from etl.runtime.rejects import REJECT_SCHEMA
from etl.runtime.work.cores import default_workers
from etl.runtime.work.memory import without_cycle_collection
from etl.sources.chords.files import Block, Source, open_source, read_blocks
from etl.sources.chords.rows import limited, parse_block, song_rejects
from etl.sources.chords.seen_ids import SeenIds
from etl.store.database import open_store
from etl.store.ledger import Ledger
from etl.store.quality import quality
from etl.store.runs import Run, add_rejects, recorded_run
from etl.store.songs import TASK, stored_counts, stored_rejects, stored_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from etl.runtime.progress import Progress


@dataclass(frozen=True)
class Data3Build:
    """What to build.

    Attributes
    ----------
    inputs
        Chord song files, in order.
    output
        The data3 CSV.
    database
        The store, or None for none.
    npz
        The matrices, or None for none.
    method
        How keys are found.
    keys
        Keys that are known already, for :func:`etl.chords.keys.with_given_keys`, or None.
    style
        How the CSV spells numerals.
    section_keys
        Whether the store gets the key of each section.
    limit
        Read so many rows at most, or None for all.
    force
        Analyse again what the store has.
    workers
        Threads that analyse.
    """

    inputs: tuple[Path, ...]
    output: Path
    database: Path | None
    npz: Path | None = None
    method: KeyMethod = KeyMethod.TRAINED
    keys: pl.DataFrame | None = field(default=None, compare=False, repr=False)
    style: RomanStyle = RomanStyle.HOUSE
    section_keys: bool = False
    limit: int | None = None
    force: bool = False
    workers: int = field(default_factory=default_workers)

    @property
    def version(self) -> str:
        """What the results depend on beside the input."""
        sections = f".sections-{SECTION_KEYS_VERSION}" if self.section_keys else ""
        given = ".given" if self.keys is not None else ""
        keys = f"{self.method}-{KEY_VERSIONS[self.method]}{given}"
        return f"{ANALYSIS_VERSION}.{keys}{sections}.limit-{self.limit}"

    @property
    def rejects_file(self) -> Path:
        """Where refused rows go if there is no store."""
        return self.output.with_suffix(".rejects.csv")

    def open_inputs(self) -> list[Source]:
        """Look at each input once, however often and by whatever path it is given."""
        distinct: dict[Path, Path] = {}
        for path in self.inputs:
            distinct.setdefault(path.resolve(), path)
        return [open_source(path, SOURCE_COLUMNS) for path in distinct.values()]

    def check_targets(self) -> None:
        """Refuse to write over an input, or two things to one file.

        Raises
        ------
        EtlError
            If two of the paths are the same file.
        """
        rejects = None if self.database else self.rejects_file
        inputs = {_identity(path) for path in self.inputs}
        targets: dict[object, Path] = {}
        for target in filter(None, (self.output, self.npz, self.database, rejects)):
            identity = _identity(target)
            if identity in inputs:
                raise EtlError(f"{target} is an input.", "Choose another output.")
            if identity in targets:
                raise EtlError(f"{target} would be written twice.", "Give each output its own path.")
            targets[identity] = target


def _identity(path: Path) -> object:
    """Compare files by what they are, whatever the paths: links, letter case, not there yet."""
    try:
        stat = path.stat()
    except OSError:
        return path.resolve()
    return stat.st_dev, stat.st_ino


def build(request: Data3Build, progress: Progress) -> Summary:
    """Run a build.

    Raises
    ------
    EtlError
        If an input cannot be read or a target cannot be written; then nothing has changed.
    """
    sources = request.open_inputs()
    request.check_targets()
    for target in filter(None, (request.output, request.npz)):
        check_writable(target)
    if request.database is None:
        return _analyse_and_write(request, sources, progress, None)
    arguments = {
        "inputs": [str(path) for path in request.inputs],
        "output": str(request.output),
        "npz": str(request.npz) if request.npz else None,
        "version": request.version,
    }
    with (
        open_store(request.database) as connection,
        recorded_run(connection, "build data3", arguments) as run,
    ):
        if not request.force and is_stored(connection, request, sources):
            summary = _write_stored(connection, request, sources)
        else:
            summary = _analyse_and_write(request, sources, progress, (connection, run))
        run.items_in, run.items_out, run.meter = summary.records, summary.songs, summary.meter
        run.items_rejected = summary.rejected
        return summary


def _ledger(connection: duckdb.DuckDBPyConnection, request: Data3Build, sources: Sequence[Source]) -> Ledger:
    """Entries of this very build: what is a repeated id, and what the limit, depends on all inputs."""
    files = repr([(source.name, source.size_bytes, source.mtime_ns) for source in sources])
    digest = hashlib.sha256(files.encode()).hexdigest()[:16]
    return Ledger(connection, TASK, f"{digest}.{request.version}")


def is_stored(connection: duckdb.DuckDBPyConnection, request: Data3Build, sources: Sequence[Source]) -> bool:
    """Whether the store holds what this build would give."""
    items = pl.DataFrame({"item": [source.name for source in sources]})
    return _ledger(connection, request, sources).missing(items).is_empty()


def _write_stored(
    connection: duckdb.DuckDBPyConnection, request: Data3Build, sources: Sequence[Source]
) -> Summary:
    """Write the outputs from harmony that the store has."""
    names = [source.name for source in sources]
    summary = Summary(is_stored=True, unread=_unread(sources))
    stored = stored_sources(connection, names)
    rows_in, songs_out = stored_counts(connection, stored)
    summary.add_rejects(stored_rejects(connection, names))
    if rows_in != songs_out + summary.rejected:
        raise EtlError(
            f"the store has {songs_out:,} songs and {summary.rejected:,} rejects of {rows_in:,} rows.",
            "Run again with --force.",
        )
    with summary.meter.stage("export"), ExitStack() as stack:
        if request.npz:
            npz = stack.enter_context(atomic_path(request.npz))
            write_stored_npz(connection, stored, npz, {"analysis": request.version})
        for songs in write_stored_csv(connection, stored, request.output, request.style):
            summary.count(songs.height, songs, pl.DataFrame(schema=REJECT_SCHEMA))
    return summary


def _unread(sources: Sequence[Source]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for source in sources for name in source.unread))


@dataclass(frozen=True)
class _Batch:
    """A block's results as a worker hands them over."""

    block: Block
    records: int
    harmony: Harmony
    rejects: pl.DataFrame
    lines: memoryview
    buffer: LineBuffer
    seconds: dict[str, float]


def _analyse_block(
    block: Block,
    *,
    method: KeyMethod,
    keys: pl.DataFrame | None,
    style: RomanStyle,
    names: Names,
    statistics: bool,
    section_keys: bool,
    buffers: SimpleQueue[LineBuffer],
) -> _Batch:
    """Parse, analyse and format one block; runs on a worker."""
    try:
        buffer = buffers.get_nowait()
    except Empty:
        buffer = LineBuffer()
    started = time.perf_counter()
    rows = parse_block(block)
    parsed = time.perf_counter()
    harmony = analyse(
        with_names(rows.songs, names),
        method=method,
        keys=keys,
        statistics=statistics,
        section_keys=section_keys,
    )
    analysed = time.perf_counter()
    lines = write_data3(harmony.songs, harmony.vocabulary, harmony.numerals.texts, buffer, style)
    formatted = time.perf_counter()
    seconds = {"parse": parsed - started, "analyse": analysed - parsed, "format": formatted - analysed}
    return _Batch(block, rows.records, harmony, rows.rejects, lines, buffer, seconds)


def _without_repeats(batch: _Batch, seen: SeenIds, style: RomanStyle) -> _Batch:
    """Refuse the songs whose id an earlier block had."""
    songs = batch.harmony.songs
    repeated = seen.repeated(songs["id"])
    if repeated is None:
        return batch
    refused = songs.filter(repeated).with_columns(problem=pl.lit("duplicate id"))
    kept = songs.filter(~repeated)
    harmony = batch.harmony
    return replace(
        batch,
        harmony=replace(harmony, songs=kept),
        rejects=pl.concat([batch.rejects, song_rejects(batch.block.source, refused)]).sort(
            "line", maintain_order=True
        ),
        lines=write_data3(kept, harmony.vocabulary, harmony.numerals.texts, batch.buffer, style),
    )


def _analyse_and_write(
    request: Data3Build,
    sources: Sequence[Source],
    progress: Progress,
    store: tuple[duckdb.DuckDBPyConnection, Run] | None,
) -> Summary:
    """Analyse the inputs and write all outputs in one pass."""
    summary = Summary(unread=_unread(sources))
    rejects = [pl.DataFrame(schema=REJECT_SCHEMA)]
    seen = SeenIds()
    connection = store[0] if store else None
    known = stored_names(connection) if connection else NO_NAMES
    names = [source.name for source in sources]
    with ExitStack() as stack:
        output = stack.enter_context(atomic_file(request.output))
        npz = stack.enter_context(atomic_file(request.npz)) if request.npz else None
        keeper = stack.enter_context(SongKeeper(connection, names, matrices=bool(npz), meter=summary.meter))
        stack.enter_context(without_cycle_collection())
        executor = stack.enter_context(thread_executor(request.workers))
        output.write(HEADER)
        buffers: SimpleQueue[LineBuffer] = SimpleQueue()  # used again and again, so that memory stays warm
        work = partial(
            _analyse_block,
            method=request.method,
            keys=request.keys,
            style=request.style,
            names=known,
            statistics=keeper.wants_songs,
            section_keys=request.section_keys,
            buffers=buffers,
        )
        blocks = limited(read_blocks(sources), request.limit)
        analysis = Meter()
        for result in ordered_map(executor, work, blocks, in_flight=2 * request.workers):
            batch = _without_repeats(result, seen, request.style)
            with summary.meter.stage("write CSV"):
                output.write(batch.lines)
            buffers.put(batch.buffer)
            keeper.add(batch.block.source.name, batch.harmony, batch.records)
            rejects.append(batch.rejects)
            summary.count(batch.records, batch.harmony.songs, batch.rejects)
            for stage, seconds in batch.seconds.items():
                summary.meter.add(stage, seconds)
            progress.advance(items=batch.harmony.songs.height, work=batch.block.bytes_read)
        keeper.wait()
        summary.analysis_cpu_use = analysis.cpu_use
        _check_counts(summary)
        with summary.meter.stage("finish"):
            if store:
                keeper.finish(_source_rows(sources, store[1]), partial(_measure_quality, summary, store[0]))
            if npz:
                keeper.write_matrices(npz, {"analysis": request.version})
            keeper.wait()
            for file in filter(None, (output, npz)):
                file.sync()  # what fails must fail before anything is committed or renamed
            if store:
                _record(store, request, sources, pl.concat(rejects))
            elif summary.rejected:
                summary.rejects_file = request.rejects_file
                rejected = io.BytesIO()
                pl.concat(rejects).write_csv(rejected)
                stack.enter_context(atomic_file(request.rejects_file)).write(rejected.getbuffer())
            else:
                stack.callback(request.rejects_file.unlink, missing_ok=True)  # of an earlier build
    return summary


def _measure_quality(summary: Summary, connection: duckdb.DuckDBPyConnection) -> None:
    summary.quality = quality(connection)


def _check_counts(summary: Summary) -> None:
    if summary.records != summary.songs + summary.rejected:
        raise EtlError(
            f"{summary.records:,} rows in, but {summary.songs:,} out and {summary.rejected:,} rejected.",
            "This is a fault of music-etl; nothing was written. Please report it with the input file.",
        )


def _source_rows(sources: Sequence[Source], run: Run) -> pl.DataFrame:
    return pl.DataFrame(
        [(source.name, run.run_id, source.size_bytes, source.mtime_ns) for source in sources],
        schema={"path": pl.String, "run_id": pl.Int64, "size_bytes": pl.Int64, "mtime_ns": pl.Int64},
        orient="row",
    )


def _record(
    store: tuple[duckdb.DuckDBPyConnection, Run],
    request: Data3Build,
    sources: Sequence[Source],
    rejects: pl.DataFrame,
) -> None:
    """Enter the sources into the ledger as done, and the rejects."""
    connection, run = store
    done = pl.DataFrame({"item": [source.name for source in sources]}).with_columns(status=pl.lit("done"))
    _ledger(connection, request, sources).record(done)
    add_rejects(connection, run, rejects)
