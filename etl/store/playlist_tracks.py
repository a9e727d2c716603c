"""Tracks for playlists: what transitions go by, of those that a condition lets through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import polars as pl

_COLUMNS: Final = (
    "track_id, content_hash, path, artist, title, album, musicbrainz_recordingid, isrc, duration_s, bpm, "
    "bpm_confidence, key, key_confidence, key_name, camelot, loudness_lufs"
)


def candidates(connection: duckdb.DuckDBPyConnection, version: str, where: str | None) -> pl.DataFrame:
    """Read the described tracks that a condition lets through, by id, with ``vector_whole``.

    Raises
    ------
    EtlError
        If the condition is not one.
    """
    import duckdb  # noqa: PLC0415 - the connection has loaded it

    condition = f"AND ({where})" if where else ""
    try:
        found: pl.DataFrame = connection.sql(
            f"SELECT {_COLUMNS}, vector_whole FROM described_tracks "
            f"WHERE version = $version {condition} ORDER BY track_id",
            params={"version": version},
        ).pl()
    except duckdb.Error as error:
        raise EtlError(
            f"--where is not a condition over the view `described_tracks`: {str(error).splitlines()[0]}",
            "Such as: genre = 'Rock' AND bpm BETWEEN 90 AND 110",
            exit_code=ExitCode.USAGE,
        ) from None
    return found


def ends_of(connection: duckdb.DuckDBPyConnection, version: str, track_ids: Sequence[str]) -> pl.DataFrame:
    """Read ``vector_start`` and ``vector_end`` of some tracks, by id."""
    found: pl.DataFrame = connection.sql(
        "SELECT track_id, vector_start, vector_end FROM described_tracks "
        "WHERE version = $version AND track_id IN (SELECT unnest($ids)) ORDER BY track_id",
        params={"version": version, "ids": list(track_ids)},
    ).pl()
    return found


def genres_of(connection: duckdb.DuckDBPyConnection, track_ids: Sequence[str]) -> pl.DataFrame:
    """Read the genres of some tracks: ``track_id``, ``name``; ordered."""
    found: pl.DataFrame = connection.sql(
        "SELECT DISTINCT track_id, name FROM track_genres "
        "WHERE track_id IN (SELECT unnest($ids)) ORDER BY track_id, name",
        params={"ids": list(track_ids)},
    ).pl()
    return found
