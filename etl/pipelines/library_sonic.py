"""Describe the sound of every track: hash what is new, analyse what no run has, commit as it comes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.audio.describe_file import Work, describe_file
from etl.audio.sonic import FEATURE_NAMES, FEATURE_VERSION, SEGMENTS, Mode
from etl.runtime.executor import ordered_map
from etl.runtime.hashing import content_hash
from etl.runtime.workers import Outcome, run_isolated
from etl.store.database import transaction
from etl.store.ledger import Ledger
from etl.store.library import SONIC_TASK, put_hashes, put_sonic
from etl.store.runs import Run, add_rejects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from etl.runtime.progress import Progress

TIMEOUT_SECONDS: Final = 300.0
"""Longest time for one track; a two-hour recording takes about a minute."""

MEMORY_BYTES: Final = 2_500_000_000
"""Largest memory of a worker; a two-hour recording takes about 2 GB."""

_COMMIT_SECONDS: Final = 0.5
_COMMIT_ITEMS: Final = 500
_HASH_BATCH: Final = 1000
_MAX_TRIES: Final = 3

_FEATURE_SCHEMA: Final[dict[str, Any]] = {
    "content_hash": pl.String,
    "mode": pl.String,
    "fallback": pl.String,
    "duration_s": pl.Float64,
    "bpm": pl.Float32,
    "bpm_confidence": pl.Float32,
    "bpm_half_confidence": pl.Float32,
    "bpm_double_confidence": pl.Float32,
    "tracker_bpm": pl.Float32,
    "beat_times_s": pl.List(pl.Float32),
    "key": pl.Int8,
    "key_name": pl.String,
    "camelot": pl.String,
    "key_correlation": pl.Float32,
    "key_confidence": pl.Float32,
    "rms_db": pl.Float32,
    "crest_db": pl.Float32,
    "dynamic_range_db": pl.Float32,
    **{f"vector_{name}": pl.Array(pl.Float32, len(FEATURE_NAMES)) for name in SEGMENTS},
}


@dataclass
class SonicSummary:
    """What a sonic run did, in distinct recordings.

    Attributes
    ----------
    cached
        Described by an earlier run (or, copies, by this one).
    described, failed
        By this run.
    fallbacks
        Of the described, those without a steady pulse.
    reasons
        Failures by reason.
    peak_bytes
        Largest memory of a worker.
    """

    cached: int = 0
    described: int = 0
    failed: int = 0
    fallbacks: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    peak_bytes: int = 0


def sonic_version(mode: Mode) -> str:
    """Version of the features, part of the cache key."""
    return f"{FEATURE_VERSION}.{mode}"


def describe_tracks(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    progress: Progress,
    *,
    mode: Mode,
    workers: int,
    force: bool = False,
    limit: int | None = None,
) -> SonicSummary:
    """Describe every track whose content has no description of this version and mode.

    Parameters
    ----------
    connection, run
        The store, open for writing, and the run that rejects belong to.
    progress
        Told of every track; its note shows failures and memory.
    mode
        Beat-synchronous or windowed.
    workers
        Processes.
    force
        Describe again what is done, and try again what failed.
    limit
        Describe so many tracks at most.

    Returns
    -------
    SonicSummary
        Counts. Results are committed at least every half second.
    """
    with run.meter.stage("hash"):
        _hash_files(connection, run)
    ledger = Ledger(connection, SONIC_TASK, sonic_version(mode))
    recordings = _recordings(connection)
    todo = recordings if force else ledger.missing(recordings)
    summary = SonicSummary(cached=recordings.height - todo.height)
    todo = todo if limit is None else todo.head(limit)
    work = (Work(item, path, mode) for item, path in todo.select("item", "path").iter_rows())
    outcomes = run_isolated(
        describe_file, work, workers=workers, timeout_seconds=TIMEOUT_SECONDS, memory_bytes=MEMORY_BYTES
    )
    with run.meter.stage("sonic"):
        for batch in _batches(outcomes, summary, progress):
            _commit(connection, run, ledger, batch)
    return summary


def pending(connection: duckdb.DuckDBPyConnection, mode: Mode) -> int:
    """Count the tracks that `describe_tracks` would have to look at; unhashed ones count each."""
    ledger = Ledger(connection, SONIC_TASK, sonic_version(mode))
    unhashed = connection.sql(
        "SELECT count(*) FROM files WHERE gone_at IS NULL AND kind IS NOT NULL AND problem IS NULL "
        "AND content_hash IS NULL"
    ).fetchall()[0][0]
    return int(unhashed) + ledger.missing(_recordings(connection)).height


def _recordings(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """List distinct contents with one of their paths each, in order of path."""
    found: pl.DataFrame = connection.sql(
        "SELECT content_hash AS item, min(path) AS path FROM files WHERE gone_at IS NULL "
        "AND kind IS NOT NULL AND problem IS NULL AND content_hash IS NOT NULL GROUP BY ALL ORDER BY path"
    ).pl()
    return found


def _hash_files(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Hash the files that have none, and commit in batches."""
    waiting = connection.sql(
        "SELECT path FROM files WHERE gone_at IS NULL AND kind IS NOT NULL AND problem IS NULL "
        "AND content_hash IS NULL ORDER BY path"
    ).pl()
    for batch in waiting.iter_slices(_HASH_BATCH):
        # Two threads: one reads while the other hashes.
        with ThreadPoolExecutor(2) as pool:
            results = list(ordered_map(pool, _hash_or_reason, batch["path"].to_list(), in_flight=8))
        frame = pl.DataFrame(results, schema=["path", "content_hash", "problem"], orient="row")
        hashed = frame.filter(pl.col("content_hash").is_not_null())
        unread = frame.filter(pl.col("content_hash").is_null())
        with transaction(connection):
            put_hashes(connection, hashed)
            if unread.height:
                add_rejects(connection, run, _rejects(unread["path"], unread["problem"], "unreadable"))


def _hash_or_reason(path: str) -> tuple[str, str | None, str | None]:
    try:
        return path, content_hash(path), None
    except OSError as error:
        return path, None, f"cannot read the file: {error.strerror or error}"


def _batches(
    outcomes: Iterator[Outcome[Work, dict[str, Any]]], summary: SonicSummary, progress: Progress
) -> Iterator[list[Outcome[Work, dict[str, Any]]]]:
    """Collect outcomes for half a second, or five hundred, counting them."""
    batch: list[Outcome[Work, dict[str, Any]]] = []
    due = time.monotonic() + _COMMIT_SECONDS
    for outcome in outcomes:
        batch.append(outcome)
        _count(outcome, summary)
        progress.note = f"{summary.failed} failed  {summary.peak_bytes / 1e6:.0f} MB a worker"
        progress.advance(items=1, work=1)
        if time.monotonic() >= due or len(batch) >= _COMMIT_ITEMS:
            yield batch
            batch, due = [], time.monotonic() + _COMMIT_SECONDS
    if batch:
        yield batch


def _count(outcome: Outcome[Work, dict[str, Any]], summary: SonicSummary) -> None:
    summary.peak_bytes = max(summary.peak_bytes, outcome.peak_bytes)
    if outcome.result is None:
        summary.failed += 1
        # Without the figures, so that like failures count together.
        reason = (outcome.problem or "").split(":")[0].split(" (")[0]
        summary.reasons[reason] = summary.reasons.get(reason, 0) + 1
    else:
        summary.described += 1
        summary.fallbacks += outcome.result["fallback"] is not None


def _commit(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    ledger: Ledger,
    batch: list[Outcome[Work, dict[str, Any]]],
) -> None:
    """Store results, rejects and ledger entries in one transaction."""
    done = [outcome.result for outcome in batch if outcome.result is not None]
    failed = [outcome for outcome in batch if outcome.result is None]
    tried = _attempts(connection, ledger, [outcome.item.content_hash for outcome in failed])
    entries = pl.DataFrame(
        [(outcome.item.content_hash, _status(outcome, tried), outcome.problem) for outcome in batch],
        schema={"item": pl.String, "status": pl.String, "error": pl.String},
        orient="row",
    ).with_columns(not_before=pl.when(pl.col("status") == "parked").then(pl.lit(datetime.now(UTC))))
    with transaction(connection):
        if done:
            features = pl.DataFrame(done, schema=_FEATURE_SCHEMA)
            put_sonic(connection, features.with_columns(version=pl.lit(ledger.version)))
        if failed:
            paths = pl.Series("path", [outcome.item.path for outcome in failed])
            reasons = pl.Series("problem", [outcome.problem for outcome in failed])
            add_rejects(connection, run, _rejects(paths, reasons, "sonic"))
        ledger.record(entries)


def _status(outcome: Outcome[Work, dict[str, Any]], tried: Mapping[str, int]) -> str:
    """Done, failed for good, or parked: what cost a worker is tried again by the next runs, thrice in all."""
    if outcome.result is not None:
        return "done"
    return (
        "parked" if outcome.is_lost and tried.get(outcome.item.content_hash, 0) < _MAX_TRIES - 1 else "failed"
    )


def _attempts(connection: duckdb.DuckDBPyConnection, ledger: Ledger, items: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        "SELECT item, attempts FROM ledger WHERE task = ? AND version = ? AND item IN (SELECT unnest(?))",
        [ledger.task, ledger.version, list(items)],
    ).fetchall()
    return dict(rows)


def _rejects(paths: pl.Series, reasons: pl.Series, category: str) -> pl.DataFrame:
    return pl.select(
        source=paths,
        line=pl.lit(None, pl.Int64),
        stage=pl.lit("sonic"),
        category=pl.lit(category),
        reason=reasons,
        raw=pl.lit(None, pl.String),
    )
