"""Requests that are handed over together, for a service to work through in its own time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from etl.store.batch_jobs import BatchStage

PLANNED, SUBMITTED, COLLECTED = "planned", "submitted", "collected"

NOT_THE_ITEM: Final = ("expired", "cut", "app", "credentials", "rate limit", "format", "not the service")
"""Classes of errors for which no item is to blame."""


@dataclass(frozen=True)
class Upload:
    """What was handed over together.

    Attributes
    ----------
    upload_id, vendor_id
        Its own id, and the service's, None where that is not known.
    job
        Whose it is.
    state
        ``planned`` before it is known to have left, then ``submitted``.
    planned_at
        Seconds since the epoch.
    parts
        The requests whose outcome is not known, and the contents that each is about, in order.
    """

    upload_id: str
    vendor_id: str | None
    job: str
    state: str
    planned_at: float
    parts: Mapping[str, tuple[str, ...]]


def put_upload(
    upload_id: str, *, job: str, stage: BatchStage, account: str, at: float, parts: Sequence[Sequence[Any]]
) -> Write:
    """Keep what is about to leave; ``parts`` are request ids and contents."""
    row = [upload_id, job, stage.task, stage.version, account, at]
    return Write("etl.store.batch_uploads:write_upload", values={"row": row, "parts": parts})


def write_upload(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_upload` says."""
    *row, at = values["row"]
    connection.execute(
        f"INSERT INTO batch_uploads VALUES (?, ?, ?, ?, ?, NULL, '{PLANNED}', NULL, to_timestamp(?))",
        [*row, at],
    )
    rows = [(row[0], request, place, hashes) for place, (request, hashes) in enumerate(values["parts"])]
    connection.executemany("INSERT INTO batch_upload_parts VALUES (?, ?, ?, ?)", rows)


def put_state(upload_id: str, state: str, *, vendor_id: str | None = None, note: str | None = None) -> Write:
    """Keep how an upload stands."""
    values = {"upload_id": upload_id, "state": state, "vendor_id": vendor_id, "note": note}
    return Write("etl.store.batch_uploads:write_state", values=values)


def write_state(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_state` says."""
    connection.execute(
        "UPDATE batch_uploads SET state = $state, vendor_id = coalesce($vendor_id, vendor_id), "
        "note = coalesce($note, note) WHERE upload_id = $upload_id",
        dict(values),
    )


def open_uploads(connection: duckdb.DuckDBPyConnection, stage: BatchStage, account: str) -> list[Upload]:
    """Read the uploads of a stage that are not collected, of whichever job, the oldest first."""
    rows = connection.execute(
        "SELECT upload_id, vendor_id, job, state, epoch(planned_at), request_id, content_hashes "
        "FROM batch_uploads LEFT JOIN (SELECT * FROM batch_upload_parts "
        "WHERE request_id NOT IN (SELECT request_id FROM batch_outcomes)) USING (upload_id) "
        f"WHERE task = ? AND version = ? AND account = ? AND state <> '{COLLECTED}' "
        "ORDER BY planned_at, upload_id, position",
        [stage.task, stage.version, account],
    ).fetchall()
    parts: dict[str, dict[str, tuple[str, ...]]] = {}
    for upload_id, *_, request_id, contents in rows:
        known = parts.setdefault(upload_id, {})
        if request_id is not None:
            known[request_id] = tuple(contents)
    heads = dict.fromkeys(row[:5] for row in rows)
    return [
        Upload(upload_id, vendor_id, job, state, planned_at, parts[upload_id])
        for upload_id, vendor_id, job, state, planned_at in heads
    ]


def contents_under_way(connection: duckdb.DuckDBPyConnection, stage: BatchStage, account: str) -> set[str]:
    """Give the contents that any job has handed over in a stage, and whose answers are not there yet."""
    uploads = open_uploads(connection, stage, account)
    return {content for upload in uploads for contents in upload.parts.values() for content in contents}


def tries(connection: duckdb.DuckDBPyConnection, job: str, stage: BatchStage) -> Counter[str]:
    """Count how often requests about each content have come back without its answer, for no other reason."""
    rows = connection.execute(
        "SELECT unnest(content_hashes) AS content_hash, count(*) FROM batch_upload_parts "
        "JOIN batch_uploads USING (upload_id) JOIN batch_outcomes AS outcomes USING (request_id) "
        "WHERE job = ? AND task = ? AND version = ? AND status <> 'unknown' "
        "AND (category IS NULL OR category NOT IN (SELECT unnest(?))) GROUP BY content_hash",
        [job, stage.task, stage.version, list(NOT_THE_ITEM)],
    ).fetchall()
    return Counter(dict(rows))
