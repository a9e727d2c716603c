"""The MIDI library: find files, read each once, analyse, store; name and split copies of them.

The main process walks and stores, the workers do the rest. Work moves in batches; a bounded number is in
flight, so that a slow stage slows those before it. Results are committed with the ledger at least every five
seconds, files in the library first.
"""

from __future__ import annotations

import fnmatch
import itertools
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.pipelines.midi_archives import Refusal, read_archive
from etl.pipelines.midi_board import FIND, Board
from etl.pipelines.midi_journal import recover_renames
from etl.pipelines.midi_request import MidiRun, MidiSummary, Stage
from etl.pipelines.midi_sources import Found, check_sources, shown, walk
from etl.pipelines.midi_task import Entry, Task, lost, process, single_files
from etl.pipelines.midi_writer import Writer, archive_key
from etl.runtime.executor import without_cycle_collection
from etl.runtime.files import write_error
from etl.runtime.hashing import text_hash
from etl.runtime.live import LiveView, status_path
from etl.store.database import open_store
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.runtime.pool import ProcessPool

_BATCH_FILES: Final = 512
_BATCH_BYTES: Final = 8 << 20
_FIRST_CHUNK, _LARGEST_CHUNK = 1024, 65536


def run_midi(request: MidiRun, pool: ProcessPool) -> MidiSummary:
    """Bring the library up to date with its sources.

    Parameters
    ----------
    request
        What to do.
    pool
        Who does it; left closed.

    Raises
    ------
    EtlError
        If a source is missing, or the store or the library cannot be written.
    """
    check_sources(request.sources)
    incoming = _incoming(request)
    arguments = {
        "sources": [str(source) for source in request.sources],
        "stages": sorted(request.stages),
        "library": str(request.library),
        "pattern": request.pattern,
    }
    summary = MidiSummary()
    with (
        open_store(request.database) as connection,
        LiveView("etl midi", status_file=status_path(request.database)) as view,
    ):
        recover_renames(connection)
        with (
            recorded_run(connection, "midi run", arguments) as run,
            _swept(incoming),
            without_cycle_collection(),
            pool,
        ):
            board = Board(request.stages, view)
            writer = Writer(connection, run, request, summary=summary, board=board, incoming=incoming)
            results = pool.map(
                process,
                _tasks(request, writer, board, incoming),
                in_flight=4 * pool.workers + 1,
                divide=single_files,
                lost=lost,
            )
            with closing(results):
                for result in results:
                    writer.add(result)
                    board.show()
            writer.flush()
            summary.meter.seconds = board.seconds()
            run.items_in, run.items_out, run.meter = summary.found, summary.read, summary.meter
    return summary


def _incoming(request: MidiRun) -> Path | None:
    """Where workers leave copies: in the library, of this store alone."""
    if not request.writes_library:
        return None
    return request.library / f".incoming-{text_hash(str(request.database.absolute()))}"


@contextmanager
def _swept(incoming: Path | None) -> Iterator[None]:
    """Make the incoming folder, and leave none; what a killed run left there is nobody's by now."""
    if incoming is None:
        yield
        return
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        incoming.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise write_error(incoming.parent, error) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def preview(request: MidiRun) -> str:
    """Say what a run would find, without the store: counts by kind."""
    check_sources(request.sources)
    files = archives = size = 0
    refused: dict[str, int] = {}
    for entry in walk(request.sources, pattern=request.pattern, library=request.library):
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


def _tasks(request: MidiRun, writer: Writer, board: Board, incoming: Path | None) -> Iterator[Task]:
    """Cut what is to do into batches."""
    analyze, split = (stage in request.stages for stage in (Stage.ANALYZE, Stage.SPLIT))
    batch: list[Entry] = []
    archives: list[str] = []
    size, at_work = 0, False
    entries = _entries(request, writer)
    while True:
        with board.timed(FIND):
            entry = next(entries, None)
        if isinstance(entry, str):
            archives.append(entry)
            continue
        if entry is not None:
            batch.append(entry)
            size += entry.size
            if len(batch) < _BATCH_FILES and size < _BATCH_BYTES:
                continue
        if batch or (archives and at_work):
            board.hand_out(len(batch))
            yield Task(tuple(batch), incoming, analyze, split, tuple(archives), request.roots)
            batch, archives, size, at_work = [], [], 0, True
        if entry is None:
            writer.close_archives(archives)
            return


def _entries(request: MidiRun, writer: Writer) -> Iterator[Entry | str]:
    """Give what is to read: files, members of archives and, after its last member, each archive's key."""
    left = request.limit if request.limit is not None else 1 << 62
    found = walk(request.sources, pattern=request.pattern, library=request.library)
    for chunk in _chunks(found):
        writer.refuse([entry for entry in chunk if isinstance(entry, Refusal)])
        for entry in writer.to_do([entry for entry in chunk if isinstance(entry, Found)]):
            entries = _members(entry, request.pattern, writer) if entry.is_archive else [_entry(entry)]
            for one in entries:
                if not isinstance(one, str):
                    if left <= 0:
                        return
                    left -= 1
                yield one


def _entry(found: Found) -> Entry:
    return Entry(found.path, shown(Path(found.location).name), found.location, found.size, found.mtime_ns)


def _members(found: Found, pattern: str, writer: Writer) -> Iterator[Entry | str]:
    """Give the members of an archive and, if that was all there is in it, its key."""
    try:
        with open(found.location, "rb") as stream:  # noqa: PTH123 - names that are no UTF-8 need no detour
            for member in read_archive(stream, found.path, found.size):
                if isinstance(member, Refusal):
                    writer.refuse([member])
                elif pattern == "*" or fnmatch.fnmatch(member.path, pattern):
                    writer.find(1)
                    yield Entry(member.path, member.name, None, len(member.blob), found.mtime_ns, member.blob)
    except OSError as error:
        writer.refuse([Refusal(found.path, "unreadable", error.strerror or str(error))])
        return
    if pattern == "*":
        yield archive_key(found)


def _chunks(entries: Iterator[Found | Refusal]) -> Iterator[list[Found | Refusal]]:
    """Cut what is found into chunks that grow: the first is soon there, and few are looked up in all."""
    size = _FIRST_CHUNK
    while chunk := list(itertools.islice(entries, size)):
        yield chunk
        size = min(2 * size, _LARGEST_CHUNK)
