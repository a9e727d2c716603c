"""The MIDI library: find files, read each once, analyse, store; name and split copies of them.

What has changed is found first; where nothing has, nothing else is even imported. Then one thread reads
archives and cuts batches, worker processes read the files, this one gives names and hands the results to the
store, which is open only while it is written. A bounded number of batches is on its way, so that a slow stage
slows those before it.
"""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.pipelines.midi.request import FIND, STORE, MidiPlan, MidiResult, MidiRun, Stage
from etl.runtime.compile_folder import kept_functions, writable_folder
from etl.runtime.disk.hashing import text_hash
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.log_file import LogFile, log_path
from etl.runtime.watch.progress import Stage as WatchedStage, Watch
from etl.runtime.work.cluster.joined import joined
from etl.runtime.work.crew import crew
from etl.runtime.work.garbage import without_cycle_collection
from etl.runtime.work.prefetch import prefetched
from etl.sources.archives.limits import Refusal
from etl.sources.folders.midi import find_midi, places_of
from etl.sources.folders.walk import check_sources, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from etl.runtime.watch.progress import Renderer
    from etl.runtime.work.crew import Crew
    from etl.sources.folders.midi import Found
    from etl.store.bursts import BurstWriter
    from etl.store.midi_library import LibraryPiece

_PRELOAD: Final = ("etl.pipelines.midi.preload",)
_COMPILED: Final = "etl.midi"
_VERSIONS: Final = "etl.pipelines.versions:of_midi"
_JOB: Final = "etl.pipelines.midi.worker:process_batch"
_MARK: Final = "mark"
"""In the folder for copies: shows workers of a cluster that theirs is the same."""

_AHEAD: Final = 1 << 17
"""Files that may be found before they are read; if there are no more, it is known how many are left."""


def run_midi(request: MidiRun, renderers: Sequence[Renderer] = ()) -> MidiResult:
    """Bring the library up to date with its sources.

    Parameters
    ----------
    request
        What to do.
    renderers
        Where the run is shown, apart from its log.

    Raises
    ------
    EtlError
        If a source is missing, another run writes to the store, or the store or the library cannot be
        written.
    """
    check_sources(request.sources)
    stages = (FIND, *(stage for stage in Stage if stage in request.stages), STORE)
    log = LogFile(log_path(request.database))
    with (
        joined(request.cluster) as connection,
        crew(workers=request.workers, preload=_PRELOAD, cluster=connection, versions_of=_VERSIONS) as members,
        Watch("etl midi run", [WatchedStage(name, "files") for name in stages], [*renderers, log]) as watch,
    ):
        if request.force or not request.database.exists():
            writable_folder()  # where there is none it is said here, for all workers
            members.start()  # there will be work: they load the compiled code in the meantime
        watch.waiting_for("the store")
        from etl.store.bursts import writing  # noqa: PLC0415 - the workers start meanwhile

        arguments = {
            "sources": [str(source) for source in request.sources],
            "stages": sorted(request.stages),
            "library": whole(request.library),
            "pattern": request.pattern,
        }
        with (
            writing(request.database, "midi run", arguments, limits=request.limits, log=log) as store,
            without_cycle_collection(),
        ):
            store.run.meter = watch
            watch.waiting_for(None)
            return _update(request, store, members, watch)


def plan_midi(request: MidiRun) -> MidiPlan:
    """Say what a run would read and refuse, changing nothing.

    Raises
    ------
    EtlError
        If a source is missing, or the store cannot be read.
    """
    check_sources(request.sources)
    stages = tuple(stage for stage in Stage if stage in request.stages)
    plan = MidiPlan(stages, request.database, request.library)
    done = set[str]()
    if request.database.exists():
        from etl.pipelines.midi.touched import touched  # noqa: PLC0415 - often there is no store yet
        from etl.store.database import read_store  # noqa: PLC0415
        from etl.store.midi import done_stamps  # noqa: PLC0415
        from etl.store.midi_edits import library_stamps  # noqa: PLC0415

        with read_store(request.database, limits=request.limits) as connection:
            if not request.force:
                done = done_stamps(connection, request.tasks, request.places)
            if request.writes_library:
                plan.touched = sum(1 for _ in touched(request.library, library_stamps(connection)))
    for found in _found(request):
        if isinstance(found, Refusal):
            plan.rejects[found.category] = plan.rejects.get(found.category, 0) + 1
        elif found.stamp in done:
            plan.unchanged += not found.is_archive
        elif request.limit is None or plan.files < request.limit:
            plan.archives += found.is_archive
            plan.files += not found.is_archive
            plan.bytes += found.size
    return plan


def _found(request: MidiRun) -> Iterator[Found | Refusal]:
    return find_midi(
        request.sources, pattern=request.pattern, library=request.library, limits=request.limits.archives
    )


def _update(request: MidiRun, store: BurstWriter, members: Crew, watch: Watch) -> MidiResult:
    from etl.store.midi import (  # noqa: PLC0415 - it needs the store
        count_files,
        count_present,
        done_stamps,
        mark_seen,
        unreadable_files,
    )
    from etl.store.midi_near import find_near, is_unfinished  # noqa: PLC0415
    from etl.store.midi_renames import unfinished_renames  # noqa: PLC0415

    result = MidiResult(store.run.run_id, silent=places_of(request.sources) if request.limit is None else [])
    done = set[str]()
    archives: list[str] = []
    with store.reading() as connection:
        present = count_present(connection, request.places)
        unsorted = is_unfinished(connection, result.run_id)
        unfinished = unfinished_renames(connection, before=result.run_id)
        known = count_files(connection)
        if not request.force:
            done = done_stamps(connection, request.tasks, request.places)
        unreadable = unreadable_files(connection, request.places) if done and result.silent else set()
    for run_id in unfinished:
        from etl.pipelines.midi.rename_journal import recover_renames  # noqa: PLC0415 - for a killed rename

        recover_renames(store, run_id)
    finished, met = len(done), set[str]()
    with _ahead(request, _changes(request, done, met, unreadable, result=result, watch=watch)) as lists:
        changes = itertools.chain.from_iterable(lists)
        first = next(changes, None)
        if first is not None:
            everything = itertools.chain([first], changes)
            archives = _work(request, everything, store, members, watch=watch, result=result)
    touched = _touched(request, store) if request.writes_library else None  # nothing waits to be written yet
    if result.unchanged:
        store.put(mark_seen(store.run.run_id, request.tasks, request.places, but=done))
    if done or archives or finished != present:  # else all that is known was met
        from etl.pipelines.midi.gone import put_gone  # noqa: PLC0415 - most runs meet all they know

        result.gone = put_gone(request, store, met, archives)
    if touched is not None:
        result.edited, result.spoilt, parts = _take_up(request, store, members, watch, touched)
        result.parts += parts
    if result.read or result.edited or unsorted:
        store.put(find_near())
    if result.read:
        from etl.pipelines.midi.gone import put_places  # noqa: PLC0415 - the same

        put_places(request, store)
        with store.reading() as connection:
            result.new = count_files(connection) - known
    store.run.items_in, store.run.items_out = result.found, result.read
    result.elapsed_s, result.cpu_share = watch.elapsed, watch.cpu_use
    result.stage_s = dict(watch.seconds)
    return result


def _touched(request: MidiRun, store: BurstWriter) -> list[str] | None:
    """Give the files of the library that were touched since a run looked last; None where all is known."""
    from etl.pipelines.midi.touched import touched  # noqa: PLC0415 - as in `_update`
    from etl.store.midi_edits import is_unsettled, library_stamps  # noqa: PLC0415

    with store.reading() as connection:
        places = list(touched(Path(whole(request.library)), library_stamps(connection)))
        return places if places or is_unsettled(connection) else None


def _take_up(
    request: MidiRun, store: BurstWriter, members: Crew, watch: Watch, touched: list[str]
) -> tuple[int, int, int]:
    """Read and split again what somebody has edited in the library: as `take_up_edits`, and the parts."""
    from etl.pipelines.midi.split_again import split_again  # noqa: PLC0415 - most runs find nothing touched
    from etl.pipelines.midi.take_up import take_up_edits  # noqa: PLC0415

    library = Path(whole(request.library))
    reading = replace(request, library=library, stages=frozenset({Stage.ANALYZE}), sources=(), limit=None)

    def read(edited: list[Found], before: dict[str, LibraryPiece]) -> None:
        _work(reading, edited, store, members, watch=watch, result=MidiResult(), before=before)

    splits = Stage.SPLIT in request.stages
    parts = split_again(library, store) if splits else 0  # what a killed run left undone is no edit
    edited, spoilt = take_up_edits(library, touched, store, reading.tasks, read)
    return edited, spoilt, parts + (split_again(library, store) if splits else 0)


def _ahead(
    request: MidiRun, changes: Iterator[Found | Refusal]
) -> AbstractContextManager[Iterable[Iterable[Found | Refusal]]]:
    """Look for files before they are wanted, unless there is a limit: then no more than needed."""
    return prefetched(changes, waiting=_AHEAD) if request.limit is None else nullcontext([changes])


def _changes(
    request: MidiRun,
    done: set[str],
    met: set[str],
    unreadable: set[str],
    *,
    result: MidiResult,
    watch: Watch,
) -> Iterator[Found | Refusal]:
    """Give what is new, changed, lacks a stage, or was refused.

    What is unchanged is taken out of ``done``; the paths of all that is there are added to ``met``.
    """
    files = archives = 0
    with watch.timed(FIND):
        for found in _found(request):
            if isinstance(found, Refusal):
                yield found
                continue
            met.add(found.path)
            is_done = found.stamp in done
            if is_done:
                done.remove(found.stamp)
                if found.path not in unreadable:
                    result.heard(found.path)
            if not found.is_archive:
                result.found += 1
                result.unchanged += is_done
                watch.advance(FIND, done=1)
            if not is_done:
                archives += found.is_archive
                files += not found.is_archive
                yield found
    if not archives:
        watch.total(Stage.IMPORT, files if request.limit is None else min(files, request.limit))


def _work(
    request: MidiRun,
    changes: Iterable[Found | Refusal],
    store: BurstWriter,
    members: Crew,
    *,
    watch: Watch,
    result: MidiResult,
    before: Mapping[str, LibraryPiece] | None = None,
) -> list[str]:
    """Read what has changed, and store what comes of it; give the archives that were read whole.

    ``before`` is what edited files of the library were, by path.
    """
    from etl.pipelines.midi.messages import Wanted, pieces, placed  # noqa: PLC0415 - without work it is not needed
    from etl.pipelines.midi.shelf import Shelf  # noqa: PLC0415
    from etl.pipelines.midi.tasks import Batches  # noqa: PLC0415
    from etl.pipelines.midi.writer import Writer  # noqa: PLC0415
    from etl.store.midi import SPLIT  # noqa: PLC0415
    from etl.store.midi_library import library_names  # noqa: PLC0415
    from etl.store.midi_results import replaced_tasks  # noqa: PLC0415

    incoming = _incoming(request)
    shelf = None
    with store.reading() as connection:
        replaced = list(request.tasks) if request.force else replaced_tasks(connection, request.tasks)
        if incoming is not None:
            version = request.tasks.get(SPLIT, "")
            names = library_names(connection, split_version=version, with_parts=request.force)
            shelf = Shelf(request.library, incoming, names)
    wanted = Wanted(
        analyze=Stage.ANALYZE in request.stages,
        split=Stage.SPLIT in request.stages,
        incoming=_there(request, incoming),
        roots=request.roots,
        member_bytes=request.limits.archives.member_bytes,
        before=before or {},
    )
    batches = Batches(request, changes, watch)
    writer = Writer(store, request, shelf=shelf, replaced=replaced, watch=watch, result=result)
    outcomes = members.map(
        _JOB,
        batches,
        in_flight=4 * max(request.workers, 1) + 1,
        shared=wanted,
        seconds=request.limits.batch_s,
        divide=pieces,
        idle=_starting(watch, result),
        place=partial(placed, mark=incoming and incoming / _MARK),
    )
    writable_folder()
    with _swept(incoming), closing(outcomes):
        if incoming is not None and request.cluster is not None:
            (incoming / _MARK).write_bytes(os.urandom(16))
        for outcome in outcomes:
            watch.waiting_for(None)
            writer.take(outcome)
        writer.take_rest(batches.rest)
    result.found += batches.in_archives
    return batches.archives


def _starting(watch: Watch, result: MidiResult) -> Callable[[], None]:
    """Say what the workers do before anything comes of them: they load their code, or compile it first."""
    before = kept_functions(_COMPILED)

    def say() -> None:
        if not result.read:
            count = kept_functions(_COMPILED) - before
            compiling = f"workers to compile their code, once: {count} functions so far"
            watch.waiting_for(compiling if count else "workers to load their code")

    return say


def _incoming(request: MidiRun) -> Path | None:
    """Where workers leave copies: in the library, of this store alone."""
    if not request.writes_library:
        return None
    return request.library / f".incoming-{text_hash(str(request.database.absolute()))}"


def _there(request: MidiRun, folder: Path | None) -> Path | None:
    """Give a folder as those know it that read the files."""
    if folder is None or request.cluster is None:
        return folder
    return Path(request.cluster.there(str(folder)))


@contextmanager
def _swept(incoming: Path | None) -> Iterator[None]:
    """Make the folder, and remove it and what a killed run has left in it; `EtlError` where that fails."""
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
            "Finished work is kept. Check the disk, or choose another --library, and run again.",
            exit_code=ExitCode.CANNOT_WRITE,
        ) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
