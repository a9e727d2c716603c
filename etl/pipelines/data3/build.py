"""Build data3: read chord songs, analyze their harmony, store it, write the CSV and the matrices.

One pass: a thread cuts the input into blocks, a crew of threads analyzes them, the main thread takes the
results in input order. Nothing is visible before all of it is: the CSV and the NPZ are renamed into place
when whole, and the store, which is held for the seconds that this takes, commits at the end.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.notations import Notation
from etl.exports.data3 import HEADER
from etl.exports.song_names import NO_NAMES
from etl.pipelines.data3.block import JOB, BlockWork, without_repeats
from etl.pipelines.data3.export import stored_names, write_stored_csv, write_stored_npz
from etl.pipelines.data3.identity import Inputs, recognize
from etl.pipelines.data3.notations import SourceNotations, stored_uses
from etl.pipelines.data3.result import BuildResult, Tally
from etl.pipelines.data3.store_songs import STAGE as STORE, SongStorage
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError
from etl.runtime.rejects import REJECT_SCHEMA, remove_rejects_file
from etl.runtime.watch.compilation import compilation_told
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.watch.stage_times import StageTimes
from etl.runtime.wording import number_of
from etl.runtime.work.crew import CrewKind, crew
from etl.runtime.work.garbage import without_cycle_collection
from etl.sources.chords.block_size import BlockSize
from etl.sources.chords.blocks import Damage, read_blocks
from etl.sources.chords.files import damaged
from etl.sources.chords.rows import limited
from etl.sources.chords.seen_ids import SeenIds
from etl.sources.chords.streams import is_pipe, source_name
from etl.sources.folders.walk import shown
from etl.store.database import open_store, transaction
from etl.store.kept_files import check_known
from etl.store.ledger import Ledger
from etl.store.quality import quality
from etl.store.runs import Run, add_rejects, recorded_run
from etl.store.scope import Overlap, current_set, overlaps, set_current
from etl.store.songs import TASK, rename_sources, stored_contents, stored_counts, stored_rejects

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from etl.pipelines.data3.block import AnalyzedBlock
    from etl.pipelines.data3.notations import NotationUse
    from etl.pipelines.data3.request import Data3Build
    from etl.runtime.watch.progress import Renderer
    from etl.sources.chords.files import Source
    from etl.store.quality import Quality
    from etl.store.songs import StoredContent

ANALYZE: Final = "analyze"


def build(request: Data3Build, renderers: Sequence[Renderer] = ()) -> BuildResult:
    """Run a build, and show it while it lasts.

    Raises
    ------
    EtlError
        If an input cannot be read, a target cannot be written, or the store is in use; then nothing has
        changed.
    """
    has_songs_to_keep = request.database is not None or request.npz is not None
    stages = [Stage(ANALYZE, "songs"), *([Stage(STORE, "songs")] if has_songs_to_keep else [])]
    with (
        Watch("etl build data3", stages, renderers) as watch,
        compilation_told(watch),
        ExitStack() as opened,
    ):
        if pipes := [source_name(path) for path in request.inputs if is_pipe(path)]:
            watch.waiting_for(", ".join(pipes))
        sources = opened.enter_context(request.opened_inputs())
        watch.waiting_for(None)
        request.check_targets()
        for target in request.targets:
            check_writable(target)
        if request.database is None:
            inputs = _inputs(sources, [], watch) if len(sources) > 1 else Inputs(sources)
            return _analyze_and_write(request, inputs, watch, None)
        watch.waiting_for(f"the store {request.database}")
        with (
            open_store(request.database, limits=request.limits) as connection,
            recorded_run(connection, "build data3", run_arguments(request)) as run,
        ):
            watch.waiting_for(None)
            run.meter = watch
            check_known(connection, request.targets)
            inputs = _inputs(sources, stored_contents(connection), watch)
            if not request.force and is_stored(connection, request, inputs.sources):
                with transaction(connection):
                    rename_sources(connection, {each.content_hash: each.name for each in inputs.sources})
                    set_current(connection, run.run_id, inputs.names)
                    result = _write_stored(connection, request, inputs, watch)
            else:
                result = _analyze_and_write(request, inputs, watch, (connection, run))
            run.items_in, run.items_out = result.records, result.songs
            run.items_rejected = result.rejected
            return result


def _inputs(sources: Sequence[Source], stored: Sequence[StoredContent], watch: Watch) -> Inputs:
    """Tell the inputs by their content."""
    watch.waiting_for("a look at what the inputs hold")
    inputs = Inputs(*recognize(sources, stored))
    watch.waiting_for(None)
    return inputs


def run_arguments(request: Data3Build) -> dict[str, object]:
    """Give what the store says of a run."""
    return {
        "inputs": [shown(str(path)) for path in request.inputs],
        "output": shown(str(request.output)),
        "npz": shown(str(request.npz)) if request.npz else None,
        "version": request.version,
    }


def _ledger(connection: duckdb.DuckDBPyConnection, request: Data3Build, sources: Sequence[Source]) -> Ledger:
    """Entries of this very build: what is a repeated id, and what the limit, depends on all inputs."""
    contents = [(source.content_hash, sorted(source.found.items()), source.chosen) for source in sources]
    digest = hashlib.sha256(repr(contents).encode()).hexdigest()[:16]
    return Ledger(connection, TASK, f"{digest}.{request.version}")


def is_stored(connection: duckdb.DuckDBPyConnection, request: Data3Build, sources: Sequence[Source]) -> bool:
    """Whether the store holds what this build would give."""
    items = pl.DataFrame({"item": [source.content_hash for source in sources]})
    return _ledger(connection, request, sources).missing(items).is_empty()


def _write_stored(
    connection: duckdb.DuckDBPyConnection, request: Data3Build, inputs: Inputs, watch: Watch
) -> BuildResult:
    """Write the outputs from harmony that the store has."""
    names = inputs.names
    tally = Tally()
    stored = [source.source_id for source in current_set(connection)]
    rows_in, songs_out = stored_counts(connection, stored)
    tally.count_rejects(stored_rejects(connection, names))
    if rows_in != songs_out + tally.rejected:
        raise EtlError(
            f"the store has {number_of(songs_out, 'song')} and {number_of(tally.rejected, 'reject')} "
            f"of {number_of(rows_in, 'row')}.",
            "Run again with --force.",
        )
    watch.total(ANALYZE, songs_out)
    with watch.timed("export"), ExitStack() as stack:
        if request.npz:
            npz = stack.enter_context(atomic_path(request.npz))
            write_stored_npz(connection, stored, npz, {"analysis": request.version})
        for songs in write_stored_csv(connection, stored, request.output, request.style):
            tally.count(songs.height, songs, pl.DataFrame(schema=REJECT_SCHEMA), "")
            watch.advance(ANALYZE, done=songs.height)
    counts = (stored_counts(connection, [number]) for number in stored)
    tally.by_source = {name: songs for name, (rows, songs) in zip(names, counts, strict=True) if rows}
    return _result(
        request,
        inputs,
        tally,
        watch,
        notations=stored_uses(connection, stored),
        is_stored=True,
        quality=quality(connection),
    )


def _analyze_and_write(
    request: Data3Build,
    inputs: Inputs,
    watch: Watch,
    store: tuple[duckdb.DuckDBPyConnection, Run] | None,
) -> BuildResult:
    """Analyze the inputs and write all outputs in one pass."""
    tally, seen, sources = Tally(), SeenIds(), inputs.sources
    rejects = [pl.DataFrame(schema=REJECT_SCHEMA)]
    measured: list[tuple[Quality, tuple[Overlap, ...]]] = []
    connection = store[0] if store else None
    in_flight = 2 * request.workers
    if request.limit is None:
        watch.total(ANALYZE, work=sum(source.size_bytes for source in sources))
    with ExitStack() as stack:
        output = stack.enter_context(atomic_file(request.output))
        npz = stack.enter_context(atomic_file(request.npz)) if request.npz else None
        storage = stack.enter_context(
            SongStorage(connection, inputs.names, replaced=inputs.same, matrices=bool(npz), watch=watch)
        )
        stack.enter_context(without_cycle_collection())
        members = stack.enter_context(crew(workers=request.workers, kind=CrewKind.THREADS))
        notations = SourceNotations(request.notation)
        work = BlockWork(
            method=request.key_method,
            style=request.style,
            statistics=storage.wants_songs,
            section_keys=request.section_keys,
            names=stored_names(connection) if connection else NO_NAMES,
            notations=notations,
        )
        size = BlockSize(request.limits, in_flight=in_flight, untimed=request.workers)
        blocks = notations.found(limited(read_blocks(sources, size, request.limits), request.limit))
        output.write(HEADER)
        analysis = StageTimes()
        for outcome in members.map(JOB, blocks, in_flight=in_flight, shared=work):
            block = outcome.item
            if isinstance(block.data, Damage):
                raise damaged(block.source.name, block.data.reason, block.first_line)
            analyzed: AnalyzedBlock = without_repeats(block, outcome.unwrap(), seen, request.style)
            with watch.timed("write CSV"):
                output.write(analyzed.lines)
            work.buffers.put_back(analyzed.buffer)
            storage.add(block.source.name, analyzed.harmony, analyzed.records)
            rejects.append(analyzed.rejects)
            tally.count(analyzed.records, analyzed.harmony.songs, analyzed.rejects, block.source.name)
            size.took(block.size, sum(analyzed.seconds.values()))
            for stage, seconds in analyzed.seconds.items():
                watch.add(stage, seconds)
            watch.advance(ANALYZE, done=analyzed.harmony.songs.height, work=block.bytes_read)
            watch.waiting_for(None)
        storage.wait()
        analysis_cpu_use = analysis.cpu_use
        tally.check()
        tally.check_yield(inputs.names)
        with watch.timed("finish"):
            if store:
                storage.finish(
                    source_rows(sources, store[1], notations),
                    lambda: measured.append((quality(store[0]), overlaps(store[0]))),
                )
            if npz:
                storage.write_matrices(npz, {"analysis": request.version})
            storage.wait()
            for file in filter(None, (output, npz)):
                file.sync()  # what fails must fail before anything is committed or renamed
            if store:
                record_sources(store, request, sources, pl.concat(rejects))
            else:
                _write_rejects(request, pl.concat(rejects), stack)
    return _result(
        request,
        inputs,
        tally,
        watch,
        notations=notations.uses(),
        analysis_cpu_use=analysis_cpu_use,
        quality=measured[0][0] if measured else None,
        overlaps=measured[0][1] if measured else (),
    )


def _write_rejects(request: Data3Build, rejects: pl.DataFrame, stack: ExitStack) -> None:
    """Write the rejects beside the CSV, or see to it that those of an earlier build go away."""
    if rejects.height:
        written = io.BytesIO()
        rejects.write_csv(written)
        stack.enter_context(atomic_file(request.rejects_file)).write(written.getbuffer())
    else:
        stack.callback(remove_rejects_file, request.rejects_file)


def source_rows(sources: Sequence[Source], run: Run, notations: SourceNotations) -> pl.DataFrame:
    """Give what :meth:`etl.store.songs.SongWriter.finish` takes."""
    return pl.DataFrame(
        [
            (
                source.name,
                run.run_id,
                source.size_bytes,
                source.mtime_ns,
                source.content_hash,
                source.content_bytes,
                str(notations.of_source.get(source.name, Notation.CHORDONOMICON)),
            )
            for source in sources
        ],
        schema={
            "path": pl.String,
            "run_id": pl.Int64,
            "size_bytes": pl.Int64,
            "mtime_ns": pl.Int64,
            "content_hash": pl.String,
            "content_bytes": pl.Int64,
            "notation": pl.String,
        },
        orient="row",
    )


def record_sources(
    store: tuple[duckdb.DuckDBPyConnection, Run],
    request: Data3Build,
    sources: Sequence[Source],
    rejects: pl.DataFrame,
) -> None:
    """Enter the sources into the ledger as done, and the rejects."""
    connection, run = store
    done = pl.DataFrame({"item": [source.content_hash for source in sources]}).with_columns(
        status=pl.lit("done")
    )
    _ledger(connection, request, sources).record(done)
    add_rejects(connection, run, rejects)


def _result(
    request: Data3Build,
    inputs: Inputs,
    tally: Tally,
    watch: Watch,
    *,
    notations: tuple[NotationUse, ...],
    is_stored: bool = False,
    analysis_cpu_use: float = 0.0,
    quality: Quality | None = None,
    overlaps: tuple[Overlap, ...] = (),
) -> BuildResult:
    return BuildResult(
        **{name: value for name, value in vars(tally).items() if name not in {"examples", "by_source"}},
        examples=tuple(tally.examples),
        notations=notations,
        is_stored=is_stored,
        kept=tuple(dict.fromkeys(name for source in inputs.sources for name in source.others)),
        unread=tuple(dict.fromkeys(name for source in inputs.sources for name in source.unread)),
        sources=inputs.names,
        recognized=inputs.recognized,
        empty=tally.empty(inputs.names, limit=request.limit),
        output=request.output,
        npz=request.npz,
        database=request.database,
        rejects_file=request.rejects_file if tally.rejected and request.database is None else None,
        seconds=watch.elapsed,
        stage_seconds=dict(watch.seconds),
        cpu_use=watch.cpu_use,
        analysis_cpu_use=analysis_cpu_use,
        quality=quality,
        overlaps=overlaps,
    )
