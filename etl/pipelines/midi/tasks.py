"""Do what a MIDI run has to do: cut it into batches, have workers read them, store what comes back.

The main process stores, the workers do the rest. Work moves in batches; a bounded number is in flight, so
that a slow stage slows those before it. Results are committed with the ledger at least every five seconds,
files in the library first.
"""

from __future__ import annotations

import fnmatch
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.pipelines.midi.board import FIND, Board
from etl.pipelines.midi.messages import Entry, Task, lost, process, single_files
from etl.pipelines.midi.request import MidiRun, MidiSummary, Stage
from etl.pipelines.midi.writer import Writer
from etl.runtime.disk.hashing import text_hash
from etl.runtime.errors import EtlError
from etl.sources.archives.limits import Refusal
from etl.sources.archives.read import read_archive
from etl.sources.folders.walk import open_file, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb

    from etl.runtime.pool import ProcessPool
    from etl.sources.folders.midi import Found
    from etl.store.runs import Run

_BATCH_FILES: Final = 512
_BATCH_BYTES: Final = 8 << 20
_MOST_SECONDS: Final = 300.0  # for a batch, which takes one or two


def work(
    request: MidiRun,
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    changes: Iterable[Found | Refusal],
    *,
    pool: ProcessPool,
    summary: MidiSummary,
    board: Board,
) -> None:
    """Read what has changed, and store what comes of it.

    Parameters
    ----------
    request, connection, run
        What to do, the store, and the run.
    changes
        What to read, and what was refused.
    pool
        Who reads.
    summary, board
        Where it is counted.

    Raises
    ------
    EtlError
        If the store or the library cannot be written.
    """
    incoming = _incoming(request)
    with _swept(incoming), pool:  # which ends first: workers write into the folder
        writer = Writer(connection, run, request, summary=summary, board=board, incoming=incoming)
        results = pool.map(
            process,
            _tasks(request, changes, writer, board, incoming),
            in_flight=4 * pool.workers + 1,
            seconds=_MOST_SECONDS,
            divide=single_files,
            lost=lost,
        )
        with closing(results):
            for result in results:
                writer.add(result)
                board.show()
        writer.flush()


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
        raise EtlError(
            f"cannot write to {incoming.parent}: {error.strerror or error}.",
            "What was finished is kept. See to the disk, or choose another --library, and run again.",
        ) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _tasks(
    request: MidiRun, changes: Iterable[Found | Refusal], writer: Writer, board: Board, incoming: Path | None
) -> Iterator[Task]:
    """Cut what is to do into batches, and time that."""
    tasks = _batches(request, changes, writer, incoming)
    while True:
        with board.timed(FIND):
            task = next(tasks, None)
        if task is None:
            return
        board.hand_out(len(task.entries))
        yield task


def _batches(
    request: MidiRun, changes: Iterable[Found | Refusal], writer: Writer, incoming: Path | None
) -> Iterator[Task]:
    analyze, split = (stage in request.stages for stage in (Stage.ANALYZE, Stage.SPLIT))
    batch: list[Entry] = []
    archives: list[str] = []
    size, at_work = 0, False
    for entry in _entries(request, changes, writer):
        if isinstance(entry, str):
            archives.append(entry)
            continue
        batch.append(entry)
        size += entry.size
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield Task(tuple(batch), incoming, analyze, split, tuple(archives), request.roots)
            batch, archives, size, at_work = [], [], 0, True
    if batch or (archives and at_work):
        yield Task(tuple(batch), incoming, analyze, split, tuple(archives), request.roots)
    else:
        writer.close_archives(archives)


def _entries(request: MidiRun, changes: Iterable[Found | Refusal], writer: Writer) -> Iterator[Entry | str]:
    """Give what is to read: files, members of archives and, after its last member, each archive's key."""
    left = request.limit if request.limit is not None else 1 << 62
    for change in changes:
        if isinstance(change, Refusal):
            writer.refuse(change)
            continue
        for entry in _members(change, request.pattern, writer) if change.is_archive else [_entry(change)]:
            if not isinstance(entry, str):
                if left <= 0:
                    return
                left -= 1
            yield entry


def _entry(found: Found) -> Entry:
    return Entry(found.path, shown(Path(found.location).name), found.location, found.size, found.mtime_ns)


def _members(found: Found, pattern: str, writer: Writer) -> Iterator[Entry | str]:
    """Give the members of an archive and, if that was all there is in it, its key."""
    try:
        with open_file(found.location) as stream:
            for member in read_archive(stream, found.path, found.size):
                if isinstance(member, Refusal):
                    writer.refuse(member)
                elif pattern == "*" or fnmatch.fnmatch(member.path, pattern):
                    writer.find(1)
                    yield Entry(member.path, member.name, None, len(member.blob), found.mtime_ns, member.blob)
    except OSError as error:
        writer.refuse(Refusal(found.path, "unreadable", error.strerror or str(error)))
        return
    if pattern == "*":
        yield found.stamp
