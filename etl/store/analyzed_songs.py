"""Read analyzed songs with all that the analysis gave, to compare it with a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import polars as pl

_BATCH_SONGS: Final = 8192


@dataclass(frozen=True)
class StoredBuild:
    """A source and how it was analyzed.

    Attributes
    ----------
    source_id, songs
        Its number, and how many songs it has.
    version
        What the results depend on beside the songs.
    notation
        What its chords are spelled in.
    """

    source_id: int
    songs: int
    version: str
    notation: str


def stored_builds(connection: duckdb.DuckDBPyConnection) -> list[StoredBuild]:
    """List the sources; what no run accounts for has an empty version."""
    rows = connection.execute(
        "SELECT source_id, count(*), coalesce(arguments->>'version', ''), "
        "coalesce(notation, 'chordonomicon') "
        "FROM songs LEFT JOIN sources USING (source_id) LEFT JOIN runs USING (run_id) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [StoredBuild(*row) for row in rows]


def analyzed_songs(
    connection: duckdb.DuckDBPyConnection, source_id: int, *, every: int = 1
) -> Iterator[pl.DataFrame]:
    """Read the songs of a source, or one in ``every`` of them, a batch at a time.

    Yields
    ------
    DataFrame
        ``song_id``, ``chords``, the columns of ``song_harmony`` and ``song_tokens``, and, empty where there
        are none, ``section_keys``, ``section_key_starts``, ``section_key_confidences``: lists.
    """
    first, last = connection.execute(
        "SELECT min(song_id), max(song_id) FROM songs WHERE source_id = ?", [source_id]
    ).fetchall()[0]
    for start in range(first, last + 1, _BATCH_SONGS * every):
        songs: pl.DataFrame = connection.sql(
            """
            WITH chosen AS (
                SELECT song_id, chords FROM songs
                WHERE source_id = $source AND song_id BETWEEN $first AND $last AND song_id % $every = 0
            ), keyed AS (
                SELECT song_id, list(key ORDER BY section) AS section_keys,
                    list(start ORDER BY section) AS section_key_starts,
                    list(confidence ORDER BY section) AS section_key_confidences
                FROM section_keys WHERE song_id IN (SELECT song_id FROM chosen) GROUP BY song_id
            )
            SELECT chosen.*, song_harmony.* EXCLUDE (song_id), song_tokens.* EXCLUDE (song_id),
                coalesce(section_keys, []) AS section_keys,
                coalesce(section_key_starts, []) AS section_key_starts,
                coalesce(section_key_confidences, []) AS section_key_confidences
            FROM chosen JOIN song_harmony USING (song_id) JOIN song_tokens USING (song_id)
                LEFT JOIN keyed USING (song_id)
            ORDER BY song_id
            """,
            params={
                "source": source_id,
                "first": start,
                "last": min(start + _BATCH_SONGS * every - 1, last),
                "every": every,
            },
        ).pl()
        yield songs


def lexicon_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Read ``chord_symbols``, ``numerals`` and ``sections`` in the order of their numbers."""
    keys = {"chord_symbols": "chord_id", "numerals": "numeral_id", "sections": "section_id"}
    return {
        table: connection.sql(f"SELECT * FROM {table} ORDER BY {key}").pl() for table, key in keys.items()
    }
