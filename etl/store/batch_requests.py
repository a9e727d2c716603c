"""Requests to models: each is written before it leaves, so that it is known which may have been paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


@dataclass(frozen=True)
class SentCounts:
    """Requests of a job.

    Attributes
    ----------
    sent, answered, failed, unknown
        Requests; those without an outcome count as unknown.
    tokens
        As told by the service, else as estimated.
    cost
        The same; what may have been paid for counts.
    """

    sent: int
    answered: int
    failed: int
    unknown: int
    tokens: int
    cost: float


def put_request(
    request_id: str, *, job: str, task: str, version: str, account: str, model: str, items: int,
    tokens: int, cost: float, at: float,
) -> Write:  # fmt: skip
    """Keep a request that is about to leave; ``at`` is in seconds since the epoch.

    It is values, not a frame, which takes a tenth of the time to flush to the disk.
    """
    row = [request_id, job, task, version, account, model, items, tokens, cost, at]
    return Write("etl.store.batch_requests:write_request", values={"row": row})


def write_request(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_request` says."""
    connection.execute(
        "INSERT INTO batch_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, to_timestamp(?))", values["row"]
    )


def put_outcome(
    request_id: str,
    status: str,
    *,
    at: float,
    category: str | None = None,
    reason: str | None = None,
    prompt_tokens: int | None = None,
    completion_tokens: int | None = None,
    cost: float | None = None,
) -> Write:
    """Keep what became of a request."""
    row = [request_id, status, category, reason, prompt_tokens, completion_tokens, cost, at]
    return Write("etl.store.batch_requests:write_outcome", values={"row": row})


def write_outcome(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_outcome` says."""
    connection.execute(
        "INSERT INTO batch_outcomes VALUES (?, ?, ?, ?, ?, ?, ?, to_timestamp(?))", values["row"]
    )


def mark_unknown(job: str) -> Write:
    """Say of requests whose run was killed that they may have been paid for."""
    return Write("etl.store.batch_requests:write_unknown", values={"job": job})


def write_unknown(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_unknown` says."""
    connection.execute(
        "INSERT INTO batch_outcomes BY NAME SELECT request_id, 'unknown' AS status, 'cut off' AS category, "
        "now() AS ended_at FROM batch_requests "
        "WHERE job = ? AND request_id NOT IN (SELECT request_id FROM batch_outcomes)",
        [values["job"]],
    )


def sent_counts(connection: duckdb.DuckDBPyConnection, job: str) -> SentCounts:
    """Count the requests of a job."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (status = 'answered'), count(*) FILTER (status = 'failed'), "
        "count(*) FILTER (status IS NULL OR status = 'unknown'), "
        "coalesce(sum(CASE WHEN prompt_tokens IS NULL AND completion_tokens IS NULL THEN tokens "
        "ELSE coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) END) "
        "FILTER (status IS DISTINCT FROM 'failed'), 0)::BIGINT, "
        "coalesce(sum(coalesce(outcomes.cost, requests.cost)) "
        "FILTER (status IS DISTINCT FROM 'failed'), 0.0) "
        "FROM batch_requests AS requests LEFT JOIN batch_outcomes AS outcomes USING (request_id) "
        "WHERE job = ?",
        [job],
    ).fetchall()[0]
    return SentCounts(*row)


def error_counts(connection: duckdb.DuckDBPyConnection, job: str) -> dict[str, int]:
    """Count the requests of a job that gave nothing, by class of error."""
    rows = connection.execute(
        "SELECT category, count(*) FROM batch_requests JOIN batch_outcomes USING (request_id) "
        "WHERE job = ? AND category IS NOT NULL GROUP BY category ORDER BY 2 DESC, 1",
        [job],
    ).fetchall()
    return dict(rows)
