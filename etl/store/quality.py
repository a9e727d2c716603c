"""The quality report: what share of a build's songs could be read, keyed and enriched, with examples."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from etl.music.keys import KEY_NAMES, NO_HARMONY, PARSE_ERROR
from etl.music.spotify_ids import SPOTIFY_ID
from etl.store.scope import count_songs, use_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

UNKNOWN_CHORD_LIMIT: Final = 0.08
"""Share of chord tokens that may be no chord symbol."""

LOW_CONFIDENCE: Final = 0.25
"""Confidence below which a key counts as doubtful."""

_IS_DOUBTFUL: Final = f"key >= 0 AND (key_confidence < {LOW_CONFIDENCE} OR key_basis = 'many_unknown')"

_EXAMPLES: Final = 3
_SPOTIFY_ID: Final = f"'^{SPOTIFY_ID}$'"

_VALID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": "id <> ''",
        "chords": "true",
        "release_date": r"regexp_full_match(release_date, '\d{4}(-\d{2}(-\d{2})?)?')",
        "genres": "true",
        "decade": "try_cast(decade AS DOUBLE) % 10 = 0",
        "rock_genre": "true",
        "artist_id": "true",
        "main_genre": "true",
        "spotify_song_id": f"regexp_matches(spotify_song_id, {_SPOTIFY_ID})",
        "spotify_artist_id": f"regexp_matches(spotify_artist_id, {_SPOTIFY_ID})",
        "key_name": "list_contains($key_names, key_name)",
    }
)
"""What a filled value of each column must be; free text may be anything."""


@dataclass(frozen=True)
class Column:
    """One column of the songs.

    Attributes
    ----------
    name
        Its name.
    filled, invalid
        Songs that have a value, and those of them whose value is not of the column's form.
    examples
        A few invalid values.
    """

    name: str
    filled: int
    invalid: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class SongExample:
    """A song that lowers the quality.

    Attributes
    ----------
    id, chords
        As in the source.
    key_name
        The key that was found.
    key_confidence
        0-1.
    """

    id: str
    key_name: str
    key_confidence: float
    chords: str | None


@dataclass(frozen=True)
class SymbolExample:
    """A token that is no known chord.

    Attributes
    ----------
    symbol
        The token.
    occurrences
        How often it occurs.
    """

    symbol: str
    occurrences: int


@dataclass(frozen=True)
class Measure:
    """A share.

    Attributes
    ----------
    name
        What it is the share of, such as ``songs_with_a_key``.
    count, total
        Its parts.
    limit
        The greatest share that is acceptable, or None if there is no such limit.
    examples
        A few of those that lower the quality: songs, symbols or Spotify ids.
    """

    name: str
    count: int
    total: int
    limit: float | None
    examples: tuple[SongExample | SymbolExample | str, ...]

    @property
    def share(self) -> float | None:
        """0-1; None of nothing."""
        return self.count / self.total if self.total else None

    @property
    def is_within_limit(self) -> bool:
        """Whether the share is acceptable."""
        return self.limit is None or self.share is None or self.share <= self.limit


@dataclass(frozen=True)
class Quality:
    """The quality of some sources.

    Attributes
    ----------
    songs
        How many songs they have.
    columns
        The column check.
    measures
        The shares.
    """

    songs: int
    columns: tuple[Column, ...]
    measures: tuple[Measure, ...]

    @property
    def is_within_limits(self) -> bool:
        """Whether every measure is acceptable."""
        return all(measure.is_within_limit for measure in self.measures)


def quality(connection: duckdb.DuckDBPyConnection) -> Quality:
    """Measure the quality of the songs that ``songs_current`` gives.

    Raises
    ------
    EtlError
        If the store holds no songs.
    """
    use_sources(connection)
    return Quality(count_songs(connection), _columns(connection), _measures(connection))


def _row(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(sql, dict(values or {})).fetchall()[0]
    return row


def _columns(connection: duckdb.DuckDBPyConnection) -> tuple[Column, ...]:
    values = {"key_names": [*KEY_NAMES, NO_HARMONY, PARSE_ERROR]}
    songs = "FROM songs_current JOIN song_harmony USING (song_id) WHERE true"
    counts = ", ".join(
        f"count({name}), count(*) FILTER ({name} IS NOT NULL AND NOT {_rule(name)})" for name in _VALID
    )
    cells = _row(connection, f"SELECT {counts} {songs}", values)
    return tuple(
        Column(name, filled, invalid, _invalid(connection, songs, name, values) if invalid else ())
        for name, filled, invalid in zip(_VALID, cells[0::2], cells[1::2], strict=True)
    )


def _rule(name: str) -> str:
    return f"coalesce({_VALID[name]}, false)"


def _invalid(
    connection: duckdb.DuckDBPyConnection, songs: str, name: str, values: Mapping[str, Any]
) -> tuple[str, ...]:
    used = {key: value for key, value in values.items() if f"${key}" in songs + _VALID[name]}
    rows = connection.execute(
        f"SELECT DISTINCT {name} {songs} AND {name} IS NOT NULL AND NOT {_rule(name)} "
        f"ORDER BY ALL LIMIT {_EXAMPLES}",
        used,
    ).fetchall()
    return tuple(text for (text,) in rows)


def _measures(connection: duckdb.DuckDBPyConnection) -> tuple[Measure, ...]:
    songs, keyed, chords, unknown, with_fingerprint, doubtful = _row(
        connection,
        "SELECT count(*), count(*) FILTER (key >= 0), "
        "coalesce(sum(n_chords + n_unknown), 0)::BIGINT, coalesce(sum(n_unknown), 0)::BIGINT, "
        "count(*) FILTER (list_sum(fingerprint_mean::FLOAT[]) > 0), "
        f"count(*) FILTER ({_IS_DOUBTFUL}) FROM songs_current JOIN song_harmony USING (song_id)",
    )
    numerals, unread = _row(
        connection,
        "WITH counted AS (SELECT len(numeral_ids) AS numerals, "
        "CASE WHEN list_contains(numeral_ids, unread) "
        "THEN len(list_filter(numeral_ids, lambda id: id = unread)) ELSE 0 END AS unread "
        "FROM song_tokens SEMI JOIN songs_current USING (song_id) "
        "CROSS JOIN (SELECT coalesce(max(numeral_id), -1) AS unread FROM numerals WHERE numeral = '?')) "
        "SELECT coalesce(sum(numerals), 0)::BIGINT, coalesce(sum(unread), 0)::BIGINT FROM counted",
    )
    return (
        Measure("songs_with_a_key", keyed, songs, None, _songs(connection, "key < 0")),
        Measure(
            "chords_with_a_numeral",
            numerals - unread,
            chords,
            None,
            _songs(connection, "n_unknown > 0", "n_unknown / (n_chords + n_unknown) DESC"),
        ),
        Measure(
            "songs_with_a_fingerprint",
            with_fingerprint,
            songs,
            None,
            _songs(connection, "coalesce(list_sum(fingerprint_mean::FLOAT[]), 0) = 0"),
        ),
        *_enrichment(connection),
        Measure(
            "unknown_chords",
            unknown,
            chords,
            UNKNOWN_CHORD_LIMIT,
            _unknown_symbols(connection),
        ),
        Measure(
            "songs_with_a_doubtful_key",
            doubtful,
            keyed,
            None,
            _songs(connection, _IS_DOUBTFUL, "key_confidence"),
        ),
    )


def _songs(
    connection: duckdb.DuckDBPyConnection,
    condition: str,
    order: str = "song_id",
) -> tuple[SongExample, ...]:
    """Show the first songs that a condition holds for."""
    rows = connection.execute(
        "SELECT id, key_name, key_confidence, chords FROM songs_current JOIN song_harmony USING (song_id) "
        f"WHERE {condition} ORDER BY {order}, song_id LIMIT {_EXAMPLES}"
    ).fetchall()
    return tuple(SongExample(*row) for row in rows)


def _unknown_symbols(connection: duckdb.DuckDBPyConnection) -> tuple[SymbolExample, ...]:
    rows = connection.execute(
        "SELECT symbol, count(*) AS occurrences FROM ("
        "SELECT unnest(chord_ids) AS chord_id FROM song_tokens "
        "JOIN song_harmony USING (song_id) SEMI JOIN songs_current USING (song_id) WHERE n_unknown > 0"
        ") JOIN chord_symbols USING (chord_id) WHERE NOT is_known "
        f"GROUP BY symbol ORDER BY occurrences DESC, symbol LIMIT {_EXAMPLES}"
    ).fetchall()
    return tuple(SymbolExample(*row) for row in rows)


def _enrichment(connection: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Of the songs with a valid Spotify id, how many have its name."""
    measures = []
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for name, tables, column in (
        ("artist_names_of_valid_ids", ("spotify_artists", "musicbrainz_artists"), "spotify_artist_id"),
        ("song_names_of_valid_ids", ("spotify_tracks",), "spotify_song_id"),
    ):
        parts = [f"SELECT id FROM {each} WHERE name IS NOT NULL" for each in tables if each in there]
        names = " UNION ALL ".join(parts) or "SELECT NULL WHERE false"
        asked = f"FROM songs_current WHERE {_VALID[column]}"
        named, total = _row(
            connection,
            f"SELECT count(*) FILTER ({column} IN ({names})), count(*) {asked}",
        )
        lacking = connection.execute(
            f"SELECT DISTINCT {column} {asked} AND {column} NOT IN ({names}) ORDER BY ALL LIMIT {_EXAMPLES}"
        ).fetchall()
        measures.append(Measure(name, named, total, None, tuple(text for (text,) in lacking)))
    return measures
