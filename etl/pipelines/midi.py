"""The MIDI library: find files, read each once, analyse, store; name and split copies of them.

The main process walks and stores, the workers do the rest. Work moves in batches; a bounded number is in
flight, so that a slow stage slows those before it. Results are committed with the ledger at least every five
seconds, files in the library first.
"""

from __future__ import annotations

import fnmatch
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.pipelines.midi_archives import Refusal, read_archive
from etl.pipelines.midi_batch import INCOMING, Entry, Result, Task, process, sweep
from etl.pipelines.midi_request import MidiRun, MidiSummary, Stage
from etl.pipelines.midi_sources import Found, walk
from etl.pipelines.midi_writer import Writer, archive_key
from etl.runtime.errors import EtlError
from etl.runtime.executor import ordered_map, process_executor
from etl.store.database import open_store
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.runtime.progress import Progress

_BATCH_FILES: Final = 256
_BATCH_BYTES: Final = 8 << 20
_CHUNK: Final = 4096


def run_midi(request: MidiRun, progress: Progress) -> MidiSummary:
    """Bring the library up to date with its sources.

    Raises
    ------
    EtlError
        If a source is missing, or the store or the library cannot be written.
    """
    for source in request.sources:
        if not source.exists():
            raise EtlError(f"there is no {source}.", "Check the path.")
    incoming = request.library / INCOMING
    arguments = {
        "sources": [str(source) for source in request.sources],
        "stages": sorted(request.stages),
        "library": str(request.library),
        "pattern": request.pattern,
    }
    summary = MidiSummary()
    with (
        process_executor(request.workers) as executor,
        open_store(request.database) as connection,
        recorded_run(connection, "midi run", arguments) as run,
    ):
        if request.writes_library:
            # Only now, with the store locked, is what lies there certainly nobody's.
            incoming.mkdir(parents=True, exist_ok=True)
            sweep(incoming)
        for _ in range(request.workers):
            # Workers load the compiled code while the walk begins.
            executor.submit(process, Task((), None, split=False))
        writer = Writer(connection, run, request, summary)
        tasks = _tasks(request, writer, incoming if request.writes_library else None)
        for result in _results(ordered_map(executor, process, tasks, in_flight=2 * request.workers + 1)):
            writer.add(result)
            progress.advance(items=result.count)
            progress.note = (
                f"{summary.found:,} found, {summary.rejected:,} rejected, {writer.waiting:,} to commit"
            )
        writer.flush()
        run.items_in, run.items_out, run.meter = summary.found, summary.read, summary.meter
    if request.writes_library:
        sweep(incoming)
        incoming.rmdir()
    return summary


def _results(results: Iterator[Result]) -> Iterator[Result]:
    """Pass results on; say what to do when a worker dies."""
    try:
        yield from results
    except BrokenProcessPool as error:
        raise EtlError(
            "a worker process died, perhaps for want of memory.",
            "What was finished is kept. Run again, with fewer --workers; --filter can leave files out.",
        ) from error


def preview(request: MidiRun) -> str:
    """Say what a run would find, without the store: counts by kind."""
    files = archives = size = 0
    refused: dict[str, int] = {}
    for entry in walk(request.sources, pattern=request.pattern):
        if isinstance(entry, Refusal):
            refused[entry.category] = refused.get(entry.category, 0) + 1
        else:
            archives += entry.is_archive
            files += not entry.is_archive
            size += entry.size
    lines = [
        f"{files:,} MIDI files and {archives:,} archives, {size / 2**20:,.1f} MB; nothing was written",
        f"stages: {', '.join(sorted(request.stages))}; store: {request.database}; library: {request.library}",
    ]
    return "\n".join([*lines, *(f"would be rejected, {name}: {n:,}" for name, n in sorted(refused.items()))])


def _tasks(request: MidiRun, writer: Writer, incoming: Path | None) -> Iterator[Task]:
    """Cut what is to do into batches."""
    batch: list[Entry] = []
    closed: list[tuple[str, str]] = []
    size = 0
    for entry in _entries(request, writer):
        if isinstance(entry, tuple):
            closed.append(entry)
            continue
        batch.append(entry)
        size += entry.size
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield Task(tuple(batch), incoming, Stage.SPLIT in request.stages, tuple(closed))
            batch, closed, size = [], [], 0
    if batch or closed:
        yield Task(tuple(batch), incoming, Stage.SPLIT in request.stages, tuple(closed))


def _entries(request: MidiRun, writer: Writer) -> Iterator[Entry | tuple[str, str]]:
    """Give what is to read: files, members of archives and, after its last member, each archive's key."""
    left = request.limit if request.limit is not None else 1 << 62
    for chunk in _chunks(walk(request.sources, pattern=request.pattern)):
        writer.refuse([entry for entry in chunk if isinstance(entry, Refusal)])
        for found in writer.to_do([entry for entry in chunk if isinstance(entry, Found)]):
            if left <= 0:
                return
            if not found.is_archive:
                left -= 1
                yield Entry(found.path, found.location, found.size, found.mtime_ns)
                continue
            with Path(found.location).open("rb") as stream:
                for member in read_archive(stream, found.path, found.size):
                    if isinstance(member, Refusal):
                        writer.refuse([member])
                        continue
                    if not fnmatch.fnmatch(member.path, request.pattern):
                        continue
                    if left <= 0:
                        return
                    left -= 1
                    writer.summary.found += 1
                    yield Entry(member.path, None, len(member.blob), found.mtime_ns, member.blob)
            yield (found.path, archive_key(found))


def _chunks(entries: Iterator[Found | Refusal]) -> Iterator[list[Found | Refusal]]:
    chunk: list[Found | Refusal] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    yield chunk
