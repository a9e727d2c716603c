"""Genres in the store: raw tags to be read, what they mean, and how near genres are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.store import answers as stored
from etl.store.frames import insert, read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import polars as pl

    from etl.services.contract import Kind

QUESTIONS: Final = "questions_of_library"
"""Table that :func:`gather_questions` makes."""

_READ_BY_QUESTIONS: Final = frozenset({"musicbrainz_named_artists", "lastfm_artists"})
"""Tables of answers that the view ``library_questions`` reads."""


@dataclass(frozen=True)
class GenreNeighbour:
    """A genre that is near another, and why.

    Attributes
    ----------
    name
        The genre.
    weight
        How near, 0 to 1.
    first, second, words, parent, jaccard
        The terms, see :mod:`etl.genres.similarity`.
    by_user
        Whether the user said so.
    """

    name: str
    weight: float
    first: float
    second: float
    words: float
    parent: float
    jaccard: float
    by_user: bool


def gather_questions(connection: duckdb.DuckDBPyConnection) -> None:
    """Put what services can be asked into a table of the connection: the view is slow to plan."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {QUESTIONS} AS FROM library_questions")


def opens_questions(service: str, kind: Kind) -> bool:
    """Whether answers about a kind change what services can be asked: other answers only settle questions."""
    return stored.table(service, kind) in _READ_BY_QUESTIONS


def waiting_albums(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the albums to be asked about by name once it is known who their artists are."""
    rows = connection.sql(
        "SELECT count(DISTINCT (artist, title)) FROM library_named_albums WHERE album_name IS NULL"
    ).fetchall()
    return int(rows[0][0])


def raw_tags(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the distinct raw tags of songs and tracks, as ``raw``; those of doubtful names among them."""
    return read_frame(
        connection.sql(
            "SELECT raw FROM raw_genres UNION SELECT unnest(tags) FROM genre_answers "
            "WHERE id IN (SELECT unnest([artist_name, artist_mbid]) FROM library_artists "
            "WHERE doubt IS NOT NULL UNION ALL SELECT name FROM genre_doubts) ORDER BY raw"
        )
    )


def claims(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read which genres files and services give to artists and albums that are known by name only.

    Returns
    -------
    DataFrame
        ``who`` (artist or album, as it is asked about, doubted or not), ``name`` (of the genre), ``is_own``
        (whether files say so); ordered.
    """
    return read_frame(
        connection.sql(
            "WITH named AS MATERIALIZED (SELECT track_id, artist_name AS who, artist_mbid AS mbid "
            "FROM library_artists WHERE basis = 'name' "
            "UNION ALL SELECT track_id, album_name, NULL FROM library_named_albums "
            "WHERE album_name IS NOT NULL), "
            "said AS (SELECT kind, id, unnest(tags) AS raw, unnest(are_genres) AS is_genre "
            "FROM genre_answers WHERE status IN ('found', 'ambiguous')) "
            "SELECT DISTINCT who, genre_tags.name, false AS is_own FROM ("
            "SELECT who, raw, is_genre FROM named JOIN said ON said.id = who WHERE kind IN ('name', 'album') "
            "UNION ALL SELECT who, raw, is_genre FROM named JOIN said ON said.id = mbid "
            "WHERE kind = 'artist') JOIN genre_tags USING (raw) "
            "WHERE genre_tags.kind = 'genre' AND (is_genre OR genre_tags.in_vocabulary) "
            "UNION ALL SELECT DISTINCT who, name, true FROM named "
            "JOIN track_genres USING (track_id) WHERE source = 'file' ORDER BY ALL"
        )
    )


def genres_of_items(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read which songs and tracks have which genres: ``item`` (number), ``name``; each pair once."""
    return read_frame(
        connection.sql(
            "SELECT dense_rank() OVER (ORDER BY kind, id) - 1 AS item, name FROM ("
            "SELECT 0 AS kind, song_id::VARCHAR AS id, name FROM song_genres "
            "UNION SELECT 1, track_id, name FROM track_genres) ORDER BY item, name"
        )
    )


def genres_of_tracks(connection: duckdb.DuckDBPyConnection, item: str) -> pl.DataFrame:
    """Read the genres of ``tracks`` or ``songs``: ``id``, ``name``, ``weight`` (the largest); ordered."""
    queries = {
        "tracks": "SELECT track_id AS id, name, max(weight) AS weight FROM track_genres GROUP BY ALL",
        "songs": "SELECT id, name, max(weight) AS weight FROM song_genres GROUP BY ALL",
    }
    return read_frame(connection.sql(f"FROM ({queries[item]}) ORDER BY id, name"))


def replace_tables(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Put frames in place of what is stored, by table: ``genre_tags``, ``genres`` ..."""
    del values
    for table, frame in frames.items():
        connection.execute(f"DELETE FROM {table}")
        insert(connection, table, frame)


def similarity(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read all pairs of near genres, ordered."""
    return read_frame(connection.sql("FROM genre_similarity ORDER BY a, b"))


def neighbours(connection: duckdb.DuckDBPyConnection, name: str) -> list[GenreNeighbour]:
    """Read what is near a genre, the nearest first."""
    terms = "weight, first, second, words, parent, jaccard, by_user"
    rows = connection.execute(
        f"SELECT b, {terms} FROM genre_similarity WHERE a = $name "
        f"UNION ALL SELECT a, {terms} FROM genre_similarity WHERE b = $name ORDER BY weight DESC, 1",
        {"name": name},
    ).fetchall()
    return [GenreNeighbour(*row) for row in rows]


def genre_parents(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[str, ...] | None:
    """Read what a genre is a kind of; None where the store does not know it."""
    rows = connection.execute("SELECT parents FROM genres WHERE name = ?", [name]).fetchall()
    return tuple(rows[0][0]) if rows else None


def genre_counts(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int]:
    """Count the tracks and the songs of a genre."""
    row = connection.execute(
        "SELECT (SELECT count(DISTINCT track_id) FROM track_genres WHERE name = $name), "
        "(SELECT count(*) FROM song_genres WHERE name = $name)",
        {"name": name},
    ).fetchall()[0]
    return row[0], row[1]


def spellings_of(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Read the raw tags that mean a genre, in order."""
    rows = connection.execute(
        "SELECT DISTINCT raw FROM genre_tags WHERE name = ? ORDER BY 1", [name]
    ).fetchall()
    return [raw for (raw,) in rows]


def genre_keys(connection: duckdb.DuckDBPyConnection, name: str, most: int = 5) -> list[tuple[str, int]]:
    """Count the commonest keys of a genre's songs."""
    rows: list[tuple[str, int]] = connection.execute(
        "SELECT key_name, count(*) FROM song_genres JOIN song_harmony USING (song_id) "
        "WHERE name = ? AND key >= 0 GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT ?",
        [name, most],
    ).fetchall()
    return rows


def genre_likeness(
    connection: duckdb.DuckDBPyConnection, seeds: Sequence[str], track_ids: Sequence[str]
) -> dict[str, float]:
    """Read how near the genres of tracks are to those of some seeds.

    Returns
    -------
    dict
        By track id, the similarity of its nearest genre to any of the seeds', 0 to 1; tracks without a genre
        are left out, and all are where the seeds have none.
    """
    rows = connection.execute(
        "WITH own AS (SELECT DISTINCT name FROM track_genres WHERE track_id IN (SELECT unnest($seeds))), "
        "near AS (SELECT name, max(weight) AS weight FROM (SELECT name, 1.0 AS weight FROM own "
        "UNION ALL SELECT b, weight FROM genre_similarity WHERE a IN (FROM own) "
        "UNION ALL SELECT a, weight FROM genre_similarity WHERE b IN (FROM own)) GROUP BY name) "
        "SELECT track_id, max(coalesce(near.weight, 0)) FROM track_genres LEFT JOIN near USING (name) "
        "WHERE track_id IN (SELECT unnest($ids)) AND EXISTS (FROM own) GROUP BY track_id",
        {"seeds": list(seeds), "ids": list(track_ids)},
    ).fetchall()
    return dict(rows)


def genre_tracks(
    connection: duckdb.DuckDBPyConnection, name: str, most: int = 5
) -> list[tuple[str | None, str | None]]:
    """Read artists and titles of a genre's tracks, those that weigh most first, artists apart."""
    rows: list[tuple[str | None, str | None]] = connection.execute(
        "SELECT artist, title FROM (SELECT track_id, max(weight) AS weight FROM track_genres WHERE name = ? "
        "GROUP BY track_id) JOIN library USING (track_id) "
        "ORDER BY weight DESC, row_number() OVER (PARTITION BY artist ORDER BY weight DESC, title, track_id)"
        ", artist, title LIMIT ?",
        [name, most],
    ).fetchall()
    return rows


def genre_songs(connection: duckdb.DuckDBPyConnection, name: str, most: int = 5) -> list[str]:
    """Read ids of a genre's songs, those that weigh most first."""
    rows = connection.execute(
        "SELECT id FROM song_genres WHERE name = ? ORDER BY weight DESC, id LIMIT ?", [name, most]
    ).fetchall()
    return [song for (song,) in rows]


def genre_progressions(
    connection: duckdb.DuckDBPyConnection, name: str, most: int = 5
) -> list[tuple[str, int]]:
    """Count the songs of a genre that have its commonest progressions of four known chords."""
    rows: list[tuple[str, int]] = connection.execute(
        "WITH tokens AS (SELECT song_id, list_transform(numeral_ids, lambda id: names[id + 1]) AS numerals "
        "FROM song_tokens JOIN song_genres USING (song_id), "
        "(SELECT list(numeral ORDER BY numeral_id) AS names FROM numerals) "
        "WHERE song_genres.name = ? AND len(numeral_ids) >= 4) "
        "SELECT progression, count(*) AS songs FROM (SELECT unnest(list_distinct(list_transform("
        "range(1, len(numerals) - 2), lambda i: array_to_string(numerals[i:i + 3], ' ')))) AS progression "
        "FROM tokens) WHERE NOT contains(progression, '?') "
        "GROUP BY ALL ORDER BY songs DESC, progression LIMIT ?",
        [name, most],
    ).fetchall()
    return rows


def answers(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Count what services have said: ``source``, ``kind``, ``status``, ``number``; ordered."""
    return read_frame(
        connection.sql(
            "SELECT source, kind, status, count(*) AS number FROM genre_answers GROUP BY ALL ORDER BY ALL"
        )
    )


def coverage(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Count items by who says so: ``item``, ``source``, ``about``, ``tagged``, ``with_genre``.

    ``about`` is what the tag was given to: the item itself, its album or its artist.
    """
    return read_frame(
        connection.sql(
            "SELECT item, source, "
            "CASE WHEN weight = 1 THEN item WHEN weight > 0.5 THEN 'album' ELSE 'artist' END AS about, "
            "count(DISTINCT coalesce(song_id::VARCHAR, track_id)) AS tagged, "
            "count(DISTINCT coalesce(song_id::VARCHAR, track_id)) "
            "FILTER (kind = 'genre' AND (is_sure OR in_vocabulary)) AS with_genre "
            "FROM raw_genres LEFT JOIN genre_tags USING (raw) GROUP BY ALL ORDER BY ALL"
        )
    )


def top_genres(connection: duckdb.DuckDBPyConnection, most: int) -> pl.DataFrame:
    """Count the commonest genres: ``name``, ``tracks``, ``songs``, ``in_vocabulary``."""
    return read_frame(
        connection.sql(
            "SELECT name, tracks, songs, in_vocabulary FROM ("
            "SELECT name, sum(tracks)::BIGINT AS tracks, sum(songs)::BIGINT AS songs FROM ("
            "SELECT name, count(DISTINCT track_id) AS tracks, 0 AS songs FROM track_genres GROUP BY name "
            "UNION ALL SELECT name, 0, count(*) FROM song_genres GROUP BY name) GROUP BY name) "
            "JOIN genres USING (name) "
            "ORDER BY tracks + songs DESC, name LIMIT ?",
            params=[most],
        )
    )


def rejects(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Count tags that are no genre: ``kind``, ``reason``, ``tags``, ``examples``."""
    return read_frame(
        connection.sql(
            "SELECT kind, reason, count(DISTINCT raw) AS tags, list(raw ORDER BY raw)[:5] AS examples "
            "FROM genre_tags WHERE kind <> 'genre' GROUP BY ALL ORDER BY tags DESC, kind, reason"
        )
    )


def orphans(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the genres that are in no vocabulary and a kind of nothing in it."""
    rows = connection.sql("SELECT count(*) FROM genres WHERE NOT in_vocabulary AND parents = []").fetchall()
    return int(rows[0][0])
