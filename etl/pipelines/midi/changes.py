"""Find what of a MIDI run's sources is new or changed, and have it worked on."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from etl.pipelines.midi.board import FIND, Board
from etl.pipelines.midi.rename_journal import recover_renames
from etl.pipelines.midi.request import MidiRun, MidiSummary
from etl.runtime.live import LiveView, status_path
from etl.runtime.work.memory import without_cycle_collection
from etl.sources.archives.limits import Refusal
from etl.store.database import open_store
from etl.store.midi import Done
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etl.runtime.pool import ProcessPool
    from etl.sources.folders.midi import Found
    from etl.sources.folders.walk_process import Finds


def update(request: MidiRun, finds: Iterable[Finds], pool: ProcessPool) -> MidiSummary:
    """Bring the library up to date with what was found.

    Parameters
    ----------
    request
        What to do.
    finds
        What the walk finds.
    pool
        Who does it.

    Raises
    ------
    EtlError
        If the store or the library cannot be written.
    """
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
        with recorded_run(connection, "midi run", arguments) as run, without_cycle_collection():
            board = Board(request.stages, view)
            done = None if request.force else Done(connection, request.tasks, run.run_id)
            changes = _changes(finds, done, summary, board)
            with board.timed(FIND):
                first = next(changes, None)
            if first is not None:
                from etl.pipelines.midi.tasks import work  # noqa: PLC0415 - without work it is not needed

                changes = itertools.chain([first], changes)
                work(request, connection, run, changes, pool=pool, summary=summary, board=board)
            summary.meter.seconds = board.seconds()
            run.items_in, run.items_out, run.meter = summary.found, summary.read, summary.meter
    return summary


def _changes(
    finds: Iterable[Finds], done: Done | None, summary: MidiSummary, board: Board
) -> Iterator[Found | Refusal]:
    """Keep what is new, changed, lacks a stage, or was refused; count the rest."""
    for batch in finds:
        others = set(batch.stamps) if done is None else done.others(batch.stamps)
        files = len(batch.stamps) - len(batch.archives)
        summary.found += files
        summary.unchanged += files - len(others.difference(batch.archives))
        board.count(FIND, files)
        yield from (Refusal(*fields) for fields in batch.refused)
        yield from batch.found(others)
        board.show()
