"""Figures of the audio library and of MIDI files, from ``page_tracks`` and ``page_midi``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

MAP_RECORDINGS: Final = 1500
"""Recordings on a map of likeness, where there are more: as many as can be pointed at."""


class MappedRecordings(NamedTuple):
    """Recordings with their sound, each once."""

    names: list[str]
    vectors: NDArray[np.float32]
    """Shape (N, 128)."""


def by_tempo(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[int, int]]:
    """Count by tempo in steps of ten beats a minute: (60, count); what is beyond 40 to 219 at the ends."""
    return _rows(
        connection,
        "SELECT greatest(least(floor(bpm / 10), 21), 4)::INTEGER * 10 AS tempo, count(*) "
        f"FROM page_{table} WHERE bpm IS NOT NULL GROUP BY tempo ORDER BY tempo",
    )


def tracks_by_key(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Count tracks by key: (0-23, count)."""
    return _rows(connection, "SELECT key, count(*) FROM page_tracks WHERE key >= 0 GROUP BY key ORDER BY key")


def midi_by_key(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Count MIDI files by key: (name, count)."""
    return _rows(
        connection, "SELECT key, count(*) FROM page_midi WHERE key IS NOT NULL GROUP BY key ORDER BY key"
    )


def tracks_by_loudness(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Count tracks by whole LUFS, from -40 on: (-14, count)."""
    return _rows(
        connection,
        "SELECT greatest(floor(loudness_lufs), -40)::INTEGER AS lufs, count(*) FROM page_tracks "
        "WHERE loudness_lufs IS NOT NULL GROUP BY lufs ORDER BY lufs",
    )


def track_rows(connection: duckdb.DuckDBPyConnection, most: int) -> list[Any]:
    """List tracks by artist and title: artist, title, genre, minutes, bpm, key, Camelot, LUFS."""
    return _rows(
        connection,
        "SELECT artist, coalesce(title, path), genre, round(duration_s / 60, 2), round(bpm, 1), key_name, "
        "camelot, round(loudness_lufs, 1) FROM page_tracks "
        f"ORDER BY artist NULLS LAST, title NULLS LAST, path LIMIT {most}",
    )


def track_problems(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Count what is wrong with recordings, and copies: (what, tracks), only what there is."""
    (counts,) = _rows(
        connection,
        "SELECT count(*) FILTER (NOT is_described), count(*) FILTER (is_cut), "
        "count(*) FILTER (damaged_packets > 0), count(*) FILTER (checksum_matches IS false), "
        "count(*) - count(DISTINCT coalesce(content_hash, track_id)) FROM page_tracks",
    )
    names = ("not described yet", "cut off", "damaged", "checksum differs", "copies of another track")
    return [(name, count) for name, count in zip(names, counts, strict=True) if count]


def copies(connection: duckdb.DuckDBPyConnection, most: int) -> list[Any]:
    """List recordings that are there more than once: what they are called, how often, one of their paths."""
    return _rows(
        connection,
        "SELECT min(concat_ws(' - ', artist, title)), count(*), min(path) FROM page_tracks "
        "WHERE content_hash IS NOT NULL GROUP BY content_hash HAVING count(*) > 1 "
        f"ORDER BY count(*) DESC, min(path) LIMIT {most}",
    )


def mapped_recordings(connection: duckdb.DuckDBPyConnection) -> MappedRecordings:
    """Read the sound of recordings that are described, a fixed choice where there are too many."""
    import numpy as np  # noqa: PLC0415 - a page without a map starts sooner

    found = connection.execute(
        "SELECT any_value(name ORDER BY path), any_value(vector_whole ORDER BY path) "
        "FROM (SELECT path, content_hash, concat_ws(' - ', artist, coalesce(title, "
        "parse_filename(path))) AS name "
        "FROM page_tracks WHERE is_described) JOIN library USING (path, content_hash) "
        f"GROUP BY content_hash ORDER BY content_hash LIMIT {MAP_RECORDINGS}"
    ).fetchnumpy()
    names, vectors = found.values()
    return MappedRecordings(
        [str(name) for name in names],
        np.array([*vectors], np.float32).reshape(len(names), -1),
    )


def midi_by_category(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Count MIDI files by category, most first."""
    return _rows(
        connection,
        "SELECT coalesce(category, 'none'), count(*) FROM page_midi GROUP BY ALL ORDER BY 2 DESC, 1",
    )


def midi_packs(connection: duckdb.DuckDBPyConnection, most: int) -> list[tuple[str, int, int]]:
    """Count MIDI files by the archive or folder that they are in: (pack, files, copies elsewhere)."""
    return _rows(
        connection,
        "SELECT CASE WHEN contains(path, '!') THEN parse_filename(split_part(path, '!', 1)) "
        "ELSE coalesce(parse_path(path)[-2], '') END AS pack, count(*), sum(copies - 1)::BIGINT "
        f"FROM page_midi GROUP BY pack ORDER BY 2 DESC, 1 LIMIT {most}",
    )


def midi_totals(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Give the notes and seconds of all MIDI files."""
    ((notes, seconds),) = _rows(
        connection,
        "SELECT coalesce(sum(notes), 0)::BIGINT, coalesce(sum(seconds::DECIMAL(18, 3)), 0)::BIGINT FROM "
        "page_midi",
    )
    return notes, seconds


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()
