"""Figures of chord songs: all of ``page_songs``, and of the sample what is counted along the chords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etl.store.quality import LOW_CONFIDENCE
from etl.store.queries import named_query

if TYPE_CHECKING:
    import duckdb


def song_totals(connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """Count over all songs.

    Returns
    -------
    tuple
        Songs, those with a key, those of them whose key is doubtful, chord tokens, those that are no chord
        symbol, songs with a decade, songs with a genre.
    """
    (row,) = connection.execute(
        f"SELECT count(*), count(*) FILTER (key >= 0), count(*) FILTER (key >= 0 AND key_confidence < "
        f"{LOW_CONFIDENCE}), coalesce(sum(n_chords + n_unknown), 0)::BIGINT, "
        "coalesce(sum(n_unknown), 0)::BIGINT, count(decade), count(genre) FROM page_songs"
    ).fetchall()
    return tuple(row)


def songs_by_key(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Count songs by key: (0-23, songs)."""
    return _rows(connection, "SELECT key, count(*) FROM page_songs WHERE key >= 0 GROUP BY key ORDER BY key")


def songs_by_decade_and_key(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, int]]:
    """Count songs by decade and key: (1980, 0-23, songs)."""
    return _rows(
        connection,
        "SELECT decade, key, count(*) FROM page_songs WHERE key >= 0 AND decade IS NOT NULL "
        "GROUP BY ALL ORDER BY ALL",
    )


def songs_by_confidence(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, float]]:
    """Count songs by tenths of the confidence of their key: (0-9, songs, mean confidence)."""
    return _rows(
        connection,
        "SELECT least(floor(key_confidence * 10), 9)::INTEGER AS tenth, count(*), "
        "sum(round(key_confidence * 1000)::BIGINT)::DOUBLE / count(*) / 1000 "
        "FROM page_songs WHERE key >= 0 GROUP BY tenth ORDER BY tenth",
    )


def named_rows(connection: duckdb.DuckDBPyConnection, name: str, **values: int | str) -> list[Any]:
    """Give the rows of a shipped query."""
    query = named_query(name)
    bound = query.bind({key: str(value) for key, value in values.items()})
    return connection.execute(query.sql, bound).fetchall()


def categories_by_genre(connection: duckdb.DuckDBPyConnection, most: int) -> list[tuple[str, str, int]]:
    """Count chords of the sample by category in its commonest genres: (genre, category, chords)."""
    rows = named_rows(connection, "categories-by-genre")
    of_genre: dict[str, int] = {}
    for genre, _, chords, _ in rows:
        if genre is not None:
            of_genre[genre] = of_genre.get(genre, 0) + chords
    common = sorted(of_genre, key=lambda genre: (-of_genre[genre], genre))[:most]
    return [(genre, category, chords) for genre, category, chords, _ in rows if genre in common]


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()
