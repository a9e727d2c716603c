"""Requests to models: each is written before it leaves, so that it is known which may have been paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.store.batch_answers import ANSWER_SCHEMA, record_answers
from etl.store.frames import insert
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    Answer = tuple[str, str, str | None, str | None, float | None]

_REQUEST_SCHEMA: Final[dict[str, Any]] = {
    **dict.fromkeys(("request_id", "job", "task", "version", "account", "model"), pl.String),
    "items": pl.Int32,
    "tokens": pl.Int64,
    "cost": pl.Float64,
    "sent_at": pl.Float64,
}
_OUTCOME_SCHEMA: Final[dict[str, Any]] = {
    **dict.fromkeys(("request_id", "status", "category", "reason"), pl.String),
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "cost": pl.Float64,
    "ended_at": pl.Float64,
}
_REPLY_SCHEMA: Final[dict[str, Any]] = {
    **ANSWER_SCHEMA,
    **dict.fromkeys(("task", "version", "request_id"), pl.String),
}


@dataclass(frozen=True)
class SentCounts:
    """Requests of a job.

    Attributes
    ----------
    sent, answered, failed, unknown
        Requests; those without an outcome count as unknown.
    under_way
        Requests that were handed over, and that the service has not done yet.
    tokens
        As told by the service, else as estimated.
    cost
        The same; what may have been paid for counts.
    """

    sent: int
    answered: int
    failed: int
    unknown: int
    under_way: int
    tokens: int
    cost: float


def put_request(
    request_id: str, *, job: str, task: str, version: str, account: str, model: str, items: int,
    tokens: int, cost: float, at: float,
) -> Write:  # fmt: skip
    """Keep a request that is about to leave; ``at`` is in seconds since the epoch.

    It is a row, not a frame, as are outcomes and replies: flushed in a tenth of the time, and written
    together, whichever they are of.
    """
    return _write(requests=[[request_id, job, task, version, account, model, items, tokens, cost, at]])


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
    return _write(
        outcomes=[[request_id, status, category, reason, prompt_tokens, completion_tokens, cost, at]]
    )


def put_reply(answers: Sequence[Answer], *, task: str, version: str, request_id: str | None) -> Write:
    """Keep the answers of one request, rows of :data:`ANSWER_SCHEMA`, and the states of its items."""
    return _write(answers=[[*answer, task, version, request_id] for answer in answers])


def _write(**rows: list[list[Any]]) -> Write:
    values = {name: rows.get(name, []) for name in ("requests", "outcomes", "answers")}
    return Write("etl.store.batch_requests:write_exchanges", values=values, adds_up=True)


def write_exchanges(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_request`, :func:`put_outcome` and :func:`put_reply` say."""
    for table, schema, at in (
        ("requests", _REQUEST_SCHEMA, "sent_at"),
        ("outcomes", _OUTCOME_SCHEMA, "ended_at"),
    ):
        if values[table]:
            rows = pl.DataFrame(values[table], schema, orient="row")
            moments = (pl.col(at) * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
            insert(connection, f"batch_{table}", rows.with_columns(moments))
    if values["answers"]:
        answers = pl.DataFrame(values["answers"], _REPLY_SCHEMA, orient="row")
        record_answers(connection, answers.with_columns(engine=pl.lit("model")))


_UNDER_WAY: Final = """
SELECT request_id FROM batch_upload_parts JOIN batch_uploads USING (upload_id) WHERE state <> 'collected'
"""
"""Requests that were handed over, for the service to work through in its own time."""


def mark_unknown(job: str) -> Write:
    """Say of requests whose run was killed that they may have been paid for; not of those handed over."""
    return Write("etl.store.batch_requests:write_unknown", values={"job": job})


def write_unknown(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_unknown` says."""
    connection.execute(
        "INSERT INTO batch_outcomes BY NAME SELECT request_id, 'unknown' AS status, 'cut off' AS category, "
        "now() AS ended_at FROM batch_requests "
        "WHERE job = ? AND request_id NOT IN (SELECT request_id FROM batch_outcomes) "
        f"AND request_id NOT IN ({_UNDER_WAY})",
        [values["job"]],
    )


def sent_counts(connection: duckdb.DuckDBPyConnection, job: str) -> SentCounts:
    """Count the requests of a job."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (status = 'answered'), count(*) FILTER (status = 'failed'), "
        "count(*) FILTER (status = 'unknown' OR (status IS NULL AND under_way IS NULL)), "
        "count(*) FILTER (status IS NULL AND under_way IS NOT NULL), "
        "coalesce(sum(CASE WHEN prompt_tokens IS NULL AND completion_tokens IS NULL THEN tokens "
        "ELSE coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) END) "
        "FILTER (status IS DISTINCT FROM 'failed'), 0)::BIGINT, "
        "coalesce(sum(coalesce(outcomes.cost, requests.cost)) "
        "FILTER (status IS DISTINCT FROM 'failed'), 0.0) "
        "FROM batch_requests AS requests LEFT JOIN batch_outcomes AS outcomes USING (request_id) "
        f"LEFT JOIN (SELECT request_id AS under_way FROM ({_UNDER_WAY})) ON under_way = requests.request_id "
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
