"""Batch jobs in the store: their items, their stages, what is still open, how they stand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.store.frames import insert, read_frame
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

ITEM_SCHEMA: Final[dict[str, Any]] = {
    "item": pl.Int32,
    "name": pl.String,
    "content_hash": pl.String,
    "fields": pl.String,
    "size_bytes": pl.Int64,
    "mtime_ns": pl.Int64,
    "status": pl.String,
    "reason": pl.String,
}
"""An item of a job."""


@dataclass(frozen=True)
class BatchStage:
    """A stage of a job: a task, who does it, and the version that its answers depend on."""

    task: str
    engine: str
    version: str


@dataclass(frozen=True)
class BatchJob:
    """A job.

    Attributes
    ----------
    job, kind, source
        Its name; what its items are, and where they come from.
    request
        The options with which it was started last.
    status
        ``open`` or ``cancelled``.
    created_at
        UTC.
    stages
        In order.
    """

    job: str
    kind: str
    source: str
    request: Mapping[str, Any]
    status: str
    created_at: datetime
    stages: tuple[BatchStage, ...]


@dataclass(frozen=True)
class StageCounts:
    """How the items of a job stand in a stage; each is in exactly one state."""

    task: str
    engine: str
    done: int
    failed: int
    skipped: int
    open: int


def ledger_task(task: str) -> str:
    """Name a stage's task as the ledger has it."""
    return f"batch {task}"


def put_job(
    job: str, kind: str, source: str, request: Mapping[str, Any], stages: Sequence[BatchStage]
) -> Write:
    """Keep a job, open, with these stages in place of earlier ones."""
    listed = [[stage.task, stage.engine, stage.version] for stage in stages]
    values = {"job": job, "kind": kind, "source": source, "request": dict(request), "stages": listed}
    return Write("etl.store.batch_jobs:write_job", values=values)


def write_job(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_job` says."""
    connection.execute(
        "INSERT INTO batch_jobs VALUES ($job, $kind, $source, $request, 'open', now()) "
        "ON CONFLICT DO UPDATE SET request = excluded.request, source = excluded.source, status = 'open'",
        {**{key: values[key] for key in ("job", "kind", "source")}, "request": json.dumps(values["request"])},
    )
    connection.execute("DELETE FROM batch_stages WHERE job = ?", [values["job"]])
    rows = [(values["job"], position, *stage) for position, stage in enumerate(values["stages"])]
    connection.executemany("INSERT INTO batch_stages VALUES (?, ?, ?, ?, ?)", rows)


def put_items(job: str, items: pl.DataFrame) -> Write:
    """Keep items (columns of :data:`ITEM_SCHEMA`) in place of those of the same position."""
    return Write("etl.store.batch_jobs:write_items", {"items": items}, {"job": job}, adds_up=True)


def write_items(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_items` says."""
    items = frames["items"].unique("item", keep="last", maintain_order=True)
    connection.execute(
        "DELETE FROM batch_items WHERE job = ? AND item IN (SELECT unnest(?))",
        [values["job"], items["item"].to_list()],
    )
    insert(connection, "batch_items", items.with_columns(job=pl.lit(values["job"])))


def set_status(job: str, status: str) -> Write:
    """Open or cancel a job."""
    return Write("etl.store.batch_jobs:write_status", values={"job": job, "status": status})


def write_status(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`set_status` says."""
    connection.execute("UPDATE batch_jobs SET status = ? WHERE job = ?", [values["status"], values["job"]])


def jobs(connection: duckdb.DuckDBPyConnection) -> list[BatchJob]:
    """Read all jobs, the oldest first."""
    rows = connection.execute(
        "SELECT job, kind, source, request, status, created_at::TIMESTAMP FROM batch_jobs "
        "ORDER BY created_at, job"
    ).fetchall()
    staged = connection.execute(
        "SELECT job, task, engine, version FROM batch_stages ORDER BY job, position"
    ).fetchall()
    return [
        BatchJob(
            job,
            kind,
            source,
            json.loads(request),
            status,
            created,
            tuple(BatchStage(*stage) for owner, *stage in staged if owner == job),
        )
        for job, kind, source, request, status, created in rows
    ]


def items(connection: duckdb.DuckDBPyConnection, job: str) -> pl.DataFrame:
    """Read the items of a job, in order: columns of :data:`ITEM_SCHEMA`."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            f"SELECT {', '.join(ITEM_SCHEMA)} FROM batch_items WHERE job = $job ORDER BY item",
            params={"job": job},
        )
    )
    return found.select(pl.col(name).cast(kind) for name, kind in ITEM_SCHEMA.items())


def open_items(connection: duckdb.DuckDBPyConnection, job: str, stage: BatchStage) -> pl.DataFrame:
    """Read what is still to do in a stage: the first item of each content, in order.

    Returns
    -------
    DataFrame
        ``item``, ``name``, ``content_hash``, ``fields``.
    """
    return read_frame(
        connection.sql(
            "SELECT item, name, content_hash, fields FROM batch_items "
            "WHERE job = $job AND status = 'ready' AND content_hash NOT IN ("
            "SELECT item FROM ledger WHERE task = $task AND version = $version "
            "AND status IN ('done', 'failed', 'skipped')) "
            "QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY item) = 1 ORDER BY item",
            params={"job": job, "task": ledger_task(stage.task), "version": stage.version},
        )
    )


def by_urgency(connection: duckdb.DuckDBPyConnection, job: str) -> list[str]:
    """Order the contents of a job by what an answer about them is worth, the most urgent first.

    First those that most items share, then those of which the local engine is least sure.
    """
    rows = connection.execute(
        "SELECT content_hash FROM batch_items AS items LEFT JOIN ("
        "SELECT item, max(confidence) AS confidence FROM batch_results "
        "WHERE job = $job AND engine = 'local' AND confidence IS NOT NULL GROUP BY item) USING (item) "
        "WHERE job = $job AND status = 'ready' AND content_hash IS NOT NULL GROUP BY content_hash "
        "ORDER BY count(*) DESC, coalesce(max(confidence), 0.0), min(item)",
        {"job": job},
    ).fetchall()
    return [content_hash for (content_hash,) in rows]


def finished(connection: duckdb.DuckDBPyConnection, stage: BatchStage) -> set[str]:
    """Give the contents that are done, failed or skipped in a stage."""
    rows = connection.execute(
        "SELECT item FROM ledger WHERE task = ? AND version = ? AND status IN ('done', 'failed', 'skipped')",
        [ledger_task(stage.task), stage.version],
    ).fetchall()
    return {item for (item,) in rows}


def stage_counts(connection: duckdb.DuckDBPyConnection, job: str) -> tuple[StageCounts, ...]:
    """Count the items of a job by stage and state."""
    rows = connection.execute(
        "SELECT stages.task, stages.engine, "
        "count(*) FILTER (results.status = 'done'), count(*) FILTER (results.status = 'failed'), "
        "count(*) FILTER (results.status = 'skipped'), count(*) FILTER (results.status = 'open') "
        "FROM batch_stages AS stages "
        "LEFT JOIN batch_results AS results USING (job, task, engine) WHERE stages.job = ? "
        "GROUP BY stages.position, stages.task, stages.engine ORDER BY stages.position",
        [job],
    ).fetchall()
    return tuple(StageCounts(*row) for row in rows)


def reasons(connection: duckdb.DuckDBPyConnection, job: str) -> tuple[tuple[str, str, str, int], ...]:
    """Count why items are skipped or failed: task (empty where skipped), state, reason, items; most first."""
    rows = connection.execute(
        "SELECT '' AS task, status, reason, count(*) FROM batch_items "
        "WHERE job = $job AND status = 'skipped' GROUP BY ALL UNION ALL "
        "SELECT task, status, reason, count(*) FROM batch_results WHERE job = $job AND status = 'failed' "
        "GROUP BY ALL ORDER BY 4 DESC, 1, 3",
        {"job": job},
    ).fetchall()
    return tuple(rows)


def forget_failures(job: str) -> Write:
    """Have what failed in any stage of a job done again."""
    return Write("etl.store.batch_jobs:delete_failures", values={"job": job})


def delete_failures(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`forget_failures` says."""
    connection.execute(
        "DELETE FROM ledger WHERE status = 'failed' AND (task, version) IN "
        "(SELECT ('batch ' || task, version) FROM batch_stages WHERE job = $job) "
        "AND item IN (SELECT content_hash FROM batch_items WHERE job = $job)",
        {"job": values["job"]},
    )


def results(connection: duckdb.DuckDBPyConnection, job: str) -> pl.DataFrame:
    """Read the view ``batch_results`` of one job, by item, task and engine."""
    return read_frame(
        connection.sql(
            "SELECT item, name, content_hash, task, engine, status, reason, answer, confidence, is_best "
            "FROM batch_results WHERE job = $job ORDER BY item, task, engine",
            params={"job": job},
        )
    )
