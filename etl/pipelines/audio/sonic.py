"""Describe the sound of every track: hash what is new, analyse what no run has, commit as it comes."""

from __future__ import annotations

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.audio.sonic import FEATURE_NAMES, FEATURE_VERSION, SEGMENTS, Mode
from etl.pipelines.audio.describe import Work, describe_file
from etl.runtime.disk.hashing import content_hash
from etl.runtime.executor import ordered_map
from etl.runtime.work.signals import stop_on_signals
from etl.runtime.workers import Outcome, run_isolated
from etl.store.database import transaction
from etl.store.ledger import Ledger
from etl.store.library import PRESENT, SONIC_TASK, put_hashes, put_sonic
from etl.store.runs import Run, add_rejects

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    import duckdb

    from etl.runtime.progress import Progress

TIMEOUT_SECONDS: Final = 300.0
"""Longest time for one track; a two-hour recording takes about a minute."""

MEMORY_BYTES: Final = 2_500_000_000
"""Largest memory of a worker; a two-hour recording takes about 2 GB."""

_COMMIT_SECONDS: Final = 0.5
_COMMIT_ITEMS: Final = 500
_HASH_BATCH: Final = 32
_MAX_TRIES: Final = 3

_UNHASHED: Final = f"{PRESENT} AND content_hash IS NULL"

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
        Settled by an earlier run, described or failed for good.
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

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, once all that is finished is committed.
    """
    ledger = Ledger(connection, SONIC_TASK, sonic_version(mode))
    summary = SonicSummary()
    stop = threading.Event()
    work = _to_do(connection, run, ledger, summary, progress, force=force)
    outcomes = run_isolated(
        describe_file,
        (Work(item, path, mode) for item, path in itertools.islice(work, limit)),
        workers=workers,
        timeout_seconds=TIMEOUT_SECONDS,
        memory_bytes=MEMORY_BYTES,
    )
    with run.meter.stage("sonic"), stop_on_signals(stop), closing(work), closing(outcomes):
        for batch in _batches(outcomes, summary, progress, stop):
            _commit(connection, run, ledger, batch)
    if stop.is_set():
        raise KeyboardInterrupt
    return summary


def pending(connection: duckdb.DuckDBPyConnection, mode: Mode, *, force: bool = False) -> int:
    """Count the tracks that `describe_tracks` would have to look at; unhashed ones count each."""
    ledger = Ledger(connection, SONIC_TASK, sonic_version(mode))
    unhashed = connection.sql(f"SELECT count(*) FROM files WHERE {_UNHASHED}").fetchall()[0][0]
    known = _recordings(connection)
    return int(unhashed) + (known if force else ledger.missing(known)).height


def _recordings(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """List distinct contents with one of their paths each, in order of path."""
    found: pl.DataFrame = connection.sql(
        f"SELECT content_hash AS item, min(path) AS path FROM files WHERE {PRESENT} "
        "AND content_hash IS NOT NULL GROUP BY ALL ORDER BY path"
    ).pl()
    return found


def _to_do(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    ledger: Ledger,
    summary: SonicSummary,
    progress: Progress,
    *,
    force: bool,
) -> Generator[tuple[str, str], None, None]:
    """Yield content and path of each recording to describe, each content once.

    Files without a hash are hashed a few ahead of the work, so that a large library does not wait to be read
    as a whole, and a file that is about to be decoded is still in memory.
    """
    known = _recordings(connection)
    todo = known if force else ledger.missing(known)
    summary.cached += known.height - todo.height
    yield from todo.select("item", "path").iter_rows()
    seen = set(known["item"])
    for batch in _hashed(connection, run):
        # Item by item: a join would turn all that was seen into a column, for each few dozen files again.
        unseen = pl.Series([item not in seen for item in batch["item"]], dtype=pl.Boolean)
        fresh = batch.filter(unseen).unique("item", maintain_order=True)
        todo = fresh if force else ledger.missing(fresh)
        summary.cached += fresh.height - todo.height
        seen.update(fresh["item"])
        progress.advance(items=0, work=batch.height - todo.height)
        yield from todo.select("item", "path").iter_rows()


def _hashed(connection: duckdb.DuckDBPyConnection, run: Run) -> Iterator[pl.DataFrame]:
    """Hash the files that have no hash, and yield them batch by batch, each committed."""
    waiting = connection.sql(f"SELECT path FROM files WHERE {_UNHASHED} ORDER BY path").pl()["path"]
    # Two threads: one reads while the other hashes; they go on while the batch before is at work.
    with (
        ThreadPoolExecutor(2) as pool,
        closing(ordered_map(pool, _hash_or_reason, waiting, in_flight=2 * _HASH_BATCH)) as results,
    ):
        while batch := list(itertools.islice(results, _HASH_BATCH)):
            schema = dict.fromkeys(("path", "item", "problem"), pl.String)
            frame = pl.DataFrame(batch, schema=schema, orient="row")
            hashed = frame.filter(pl.col("item").is_not_null())
            unread = frame.filter(pl.col("item").is_null())
            with transaction(connection):
                put_hashes(connection, hashed.select("path", content_hash="item"))
                if unread.height:
                    add_rejects(connection, run, _rejects(unread["path"], unread["problem"], "unreadable"))
            yield hashed


def _hash_or_reason(path: str) -> tuple[str, str | None, str | None]:
    try:
        return path, content_hash(path), None
    except OSError as error:
        return path, None, f"cannot read the file: {error.strerror or error}"


def _batches(
    outcomes: Iterator[list[Outcome[Work, dict[str, Any]]]],
    summary: SonicSummary,
    progress: Progress,
    stop: threading.Event,
) -> Iterator[list[Outcome[Work, dict[str, Any]]]]:
    """Collect outcomes for half a second, or five hundred, counting them; at a wish to stop give the last."""
    batch: list[Outcome[Work, dict[str, Any]]] = []
    due = time.monotonic() + _COMMIT_SECONDS
    for ended in outcomes:
        batch += ended
        for outcome in ended:
            _count(outcome, summary)
        progress.note = _note(summary)
        progress.advance(items=len(ended), work=len(ended))
        if batch and (time.monotonic() >= due or len(batch) >= _COMMIT_ITEMS):
            yield batch
            batch, due = [], time.monotonic() + _COMMIT_SECONDS
        if stop.is_set():
            break
    if batch:
        yield batch


def _note(summary: SonicSummary) -> str:
    """Say what failed, most frequent first, and the memory of the largest worker."""
    ranked = sorted(summary.reasons.items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in ranked[:3])
    failed = f"{summary.failed:,} failed" + (f" ({reasons})" if reasons else "")
    return f"{failed}  {summary.peak_bytes / 1e6:.0f} MB a worker"


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
    """Done, failed for good, or parked for the next runs.

    What cost a worker is tried again, thrice in all; a file that cannot be read now (an unplugged disk)
    until it can be.
    """
    if outcome.result is not None:
        return "done"
    again = outcome.is_lost and tried.get(outcome.item.content_hash, 0) < _MAX_TRIES - 1
    return "parked" if again or not os.access(outcome.item.path, os.R_OK) else "failed"


def _attempts(connection: duckdb.DuckDBPyConnection, ledger: Ledger, items: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        "SELECT item, attempts FROM ledger WHERE task = ? AND version = ? AND item IN (SELECT unnest(?))",
        [ledger.task, ledger.version, list(items)],
    ).fetchall()
    return dict(rows)


def _rejects(paths: pl.Series, reasons: pl.Series, category: str) -> pl.DataFrame:
    return pl.select(source=paths, stage=pl.lit("sonic"), category=pl.lit(category), reason=reasons)
