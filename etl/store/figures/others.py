"""Figures of genres, playlists, runs and rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def near_genres(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, float]]:
    """List pairs of near genres, nearest first: (genre, genre, weight 0-1)."""
    return _rows(
        connection,
        "SELECT a, b, round(weight, 3) FROM genre_similarity WHERE a < b ORDER BY weight DESC, a, b "
        "LIMIT 2000",
    )


def common_genres(connection: duckdb.DuckDBPyConnection, most: int) -> list[tuple[str, int, int]]:
    """List the genres of most tracks and songs (of the sample): (genre, tracks, songs)."""
    return _rows(
        connection,
        "SELECT name, count(DISTINCT id) FILTER (NOT is_song), count(DISTINCT id) FILTER (is_song) FROM ("
        "SELECT name, song_id::VARCHAR AS id, true AS is_song FROM song_genres "
        "UNION ALL SELECT name, track_id, false FROM track_genres SEMI JOIN page_tracks USING (track_id)"
        f") GROUP BY name ORDER BY count(DISTINCT id) DESC, name LIMIT {most}",
    )


def has_playlists(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the store keeps playlists, and has any."""
    return bool(
        _rows(connection, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'playlist_tracks'")
        and _rows(connection, "SELECT 1 FROM playlists LIMIT 1")
    )


def last_playlists(connection: duckdb.DuckDBPyConnection, most: int) -> list[tuple[int, str, int, float]]:
    """List the playlists that were made last: (number, what was asked for, tracks, mean transition)."""
    return _rows(
        connection,
        "SELECT playlist_id, request, tracks, round(mean, 3) FROM playlists "
        f"ORDER BY playlist_id DESC LIMIT {most}",
    )


def tracks_of_playlist(connection: duckdb.DuckDBPyConnection, playlist_id: int) -> list[Any]:
    """List its tracks in order: artist, title, path, bpm, key, Camelot, LUFS, transition."""
    return connection.execute(
        "SELECT artist, title, path, round(bpm, 1), key_name, camelot, round(loudness_lufs, 1), "
        "round(transition, 3) FROM playlist_tracks WHERE playlist_id = ? ORDER BY position",
        [playlist_id],
    ).fetchall()


def run_rows(connection: duckdb.DuckDBPyConnection, most: int) -> list[Any]:
    """List the last runs: number, command, how it ended, start (UTC), seconds, items in, out and rejected."""
    return _rows(
        connection,
        "SELECT run_id, command, status, strftime(started_at, '%Y-%m-%d %H:%M'), round(wall_s, 1), items_in, "
        f"items_out, items_rejected FROM runs ORDER BY run_id DESC LIMIT {most}",
    )


def reject_rows(connection: duckdb.DuckDBPyConnection, most: int) -> list[Any]:
    """Count what was refused: stage, category, how often, one of the reasons, one of the sources."""
    return _rows(
        connection,
        "SELECT stage, category, count(*), min(reason), min(source) FROM rejects "
        f"GROUP BY stage, category ORDER BY count(*) DESC, stage, category LIMIT {most}",
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()
