"""Answers of web services in the store: what is still to be asked, in order of value, and what has been said.

Each kind of each service has a table ``{service}_{kind}s``: the cache and the ledger in one. Its first
columns are the same everywhere (``id, status, reason, failures, refresh_wanted, fetched_at``), the others
hold what was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.store.database import transaction
from etl.store.frames import read_frame
from etl.store.preferences import condition
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb
    import polars as pl

    from etl.services.contract import Answer, Kind
    from etl.store.preferences import Preferences

MAX_FAILURES: Final = 3
"""Runs in which an id may fail before it is no longer asked about (until `etl cache refresh`)."""

_KEPT: Final = ("failures", "refresh_wanted", "fetched_at")  # columns that the store itself fills

_OLDER: Final = "fetched_at <= now() - to_seconds($seconds)"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the songs are enriched.

    Attributes
    ----------
    songs
        Songs of the current set.
    named
        Songs of which any id is found.
    settled
        Songs about whose ids there is nothing left to ask.
    complete
        Songs that have valid ids, all of which are found.
    gives
        What is learned of the ids: names, tags.
    """

    songs: int
    named: int
    settled: int
    complete: int
    gives: str = "names"


def table(service: str, kind: Kind) -> str:
    """Name the table of a kind."""
    return f"{service}_{kind}s"


def wanted_ids(
    connection: duckdb.DuckDBPyConnection,
    service: str,
    kind: Kind,
    priority: Preferences | None = None,
    *,
    anew: bool = False,
) -> pl.DataFrame:
    """List the valid ids of the current set that are still to be asked about, the most valuable first.

    Parameters
    ----------
    connection
        The store.
    service, kind
        Who is asked about what.
    priority
        Songs to prefer.
    anew
        List the settled ones as well.

    Returns
    -------
    DataFrame
        ``id``, ``songs`` (rows it fills), ``preferred`` (those of them that are preferred).
    """
    predicate, parameters = condition(priority or {})
    return read_frame(
        connection.sql(
            f"SELECT {kind.column} AS id, count(*) AS songs, "
            f"count(*) FILTER (WHERE {predicate}) AS preferred FROM {kind.songs} "
            f"WHERE {_is_valid(kind) if anew else _is_open(service, kind)} "
            "GROUP BY ALL ORDER BY preferred DESC, songs DESC, id",
            params=parameters,
        )
    )


def _is_open(service: str, kind: Kind) -> str:
    """Condition on a song that its id of a kind is valid and not settled."""
    settled = f"SELECT id FROM {table(service, kind)} WHERE {_is_settled(kind)}{_found_elsewhere(kind)}"
    return f"({_is_valid(kind)} AND {kind.column} NOT IN ({settled}))"


def _is_settled(kind: Kind) -> str:
    """Condition on an answer that there is nothing to ask about its id now."""
    days = kind.gone_days
    is_old = "" if days is None else f" AND (status <> 'gone' OR fetched_at > now() - INTERVAL {days} DAY)"
    return f"(failures >= {MAX_FAILURES} OR (status <> 'error' AND NOT refresh_wanted{is_old}))"


def _found_elsewhere(kind: Kind) -> str:
    """Add to a query for ids those that another service has found."""
    if not kind.answered_by:
        return ""
    return f" UNION ALL SELECT id FROM {table(kind.answered_by, kind)} WHERE status = 'found'"


def _is_valid(kind: Kind) -> str:
    valid = kind.valid.replace("'", "''")
    return f"regexp_full_match(coalesce({kind.column}, ''), '{valid}')"


def answer_schema(connection: duckdb.DuckDBPyConnection, service: str, kind: Kind) -> dict[str, Any]:
    """Columns and types of a frame of answers: those of the table, without what the store itself fills."""
    columns = connection.sql(f"SELECT * EXCLUDE ({', '.join(_KEPT)}) FROM {table(service, kind)} LIMIT 0")
    return dict(read_frame(columns).schema)


def put_answers(
    service: str, answers: Sequence[Answer], schemas: Mapping[Kind, Mapping[str, Any]]
) -> Iterator[Write]:
    """Keep answers, an id at most once; a write for each kind among them.

    An error never replaces what is known already; it only counts as a failure. What was found once stays
    found when the item is gone.

    Parameters
    ----------
    service
        Who has answered.
    answers
        What was said.
    schemas
        The columns of each kind (:func:`answer_schema`).
    """
    import polars as pl  # noqa: PLC0415 -- `etl status` does without

    for kind, schema in schemas.items():
        rows = [
            {"id": answer.id, "status": answer.status.value, "reason": answer.reason, **answer.value}
            for answer in answers
            if answer.kind == kind
        ]
        if unknown := {column for row in rows for column in row} - set(schema):
            raise ValueError(f"{table(service, kind)} has no column {', '.join(sorted(unknown))}")
        if rows:
            frames = {"answers": pl.DataFrame(rows, schema=dict(schema))}
            yield Write(
                "etl.store.answers:write_answers", frames, {"table": table(service, kind)}, adds_up=True
            )


def write_answers(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_answers` says, in the caller's transaction."""
    import polars as pl  # noqa: PLC0415 -- `etl status` does without

    # What came to be known later within a burst counts: not found, and found at a second look.
    answers = frames["answers"].unique("id", keep="last", maintain_order=True)
    name = values["table"]
    known = [column for column in answers.columns if column not in {"id", "status", "reason"}]
    errors = answers.filter(pl.col("status") == "error")
    updates = {
        "found": ["status = excluded.status", *(f"{column} = excluded.{column}" for column in known)],
        "gone": [f"status = CASE {name}.status WHEN 'found' THEN 'found' ELSE 'gone' END"],
    }
    for status, changes in updates.items():
        usable = answers.filter(pl.col("status") == status)
        if not usable.is_empty():
            connection.execute(
                f"INSERT INTO {name} BY NAME SELECT *, 0 AS failures, false AS refresh_wanted, "
                f"now() AS fetched_at FROM usable ON CONFLICT (id) DO UPDATE SET {', '.join(changes)}, "
                "reason = excluded.reason, failures = 0, refresh_wanted = false, "
                "fetched_at = excluded.fetched_at"
            )
    if not errors.is_empty():
        connection.execute(
            f"INSERT INTO {name} BY NAME SELECT *, 1 AS failures, false AS refresh_wanted, "
            "now() AS fetched_at FROM errors ON CONFLICT (id) DO UPDATE SET "
            f"failures = least(failures + 1, {MAX_FAILURES}), reason = excluded.reason"
        )


def ask_again(service: str, kinds: Sequence[Kind]) -> Write:
    """Have all that was answered, well or not, asked for again; it stays in use until then."""
    return Write(
        "etl.store.answers:mark_for_asking", values={"tables": [table(service, kind) for kind in kinds]}
    )


def mark_for_asking(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`ask_again` says."""
    for name in values["tables"]:
        connection.execute(f"UPDATE {name} SET refresh_wanted = true, failures = 0")


def suspected_ids(
    connection: duckdb.DuckDBPyConnection, service: str, kinds: Sequence[Kind]
) -> set[tuple[Kind, str]]:
    """List the ids that were not found when they were last asked about."""
    return {
        (kind, item)
        for kind in kinds
        for (item,) in connection.execute(
            f"SELECT id FROM {table(service, kind)} "
            "WHERE status = 'gone' OR (status = 'error' AND starts_with(reason, 'not found:'))"
        ).fetchall()
    }


def well_known_id(
    connection: duckdb.DuckDBPyConnection, service: str, kinds: Sequence[Kind]
) -> tuple[Kind, str] | None:
    """Give an id that was found, None if there is none: it tells whether the service still answers."""
    for kind in kinds:
        rows = connection.execute(
            f"SELECT id FROM {table(service, kind)} WHERE status = 'found' AND NOT refresh_wanted "
            "ORDER BY fetched_at DESC, id LIMIT 1"
        ).fetchall()
        if rows:
            return kind, rows[0][0]
    return None


def answered_ids(connection: duckdb.DuckDBPyConnection, service: str, kinds: Sequence[Kind]) -> int:
    """Count the ids about which there is nothing to ask now."""
    counts = [f"(SELECT count(*) FROM {table(service, kind)} WHERE {_is_settled(kind)})" for kind in kinds]
    total: int = connection.execute(f"SELECT {' + '.join(counts)}").fetchall()[0][0]
    return total


def coverage(connection: duckdb.DuckDBPyConnection, service: str, kinds: Sequence[Kind]) -> Coverage:
    """Count the songs by how far they are enriched."""
    is_open = " OR ".join(_is_open(service, kind) for kind in kinds)
    is_found = [
        f"({kind.column} IN (SELECT id FROM {table(service, kind)} WHERE status = 'found'"
        f"{_found_elsewhere(kind)}))"
        for kind in kinds
    ]
    is_missing = " OR ".join(
        f"({_is_valid(kind)} AND NOT {each})" for kind, each in zip(kinds, is_found, strict=True)
    )
    is_named = f"coalesce({' OR '.join(is_found)}, false)"
    songs, named, settled, complete = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {is_named}), count(*) FILTER (WHERE NOT ({is_open})), "
        f"count(*) FILTER (WHERE {is_named} AND NOT ({is_missing})) FROM {kinds[0].songs}"
    ).fetchall()[0]
    return Coverage(songs, named, settled, complete, kinds[0].gives)


def cache_info(
    connection: duckdb.DuckDBPyConnection,
    service: str,
    kinds: Sequence[Kind],
    *,
    older_than_days: float = 0.0,
) -> pl.DataFrame:
    """Count the answers that are so many days old or older.

    Returns
    -------
    DataFrame
        ``kind``, ``status``, ``reason`` (empty when found), ``ids``, ``oldest``, ``newest``, most first.
    """
    parts = [
        f"SELECT '{kind}' AS kind, status, reason, count(*) AS ids, min(fetched_at) AS oldest, "
        f"max(fetched_at) AS newest FROM {table(service, kind)} WHERE {_OLDER} GROUP BY ALL"
        for kind in kinds
    ]
    return read_frame(
        connection.sql(
            f"{' UNION ALL '.join(parts)} ORDER BY kind, ids DESC, reason",
            params={"seconds": older_than_days * 86_400},
        )
    )


def clear_cache(
    connection: duckdb.DuckDBPyConnection,
    service: str,
    kinds: Sequence[Kind],
    *,
    older_than_days: float = 0.0,
) -> int:
    """Forget the answers that are so many days old or older, in the caller's transaction; say how many."""
    return sum(
        connection.execute(
            f"DELETE FROM {table(service, kind)} WHERE {_OLDER}", {"seconds": older_than_days * 86_400}
        ).fetchall()[0][0]
        for kind in kinds
    )


@dataclass(frozen=True, slots=True)
class AnswerProblem:
    """An answer that cannot be right.

    Attributes
    ----------
    kind, id
        Such as ``artist`` or ``track``, and which.
    problem
        ``found_without_name`` or ``malformed_id``.
    """

    kind: str
    id: str
    problem: str


def verify_cache(
    connection: duckdb.DuckDBPyConnection,
    service: str,
    kinds: Sequence[Kind],
    *,
    older_than_days: float = 0.0,
) -> list[AnswerProblem]:
    """Find the answers, so many days old or older, that cannot be right."""
    problems = []
    for kind in kinds:
        name = "name" if "name" in answer_schema(connection, service, kind) else "id"
        rows = connection.execute(
            f"SELECT id, CASE WHEN status = 'found' AND trim(coalesce({name}, '')) = '' "
            "THEN 'found_without_name' WHEN NOT regexp_full_match(id, $valid) THEN 'malformed_id' "
            f"END AS problem FROM {table(service, kind)} WHERE problem IS NOT NULL AND {_OLDER} ORDER BY id",
            {"seconds": older_than_days * 86_400, "valid": kind.valid},
        ).fetchall()
        problems += [AnswerProblem(kind.name, *row) for row in rows]
    return problems


def refresh_cache(
    connection: duckdb.DuckDBPyConnection, service: str, kinds: Sequence[Kind], *, older_than_days: float
) -> int:
    """Have answers that are older than so many days, and all errors, asked for again; say how many.

    Known names stay in use until the new answer is there.
    """
    with transaction(connection):
        return sum(
            connection.execute(
                f"UPDATE {table(service, kind)} SET refresh_wanted = true, failures = 0 "
                "WHERE status = 'error' OR fetched_at < now() - to_seconds(?)",
                [older_than_days * 86_400],
            ).fetchall()[0][0]
            for kind in kinds
        )


def forget_batches(connection: duckdb.DuckDBPyConnection) -> int:
    """Forget which apps were refused several ids per request, so that they try again; say how many."""
    count: int = connection.execute("DELETE FROM service_state WHERE starts_with(key, 'batches')").fetchall()[
        0
    ][0]
    return count
