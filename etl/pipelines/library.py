"""The audio library from folders to matrices: scan, describe, export, and say how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import polars as pl

import etl
from etl.audio.sonic import FEATURE_VERSION, Mode
from etl.exports.pictures import plot_overview, plot_track
from etl.exports.sonic import MATRICES, Artifacts, Normalization, build_artifacts
from etl.pipelines.library_scan import scan
from etl.pipelines.library_sonic import describe_tracks, pending, sonic_version
from etl.runtime.errors import EtlError
from etl.runtime.progress import Progress
from etl.store.database import open_store, read_store
from etl.store.runs import Run, recorded_run

STAGES: Final = ("scan", "genres", "sonic", "artifacts")
"""Stages in their order."""


def parse_stages(text: str) -> tuple[str, ...]:
    """Read a list of stages; they run in their own order, however they are given.

    Raises
    ------
    EtlError
        If one is unknown, or not built yet.
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
        "WITH here AS (SELECT content_hash FROM files WHERE gone_at IS NULL AND kind IS NOT NULL "
        "AND problem IS NULL), "
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
    include: str | None = None,
    exclude: str | None = None,
    where: str | None = None,
) -> Artifacts:
    """Write the matrices of all described tracks, as Parquet if the name says so, else as NPZ.

    Parameters
    ----------
    connection
        The store.
    output
        Target.
    normalization, include, exclude
        As in :func:`etl.exports.sonic.build_artifacts`.
    where
        SQL condition over the columns of view ``library``.

    Raises
    ------
    EtlError
        If the condition is no SQL, or selects nothing.
    """
    relation = connection.sql("SELECT * FROM library WHERE vector_whole IS NOT NULL")
    try:
        tracks = (relation.filter(where) if where else relation).pl()
    except duckdb.Error as error:
        hint = "Columns are those of view `library`: artist, year, bpm, key_name ..."
        raise EtlError(f"--where is no condition over tracks: {error}", hint) from error
    if tracks.is_empty():
        raise EtlError("no described track to export.", "Run `etl library run DIR` first, or loosen --where.")
    manifest: dict[str, Any] = {
        "music_etl": etl.__version__,
        "feature_version": FEATURE_VERSION,
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


def draw_track(connection: duckdb.DuckDBPyConnection, name: str, target: Path) -> None:
    """Draw a track, named by id, path or title.

    Raises
    ------
    EtlError
        If no described track, or more than one, has that name.
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
    plot_track(found.row(0, named=True), target)


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
            "WHERE f.gone_at IS NULL AND f.kind IS NOT NULL AND f.problem IS NULL "
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
    paths = connection.sql("SELECT path FROM files WHERE gone_at IS NULL ORDER BY path").fetchall()
    problems += [f"{path}: gone since the last scan" for (path,) in paths if not Path(path).exists()]
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
        "level above full scale": pl.col("rms_db") <= 0.5,
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
    lines = []
    arguments = {"sources": [str(source) for source in request.sources], "stages": request.stages}
    with (
        open_store(database) as connection,
        recorded_run(connection, f"library {'+'.join(request.stages)}", arguments) as run,
    ):
        if "scan" in request.stages:
            lines.append(_run_scan(connection, run, request))
        if "sonic" in request.stages:
            lines.append(_run_sonic(connection, run, request))
        if "artifacts" in request.stages and status(connection, request.mode).analyzed:
            artifacts = make_artifacts(connection, request.output, normalization=request.normalization)
            lines.append(f"artifacts: {len(artifacts.track_ids):,} tracks in {request.output}")
    return lines


def _run_scan(connection: duckdb.DuckDBPyConnection, run: Run, request: LibraryRun) -> str:
    with Progress("files") as progress, run.meter.stage("scan"):
        found = scan(connection, run, request.sources, progress, force=request.force, limit=request.limit)
    run.items_in += found.unchanged + found.new + found.changed + found.moved
    return (
        f"scan: {found.unchanged:,} unchanged, {found.new:,} new, {found.changed:,} changed, "
        f"{found.moved:,} moved, {found.gone:,} gone; {found.rejected:,} rejected"
    )


def _run_sonic(connection: duckdb.DuckDBPyConnection, run: Run, request: LibraryRun) -> str:
    total = pending(connection, request.mode)
    with Progress("tracks", total=total) as progress:
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
        f"sonic: {done.cached:,} known, {done.described:,} described ({done.fallbacks:,} in windows), "
        f"{done.failed:,} failed; {(done.described + done.failed) / seconds:.1f} tracks/s, "
        f"CPU {run.meter.cpu_use:.0%}, {done.peak_bytes / 1e6:.0f} MB a worker"
    )
    ranked = sorted(done.reasons.items(), key=lambda item: -item[1])
    return "\n".join([line, *(f"  {count:,} x {reason}" for reason, count in ranked[:10])])


def plan(database: Path, request: LibraryRun) -> str:
    """Say what a run would do, changing nothing."""
    if not database.exists():
        return f"There is no store at {database} yet; everything found would be done."
    with read_store(database) as connection:
        waiting = pending(connection, request.mode)
    return f"Stages: {', '.join(request.stages)}. {waiting:,} known tracks wait to be described."
