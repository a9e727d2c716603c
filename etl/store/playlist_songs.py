"""Chord songs for lists by harmony: by name, and the nearest to some by their chords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode
from etl.store.frames import read_frame
from etl.store.nearest import nearest_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import polars as pl

_FOLDED: Final = "lower(strip_accents({}))"

# Distances as in the query `similar-songs`.
_NEAR: Final = """
WITH turned AS (
    SELECT song_id, category_counts::FLOAT[49] AS categories,
        (fingerprint_mean[(key % 12) + 1:] || fingerprint_mean[:key % 12])::FLOAT[12] AS fingerprint
    FROM song_harmony SEMI JOIN songs_current USING (song_id)
    WHERE n_chords > 0
),
targets AS (SELECT * FROM turned WHERE list_contains($songs, song_id)),
near AS (
    SELECT turned.song_id,
        {distance}(array_cosine_distance(turned.categories, targets.categories)
            + array_cosine_distance(turned.fingerprint, targets.fingerprint)) AS distance
    FROM turned CROSS JOIN targets GROUP BY turned.song_id
),
chosen AS (
    SELECT song_id FROM {source}
    WHERE list_contains($songs, song_id) OR song_id IN (SELECT song_id FROM song_overview WHERE {condition})
    ORDER BY list_contains($songs, song_id) DESC, {order}, song_id LIMIT $most
)
SELECT song_id, id AS track_id, artist_name AS artist, song_name AS title, NULL::VARCHAR AS album,
    song_id::VARCHAR AS content_hash, NULL::VARCHAR AS isrc, NULL::VARCHAR AS musicbrainz_recordingid,
    NULL::VARCHAR AS path, NULL::DOUBLE AS duration_s, NULL::FLOAT AS bpm, NULL::FLOAT AS loudness_lufs,
    key, key_name, key_confidence, chord_entropy_bits, category_counts, fingerprint_mean
FROM chosen JOIN song_harmony USING (song_id) JOIN song_names USING (song_id)
ORDER BY song_id
"""


def songs_named(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[int, str | None, str | None]]:
    """Find the songs with chords that a name may mean: number, artist and title, in order of the numbers.

    The first that finds any decides: an id; a title, or `artist - title`, whatever its case and accents; a
    part of that.
    """
    title, artist = _FOLDED.format("coalesce(song_name, '')"), _FOLDED.format("coalesce(artist_name, '')")
    given, named = _FOLDED.format("$name"), f"{artist} || ' - ' || {title}"
    for way in ("id = $name", f"{title} = {given} OR {named} = {given}", f"contains({named}, {given})"):
        found: list[tuple[int, str | None, str | None]] = connection.execute(
            "SELECT song_id, artist_name, song_name FROM song_names JOIN song_harmony USING (song_id) "
            f"WHERE n_chords > 0 AND ({way}) ORDER BY song_id",
            {"name": name},
        ).fetchall()
        if found:
            return found
    return []


def songs_like(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """List the `artist - title` of songs that somebody may have meant by a name."""
    return nearest_values(
        connection, "song_names", "concat_ws(' - ', artist_name, song_name)", name, short="song_name"
    )


def count_songs(connection: duckdb.DuckDBPyConnection, where: str | None) -> int:
    """Count the songs with chords, or those that a condition over ``song_overview`` lets through.

    Raises
    ------
    EtlError
        If the condition is not one.
    """
    import duckdb  # noqa: PLC0415 - the connection has loaded it

    try:
        rows = connection.execute(
            f"SELECT count(*) FROM song_overview WHERE n_chords > 0 AND (\n{where or 'true'}\n)"
        ).fetchall()
    except duckdb.Error as error:
        raise EtlError(
            f"--where is not a valid condition on the view `song_overview`: {str(error).splitlines()[0]}",
            "Such as: genre = 'rock' AND decade >= 1980",
            exit_code=ExitCode.USAGE,
        ) from None
    return int(rows[0][0])


def near_songs(
    connection: duckdb.DuckDBPyConnection, songs: Sequence[int], where: str | None, most: int | None
) -> pl.DataFrame:
    """Read the songs nearest to some by their chords, in order of their numbers.

    Parameters
    ----------
    connection
        The store.
    songs
        Numbers of the songs to be near to; they are always among those read. Without any, songs are as good
        as drawn by lot, and the same each time.
    where
        SQL condition over ``song_overview``.
    most
        How many, None for all.
    """
    sql = _NEAR.format(
        distance="min",
        source="near" if songs else "turned",
        condition=f"n_chords > 0 AND (\n{where or 'true'}\n)",
        order="distance" if songs else "hash(song_id)",
    )
    found: pl.DataFrame = read_frame(
        connection.sql(sql, params={"songs": list(songs), "most": (1 << 40) if most is None else most})
    )
    return found


def genres_of_songs(connection: duckdb.DuckDBPyConnection, songs: Sequence[int]) -> pl.DataFrame:
    """Read the genres of some songs: ``song_id``, ``name``; ordered."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            "SELECT DISTINCT song_id, name FROM song_genres "
            "WHERE song_id IN (SELECT unnest($songs::BIGINT[])) ORDER BY song_id, name",
            params={"songs": list(songs)},
        )
    )
    return found
