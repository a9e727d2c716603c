"""The MIDI library: find files, read each once, analyse, store; name and split copies of them.

What has changed is found first; where nothing has, nothing else is even imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.sources.archives.limits import Refusal
from etl.sources.folders.midi import find_midi
from etl.sources.folders.walk import check_sources
from etl.sources.folders.walk_process import walking

if TYPE_CHECKING:
    from etl.pipelines.midi.request import MidiRun, MidiSummary
    from etl.runtime.pool import ProcessPool


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
    with walking(request.sources, request.pattern, request.library) as finds, pool:
        if request.force or not request.database.exists():
            pool.start()  # there will be work: its server loads the compiled code in the meantime
        from etl.pipelines.midi.changes import update  # noqa: PLC0415 - the walk goes on meanwhile

        return update(request, finds, pool)


def preview(request: MidiRun) -> str:
    """Say what a run would find, without the store: counts by kind."""
    check_sources(request.sources)
    files = archives = size = 0
    refused: dict[str, int] = {}
    for entry in find_midi(request.sources, pattern=request.pattern, library=request.library):
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
