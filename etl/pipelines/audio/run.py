"""The audio library from folders to matrices: scan, describe, write; only what is still to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from etl.audio.features import Mode, version_of
from etl.pipelines.audio.artifacts import ArtifactsRequest, ArtifactsResult, chosen_tracks, write_artifacts
from etl.pipelines.audio.describe_tracks import PRELOAD, SonicResult, describe_tracks, load_ahead
from etl.pipelines.audio.difference import ScanOptions, compare
from etl.pipelines.audio.pending import read_pending
from etl.pipelines.audio.scan import TAG_READER, ScanResult, count, scan
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.watch.log_file import LogFile, log_path
from etl.runtime.watch.progress import Stage, Watch
from etl.sources.audio.files import located
from etl.store.bursts import writing
from etl.store.database import read_store_or_empty
from etl.store.kept_files import check_known, check_outputs
from etl.store.library import known_files
from etl.store.roots import known_roots
from etl.store.sonic_features import LibraryStatus, library_status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.pipelines.genres.fetch import FetchResult
    from etl.pipelines.genres.plan import GenrePlan
    from etl.pipelines.genres.questions import GenreQuestions
    from etl.runtime.watch.progress import Renderer
    from etl.runtime.work.cluster.address import Cluster
    from etl.store.bursts import BurstWriter


class LibraryStage(StrEnum):
    """The stages of a run, in their order."""

    SCAN = "scan"
    GENRES = "genres"
    SONIC = "sonic"
    ARTIFACTS = "artifacts"


_WATCHED = {
    LibraryStage.SCAN: (Stage("scan", "files"),),
    LibraryStage.SONIC: (Stage("hash", "files"), Stage("sonic", "tracks")),
    LibraryStage.ARTIFACTS: (Stage("artifacts", "tracks"),),
}


@dataclass(frozen=True)
class LibraryRequest:
    """What to do.

    Attributes
    ----------
    sources
        Folders and inventories to scan.
    stages
        Which; they run in their own order, however they are given.
    artifacts
        Which matrices to write; its mode is that of the descriptions too.
    force
        Redo finished work, and retry what failed.
    limit
        Stop after this many files, in reading and in describing, and in asking after so many artists and
        albums.
    seconds
        Begin to describe no track after so many; None for no end.
    workers
        Processes.
    follow_links, exclude, allow_gone
        Of the scan, as in :class:`etl.pipelines.audio.difference.ScanOptions`.
    limits
        Cadence of the store, most time and memory for a track.
    cluster
        Whose workers describe, instead of processes of this machine.
    """

    sources: tuple[Path, ...]
    stages: tuple[LibraryStage, ...]
    artifacts: ArtifactsRequest
    force: bool = False
    limit: int | None = None
    seconds: float | None = None
    workers: int = 1
    follow_links: bool = False
    exclude: tuple[str, ...] = ()
    allow_gone: bool = False
    limits: Limits = LIMITS
    cluster: Cluster | None = None

    @property
    def mode(self) -> Mode:
        """How tracks are described."""
        return self.artifacts.mode

    @property
    def scan_options(self) -> ScanOptions:
        """How folders are looked through."""
        return ScanOptions(self.force, self.limit, self.follow_links, self.exclude, self.allow_gone)


@dataclass(frozen=True)
class LibraryResult:
    """What the stages did; None for those that were not asked for.

    Attributes
    ----------
    scan, genres, sonic, artifacts
        By stage.
    status
        How the library stands afterwards.
    """

    scan: ScanResult | None
    genres: FetchResult | None
    sonic: SonicResult | None
    artifacts: ArtifactsResult | None
    status: LibraryStatus


@dataclass(frozen=True)
class LibraryPlan:
    """What a run would do; None for stages that were not asked for.

    Attributes
    ----------
    scan
        What it would find.
    genres
        What services would be asked about the tracks that are known so far.
    tracks
        How many of the tracks that are known so far it would describe, at most; a scan may find more.
    output
        What it would write.
    status
        How the library stands.
    """

    scan: ScanResult | None
    genres: GenrePlan | None
    tracks: int | None
    output: Path | None
    status: LibraryStatus


def run_library(database: Path, request: LibraryRequest, renderers: Sequence[Renderer] = ()) -> LibraryResult:
    """Run the stages asked for.

    Parameters
    ----------
    database
        The store. It is open only for moments, so that others can read it while this runs.
    request
        What to do.
    renderers
        Where the run is shown.

    Raises
    ------
    EtlError
        If a source does not exist or has lost over half of its tracks, the matrices cannot be written, there
        is no store and nothing to scan, or another run writes to the store.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM; what was finished is kept.
    """
    stages = [stage for stage in LibraryStage if stage in request.stages]
    if LibraryStage.SCAN in stages:
        _check_sources(database, request.sources)
    else:
        _check_store(database)
    if LibraryStage.ARTIFACTS in stages:
        inventories = [source for source in request.sources if source.is_file()]
        check_outputs([request.artifacts.output], inputs=inventories, database=database)
        check_writable(request.artifacts.output)
    if _describes_here(request) and LibraryStage.SCAN in stages and not database.exists():
        load_ahead()
    command = f"library {'+'.join(stages)}"
    arguments = {"sources": [str(source) for source in request.sources], "stages": stages}
    log = LogFile(log_path(database))
    watched = [part for stage in stages for part in _watched(stage)]
    with (
        Watch(f"etl {command}", watched, [*renderers, log]) as watch,
        writing(database, command, arguments, limits=request.limits, log=log) as store,
    ):
        store.run.meter = watch
        if LibraryStage.ARTIFACTS in stages:
            with store.reading() as connection:
                check_known(connection, [request.artifacts.output])
        scanned = _scan(store, watch, request) if LibraryStage.SCAN in stages else None
        fetched = _fetch(store, watch, database, request) if LibraryStage.GENRES in stages else None
        described = _describe(store, watch, request) if LibraryStage.SONIC in stages else None
        written = _write(store, watch, request) if LibraryStage.ARTIFACTS in stages else None
        with store.reading() as connection:
            status = library_status(connection, version_of(request.mode))
    return LibraryResult(scanned, fetched, described, written, status)


def _watched(stage: LibraryStage) -> Sequence[Stage]:
    if stage is LibraryStage.GENRES:
        from etl.pipelines.genres.fetch import STAGES  # noqa: PLC0415 -- services and all that they need

        return STAGES
    return _WATCHED[stage]


def _check_store(database: Path) -> None:
    """Refuse to make a store where there is nothing to put into it."""
    if not database.exists():
        raise EtlError(f"there is no store at {database}.", "Scan folders first, or check --db.")


def _check_sources(database: Path, sources: Sequence[Path]) -> None:
    """Refuse a source that does not exist, and never did, before a store is made for it."""
    if not all(source.exists() for source in sources):
        with read_store_or_empty(database) as connection:
            located(sources, known_roots(connection)["path"])


def _describes_here(request: LibraryRequest) -> bool:
    """Whether processes of this machine describe."""
    return LibraryStage.SONIC in request.stages and request.cluster is None and request.workers > 0


def _scan(store: BurstWriter, watch: Watch, request: LibraryRequest) -> ScanResult:
    describes_here = _describes_here(request)
    return scan(
        store,
        watch,
        request.sources,
        request.scan_options,
        most_at_once=request.limits.burst_items,
        workers=request.workers,
        preload=[PRELOAD if describes_here else TAG_READER],
        on_new=load_ahead if describes_here else None,
    )


def _questions(request: LibraryRequest) -> GenreQuestions:
    from etl.pipelines.genres.questions import GenreQuestions  # noqa: PLC0415

    return GenreQuestions(force=request.force, limit=request.limit)


def _fetch(store: BurstWriter, watch: Watch, database: Path, request: LibraryRequest) -> FetchResult:
    from etl.pipelines.genres.fetch import fetch_into  # noqa: PLC0415

    return fetch_into(store, watch, database, _questions(request))


def _describe(store: BurstWriter, watch: Watch, request: LibraryRequest) -> SonicResult:
    return describe_tracks(
        store,
        watch,
        mode=request.mode,
        workers=request.workers,
        limits=request.limits,
        force=request.force,
        limit=request.limit,
        cluster=request.cluster,
        seconds=request.seconds,
    )


def _write(store: BurstWriter, watch: Watch, request: LibraryRequest) -> ArtifactsResult:
    with watch.timed("artifacts"):
        with store.reading() as connection:
            status = library_status(connection, version_of(request.mode))
            if not status.analyzed:
                return ArtifactsResult(request.artifacts.output, 0, 0, status.pending)
            tracks = chosen_tracks(connection, request.artifacts)
        watch.total("artifacts", tracks.height)
        written = write_artifacts(tracks, request.artifacts)
        watch.advance("artifacts", done=written.tracks)
    return replace(written, pending=status.pending)


def plan_library(database: Path, request: LibraryRequest) -> LibraryPlan:
    """Find out what a run would do, changing nothing.

    Raises
    ------
    EtlError
        If a source does not exist, or the store cannot be read, or there is none and nothing to scan.
    """
    if LibraryStage.SCAN not in request.stages:
        _check_store(database)
    with read_store_or_empty(database) as connection:
        known, remembered = known_files(connection), known_roots(connection)
        pending = read_pending(connection, request.mode, force=request.force)
        status = library_status(connection, version_of(request.mode))
    found = tracks = genres = None
    if LibraryStage.SCAN in request.stages:
        found = count(compare(known, remembered, request.sources, request.scan_options))
    if LibraryStage.SONIC in request.stages:
        tracks = pending.at_most if request.limit is None else min(pending.at_most, request.limit)
    if LibraryStage.GENRES in request.stages and database.exists():
        from etl.pipelines.genres.plan import plan_questions  # noqa: PLC0415

        genres = plan_questions(database, _questions(request))
    output = request.artifacts.output if LibraryStage.ARTIFACTS in request.stages else None
    return LibraryPlan(found, genres, tracks, output, status)
