"""The audio library from folders to matrices: scan, describe, export, and say how it stands."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import polars as pl

import etl
from etl.audio.sonic import FEATURE_VERSION, Mode
from etl.exports.pictures import plot_overview, plot_track
from etl.exports.sonic import MATRICES, Artifacts, Normalization, build_artifacts
from etl.pipelines.audio.scan import ScanSummary, compare, located, scan
from etl.pipelines.audio.sonic import describe_tracks, pending, sonic_version
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError
from etl.runtime.log import RunLog, log_path
from etl.runtime.progress import Progress
from etl.sources.audio.decode import decode
from etl.store.database import migrate, open_store, read_store
from etl.store.library import PRESENT
from etl.store.runs import Run, recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES: Final = ("scan", "genres", "sonic", "artifacts")
"""Stages in their order."""

_OTHER: Final = {Mode.BEAT: Mode.WINDOW, Mode.WINDOW: Mode.BEAT}


def parse_stages(text: str) -> tuple[str, ...]:
    """Read a list of stages; they run in their own order, however they are given.

    Raises
    ------
    EtlError
        If one is unknown.
    """
    named = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(named - set(STAGES))
    if unknown:
        raise EtlError(f"no stage `{unknown[0]}`.", f"Stages are: {', '.join(STAGES)}.")
    return tuple(stage for stage in STAGES if stage in named)


@dataclass(frozen=True)
class Status:
    """How a library stands, in tracks."""

    total: int
    analyzed: int
    pending: int
    beat_sync: int
    fallback: int
    failed: int

    def __str__(self) -> str:
        lines = {
            "Total tracks": self.total,
            "Analyzed": self.analyzed,
            "Pending": self.pending,
            "Beat-sync": self.beat_sync,
            "Fallback": self.fallback,
            "Failed": self.failed,
        }
        return "\n".join(f"{name + ':':<14}{count:>9,}" for name, count in lines.items())


def status(connection: duckdb.DuckDBPyConnection, mode: Mode = Mode.BEAT) -> Status:
    """Count the tracks by state."""
    row = connection.execute(
        f"WITH here AS (SELECT content_hash FROM files WHERE {PRESENT}), "
        "described AS (SELECT * FROM sonic_features WHERE version = $version), "
        "failed AS (SELECT item FROM ledger WHERE task = 'sonic' AND version = $version "
        "AND status = 'failed') "
        "SELECT count(*), count(described.mode), count(*) FILTER (described.mode = 'beat'), "
        "count(described.fallback), "
        "count(*) FILTER (failed.item IS NOT NULL AND described.mode IS NULL) "
        "FROM here LEFT JOIN described USING (content_hash) "
        "LEFT JOIN failed ON failed.item = here.content_hash",
        {"version": sonic_version(mode)},
    ).fetchall()[0]
    total, analyzed, beat, fallback, failed = row
    return Status(total, analyzed, total - analyzed - failed, beat, fallback, failed)


def make_artifacts(
    connection: duckdb.DuckDBPyConnection,
    output: Path,
    *,
    normalization: Normalization,
    mode: Mode = Mode.BEAT,
    include: str | None = None,
    exclude: str | None = None,
    where: str | None = None,
) -> Artifacts:
    """Write the matrices of all tracks described in one mode, as Parquet if the name says so, else as NPZ.

    Parameters
    ----------
    connection
        The store.
    output
        Target.
    normalization, include, exclude
        As in :func:`etl.exports.sonic.build_artifacts`.
    mode
        Which descriptions: vectors of both modes in one matrix could not be compared.
    where
        SQL condition over the columns of view ``library``.

    Raises
    ------
    EtlError
        If the condition is none, or selects nothing.
    """
    described = connection.sql(
        "SELECT * EXCLUDE (version) FROM described_tracks WHERE version = $version",
        params={"version": sonic_version(mode)},
    )
    tracks = _chosen(described, where)
    if tracks.is_empty():
        hint = "Run `etl library run DIR` first, or loosen --where."
        if status(connection, _OTHER[mode]).analyzed and not status(connection, mode).analyzed:
            option = "leave --windowed out" if mode is Mode.WINDOW else "add --windowed"
            hint = f"All descriptions are of {_OTHER[mode]} mode: {option}."
        raise EtlError("no described track to export.", hint)
    manifest: dict[str, Any] = {
        "music_etl": etl.__version__,
        "feature_version": FEATURE_VERSION,
        "mode": str(mode),
        "include": include,
        "exclude": exclude,
        "where": where,
    }
    artifacts = build_artifacts(
        tracks, normalization=normalization, include=include, exclude=exclude, manifest=manifest
    )
    if output.suffix == ".parquet":
        artifacts.write_parquet(output)
    else:
        artifacts.write_npz(output)
    return artifacts


def _chosen(tracks: duckdb.DuckDBPyRelation, where: str | None) -> pl.DataFrame:
    """Keep the rows for which an SQL condition holds."""
    try:
        chosen: pl.DataFrame = (tracks.filter(where) if where else tracks).pl()
    except duckdb.Error as error:
        names = ", ".join(name for name in tracks.columns if not name.startswith("vector_"))
        raise EtlError(
            f"--where is no condition over tracks: {error}",
            f"For example \"genre = 'Rock' AND bpm BETWEEN 90 AND 110\". There are: {names}.",
        ) from error
    return chosen


def draw_track(connection: duckdb.DuckDBPyConnection, name: str, target: Path) -> None:
    """Draw a track, named by id, path or title.

    Raises
    ------
    EtlError
        If no described track, or more than one, has that name, or its file cannot be decoded any more.
    """
    resolved = str(Path(name).absolute())
    found = connection.sql(
        "SELECT * FROM library WHERE vector_whole IS NOT NULL AND "
        "(track_id = $name OR path IN ($name, $path) OR title = $name) ORDER BY path",
        params={"name": name, "path": resolved},
    ).pl()
    if found.is_empty():
        raise EtlError(f"no described track is called {name}.", "Give a title, a path or a track id.")
    if found.height > 1:
        raise EtlError(f"{found.height} tracks are called {name}.", f"Give a path: {found['path'][0]} ...")
    track = found.row(0, named=True)
    plot_track(track, decode(Path(track["path"])), target)


def draw_overview(connection: duckdb.DuckDBPyConnection, target: Path, *, colour: str) -> int:
    """Draw all described tracks on a plane; give how many."""
    tracks = connection.sql("SELECT * FROM library WHERE vector_whole IS NOT NULL").pl()
    return len(plot_overview(tracks, target, colour=colour))


def check(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Verify the library; give what is wrong, in words.

    Looked at: vectors finite, tempo, key and level in range, beats ascending, tracks and features without
    their file or the other way round, and files that are gone from the disk since the last scan. Features of
    content that no file has any more are no fault: they are the cache.
    """
    problems = [
        f"{path}: {what}"
        for path, what in connection.sql(
            "SELECT f.path, 'file without track' FROM files f ANTI JOIN tracks USING (track_id) "
            f"WHERE {PRESENT} "
            "UNION ALL SELECT t.track_id, 'track without file' FROM tracks t "
            "ANTI JOIN files USING (track_id) "
            "UNION ALL SELECT path, 'two files of one path' FROM files GROUP BY path HAVING count(*) > 1 "
            "UNION ALL SELECT l.item, 'marked done but without features' FROM ledger l "
            "ANTI JOIN sonic_features s ON s.content_hash = l.item AND s.version = l.version "
            "WHERE l.task = 'sonic' AND l.status = 'done' "
            f"AND split_part(l.version, '.', 1) = '{FEATURE_VERSION}' ORDER BY ALL"
        ).fetchall()
    ]
    problems += _unsound(connection.sql("SELECT * FROM sonic_features ORDER BY content_hash").pl())
    paths = connection.sql(f"SELECT path FROM files WHERE {PRESENT} ORDER BY path").fetchall()
    problems += [f"{path}: gone since the last scan" for (path,) in paths if not os.access(path, os.F_OK)]
    return problems


def _unsound(features: pl.DataFrame) -> list[str]:
    """Name the descriptions that cannot be right."""
    problems = []
    for column in MATRICES.values():
        finite = np.isfinite(features[column].to_numpy()).all(axis=1)
        problems += [f"{name}: {column} is not finite" for name in features["content_hash"].filter(~finite)]
    rules = {
        "tempo out of range": pl.col("bpm").is_between(30, 300),
        "key out of range": pl.col("key").is_between(-1, 23),
        "level out of range": pl.col("rms_db").is_between(-100.1, 120.1),
        "no duration": pl.col("duration_s") > 0,
        "beats out of order": pl.col("beat_times_s").list.diff(null_behavior="drop").list.min() > 0,
    }
    for what, rule in rules.items():
        broken = features.filter(rule.not_().fill_null(value=False))
        problems += [f"{name}: {what}" for name in broken["content_hash"]]
    return problems


@dataclass(frozen=True)
class LibraryRun:
    """What to do.

    Attributes
    ----------
    sources
        Folders and inventories to scan.
    stages
        In order.
    mode
        Beat-synchronous or windowed features.
    output
        Where the matrices go.
    normalization
        Of the matrices.
    force, limit, workers
        As for each stage.
    """

    sources: tuple[Path, ...]
    stages: tuple[str, ...]
    mode: Mode
    output: Path
    normalization: Normalization
    force: bool
    limit: int | None
    workers: int


def run_library(database: Path, request: LibraryRun) -> list[str]:
    """Run the stages asked for; give a line on what each did.

    Raises
    ------
    EtlError
        If a source does not exist or another process holds the store.
    """
    if "scan" in request.stages:
        located(request.sources)
    if "artifacts" in request.stages:
        check_writable(request.output)
    arguments = {"sources": [str(source) for source in request.sources], "stages": request.stages}
    lines = []
    with (
        open_store(database) as connection,
        closing(RunLog(log_path(database))) as log,
        recorded_run(connection, f"library {'+'.join(request.stages)}", arguments, log=log) as run,
    ):
        for stage, do in (("scan", _run_scan), ("sonic", _run_sonic), ("artifacts", _run_artifacts)):
            if stage in request.stages:
                run.tell(f"{stage} started")
                lines.append(do(connection, run, request))
                for line in lines[-1].splitlines():
                    run.tell(line.strip())
    return lines


def _run_scan(connection: duckdb.DuckDBPyConnection, run: Run, request: LibraryRun) -> str:
    with Progress("files") as progress, run.meter.stage("scan"):
        found = scan(connection, run, request.sources, progress, force=request.force, limit=request.limit)
    run.items_in += found.unchanged + found.new + found.changed + found.moved
    return (
        f"scan: {_counts(found)}; {found.rejected:,} rejected; {found.tracks:,} of the files read are tracks"
    )


def _counts(found: ScanSummary) -> str:
    return (
        f"{found.unchanged:,} unchanged, {found.new:,} new, {found.changed:,} changed, "
        f"{found.moved:,} moved, {found.gone:,} gone"
    )


def _run_sonic(connection: duckdb.DuckDBPyConnection, run: Run, request: LibraryRun) -> str:
    with Progress("tracks", total=_waiting(connection, request)) as progress:
        done = describe_tracks(
            connection,
            run,
            progress,
            mode=request.mode,
            workers=request.workers,
            force=request.force,
            limit=request.limit,
        )
    run.items_out += done.described
    seconds = max(run.meter.seconds.get("sonic", 0.0), 1e-9)
    line = (
        f"sonic: {done.cached:,} known, {done.described:,} described ({done.fallbacks:,} by fallback), "
        f"{done.failed:,} failed; {(done.described + done.failed) / seconds:.1f} tracks/s, "
        f"CPU {run.meter.cpu_use:.0%}, {done.peak_bytes / 1e6:.0f} MB a worker"
    )
    ranked = sorted(done.reasons.items(), key=lambda item: -item[1])
    return "\n".join([line, *(f"  {count:,} x {reason}" for reason, count in ranked[:10])])


def _waiting(connection: duckdb.DuckDBPyConnection, request: LibraryRun) -> int:
    waiting = pending(connection, request.mode, force=request.force)
    return waiting if request.limit is None else min(waiting, request.limit)


def _run_artifacts(connection: duckdb.DuckDBPyConnection, run: Run, request: LibraryRun) -> str:
    if not status(connection, request.mode).analyzed:
        return "artifacts: none, for no track is described"
    with run.meter.stage("artifacts"):
        made = make_artifacts(
            connection, request.output, normalization=request.normalization, mode=request.mode
        )
    return f"artifacts: {len(made.track_ids):,} tracks in {request.output}"


def plan(database: Path, request: LibraryRun) -> list[str]:
    """Say what a run would do, changing nothing; a line per stage.

    Raises
    ------
    EtlError
        If a source does not exist or another process holds the store.
    """
    with _store_or_empty(database) as connection:
        lines = []
        if "scan" in request.stages:
            found = compare(connection, request.sources, force=request.force, limit=request.limit)
            lines.append(f"would scan: {_counts(found.summary())}")
        if "sonic" in request.stages:
            lines.append(
                f"would describe: {_waiting(connection, request):,} of the tracks known so far, and new ones"
            )
        if "artifacts" in request.stages:
            lines.append(f"would write: {request.output}")
    return lines


@contextmanager
def _store_or_empty(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for reading, or an empty one in memory where there is none yet."""
    if database.exists():
        with read_store(database) as connection:
            yield connection
    else:
        with closing(duckdb.connect()) as connection:
            migrate(connection, database)
            yield connection
