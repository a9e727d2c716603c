"""Spotify's answers in the store: what is still to be asked, in order of value, and what has been said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

MAX_FAILURES: Final = 3
"""Runs in which an id may fail before it is no longer asked about (until `etl cache refresh`)."""

_COMMON: Final = {
    "id": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "answered_id": pl.String,
    "name": pl.String,
}
ANSWER_SCHEMAS: Final[Mapping[str, Mapping[str, pl.DataType | type[pl.DataType]]]] = {
    "artist": _COMMON | {"genres": pl.List(pl.String), "popularity": pl.Int8, "followers": pl.Int32},
    "track": _COMMON
    | {
        "artist_ids": pl.List(pl.String),
        "album_name": pl.String,
        "release_date": pl.String,
        "duration_ms": pl.Int32,
        "explicit": pl.Boolean,
        "popularity": pl.Int8,
        "isrc": pl.String,
    },
}
"""Columns of a frame of answers, by kind."""

SONG_COLUMNS: Final[Mapping[str, str]] = {"artist": "spotify_artist_id", "track": "spotify_song_id"}
VALID_ID: Final = "[0-9A-Za-z]{22}"

_PRIORITY: Final[Mapping[str, str]] = {
    "genre": "(lower(main_genre) = lower($v) OR contains(lower(genres), lower($v)))",
    "main_genre": "lower(main_genre) = lower($v)",
    "rock_genre": "lower(rock_genre) = lower($v)",
    "decade": "TRY_CAST(decade AS DOUBLE) = TRY_CAST($v AS DOUBLE)",
}
PRIORITY_KEYS: Final = tuple(_PRIORITY)
"""What songs can be preferred by."""

# An id is settled when there is nothing to ask about it now.
_SETTLED: Final = f"(failures >= {MAX_FAILURES} OR (status <> 'error' AND NOT refresh_wanted))"

_OLDER: Final = "fetched_at <= now() - to_seconds($seconds)"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the songs are enriched.

    Attributes
    ----------
    songs
        Songs in the store.
    settled
        Songs about whose ids there is nothing left to ask.
    """

    songs: int
    settled: int


def table(kind: str) -> str:
    """Name the table of a kind, ``artist`` or ``track``."""
    return f"spotify_{kind}s"


def wanted_ids(
    connection: duckdb.DuckDBPyConnection, kind: str, priority: Mapping[str, Sequence[str]] | None = None
) -> pl.DataFrame:
    """List the valid ids of all songs that are still to be asked about, the most valuable first.

    Parameters
    ----------
    connection
        The store.
    kind
        ``artist`` or ``track``.
    priority
        Values by key of ``PRIORITY_KEYS``: songs that have one of the values for every key are preferred.

    Returns
    -------
    DataFrame
        ``id``, ``songs`` (rows it fills), ``preferred`` (those of them that are preferred).
    """
    predicate, parameters = _predicate(priority or {})
    column = SONG_COLUMNS[kind]
    wanted: pl.DataFrame = connection.sql(
        f"SELECT {column} AS id, count(*) AS songs, count(*) FILTER (WHERE {predicate}) AS preferred "
        f"FROM songs WHERE regexp_full_match({column}, '{VALID_ID}') "
        f"AND {column} NOT IN (SELECT id FROM {table(kind)} WHERE {_SETTLED}) "
        "GROUP BY ALL ORDER BY preferred DESC, songs DESC, id",
        params=parameters,
    ).pl()
    return wanted


def _predicate(priority: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, str]]:
    if not priority:
        return "false", {}
    parameters: dict[str, str] = {}
    clauses = []
    for key, values in priority.items():
        alternatives = []
        for value in values:
            name = f"v{len(parameters)}"
            parameters[name] = value
            alternatives.append(_PRIORITY[key].replace("$v", f"${name}"))
        clauses.append(f"({' OR '.join(alternatives)})")
    return f"coalesce({' AND '.join(clauses)}, false)", parameters


def put_answers(connection: duckdb.DuckDBPyConnection, answers: Mapping[str, pl.DataFrame]) -> None:
    """Store answers in one transaction.

    An error never replaces a name that is known already; it only counts as a failure.

    Parameters
    ----------
    connection
        The store, open for writing.
    answers
        Frames by kind, with the columns of ``ANSWER_SCHEMAS``; an id at most once.
    """
    with transaction(connection):
        for kind, rows in answers.items():
            known = [name for name in ANSWER_SCHEMAS[kind] if name != "id"]
            errors = rows.filter(pl.col("status") == "error")
            usable = rows.filter(pl.col("status") != "error")
            if not usable.is_empty():
                updates = ", ".join(f"{name} = excluded.{name}" for name in known)
                connection.execute(
                    f"INSERT INTO {table(kind)} BY NAME SELECT *, 0 AS failures, false AS refresh_wanted, "
                    f"now() AS fetched_at FROM usable ON CONFLICT (id) DO UPDATE SET {updates}, "
                    "failures = 0, refresh_wanted = false, fetched_at = excluded.fetched_at"
                )
            if not errors.is_empty():
                connection.execute(
                    f"INSERT INTO {table(kind)} BY NAME SELECT *, 1 AS failures, false AS refresh_wanted, "
                    "now() AS fetched_at FROM errors ON CONFLICT (id) DO UPDATE SET "
                    f"failures = least(failures + 1, {MAX_FAILURES}), reason = excluded.reason"
                )


def answered_ids(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the ids about which there is nothing to ask now."""
    counts = [f"(SELECT count(*) FROM {table(kind)} WHERE {_SETTLED})" for kind in SONG_COLUMNS]
    total: int = connection.execute(f"SELECT {' + '.join(counts)}").fetchall()[0][0]
    return total


def known_names(connection: duckdb.DuckDBPyConnection, kind: str) -> pl.DataFrame:
    """Read ``id`` and ``name`` of all artists or tracks whose name is known."""
    names: pl.DataFrame = connection.sql(f"SELECT id, name FROM {table(kind)} WHERE name IS NOT NULL").pl()
    return names


def coverage(connection: duckdb.DuckDBPyConnection) -> Coverage:
    """Count the songs, and those that are settled."""
    open_ids = [
        f"(regexp_full_match(coalesce({column}, ''), '{VALID_ID}') "
        f"AND {column} NOT IN (SELECT id FROM {table(kind)} WHERE {_SETTLED}))"
        for kind, column in SONG_COLUMNS.items()
    ]
    songs, settled = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE NOT ({' OR '.join(open_ids)})) FROM songs"
    ).fetchall()[0]
    return Coverage(songs, settled)


def cache_info(connection: duckdb.DuckDBPyConnection, *, older_than_days: float = 0.0) -> pl.DataFrame:
    """Count the answers that are so many days old or older.

    Returns
    -------
    DataFrame
        ``kind``, ``status``, ``reason`` (empty when found), ``ids``, ``oldest``, ``newest``, most first.
    """
    parts = [
        f"SELECT '{kind}' AS kind, status, reason, count(*) AS ids, min(fetched_at) AS oldest, "
        f"max(fetched_at) AS newest FROM {table(kind)} WHERE {_OLDER} GROUP BY ALL"
        for kind in SONG_COLUMNS
    ]
    counts: pl.DataFrame = connection.sql(
        f"{' UNION ALL '.join(parts)} ORDER BY kind, ids DESC, reason",
        params={"seconds": older_than_days * 86_400},
    ).pl()
    return counts


def clear_cache(connection: duckdb.DuckDBPyConnection, *, older_than_days: float = 0.0) -> int:
    """Forget the answers that are so many days old or older, in the caller's transaction; say how many."""
    return sum(
        connection.execute(
            f"DELETE FROM {table(kind)} WHERE {_OLDER}", {"seconds": older_than_days * 86_400}
        ).fetchall()[0][0]
        for kind in SONG_COLUMNS
    )


def verify_cache(connection: duckdb.DuckDBPyConnection, *, older_than_days: float = 0.0) -> list[str]:
    """Name the answers, so many days old or older, that cannot be right."""
    return [
        f"{kind} {id_}: {what}"
        for kind in SONG_COLUMNS
        for id_, what in connection.execute(
            "SELECT id, "
            "CASE WHEN status = 'found' AND trim(coalesce(name, '')) = '' THEN 'found without a name' "
            f"WHEN NOT regexp_full_match(id, '{VALID_ID}') THEN 'not an id of Spotify' END AS what "
            f"FROM {table(kind)} WHERE what IS NOT NULL AND {_OLDER} ORDER BY id",
            {"seconds": older_than_days * 86_400},
        ).fetchall()
    ]


def refresh_cache(connection: duckdb.DuckDBPyConnection, *, older_than_days: float) -> int:
    """Have answers that are older than so many days, and all errors, asked for again; say how many.

    Known names stay in use until the new answer is there.
    """
    with transaction(connection):
        return sum(
            connection.execute(
                f"UPDATE {table(kind)} SET refresh_wanted = true, failures = 0 "
                "WHERE status = 'error' OR fetched_at < now() - to_seconds(?)",
                [older_than_days * 86_400],
            ).fetchall()[0][0]
            for kind in SONG_COLUMNS
        )
