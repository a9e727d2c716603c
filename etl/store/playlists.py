"""Lists that are kept: what was asked for, and the tracks as they were, for later lists to avoid."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.runtime.errors import EtlError
from etl.runtime.limits import LIMITS
from etl.store.connection import StoreBusyError
from etl.store.database import latest_migration, open_store, transaction
from etl.store.frames import insert, read_frame
from etl.store.journal import add_burst
from etl.store.run_lock import RunLockedError
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

TRACK_SCHEMA: Final[dict[str, Any]] = {
    "track_id": pl.String,
    "path": pl.String,
    "artist": pl.String,
    "title": pl.String,
    "album": pl.String,
    "duration_s": pl.Float64,
    "bpm": pl.Float32,
    "key_name": pl.String,
    "camelot": pl.String,
    "loudness_lufs": pl.Float32,
    "isrc": pl.String,
    "musicbrainz_recordingid": pl.String,
    "transition": pl.Float32,
    "terms": pl.List(pl.Float32),
}
"""Columns of a frame of tracks, in order of the list: those of the table but the list and the position."""


def keep_playlist(database: Path, made: Mapping[str, Any], tracks: pl.DataFrame) -> int | None:
    """Keep a list, in one burst.

    Where a run writes to the store, or somebody reads it, the list waits in the journal.

    Parameters
    ----------
    database
        The store.
    made
        Columns of table ``playlists`` but the number.
    tracks
        Columns of `TRACK_SCHEMA`, in order.

    Returns
    -------
    int or None
        The number of the list; None while it waits.

    Raises
    ------
    EtlError
        If it can be written nowhere.
    """
    write = Write("etl.store.playlists:write_playlist", frames={"tracks": tracks}, values=dict(made))
    try:
        with open_store(database, limits=replace(LIMITS, patience_s=0.0)) as connection:
            with transaction(connection):
                write(connection)
            return last_playlists(connection, 1)[0]
    except (RunLockedError, StoreBusyError):
        with suppress(EtlError):  # the run that holds it may just have removed the journal
            add_burst(database, [write], latest_migration())
            return None
        add_burst(database, [write], latest_migration())
        return None


def write_playlist(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`keep_playlist` says."""
    number = connection.execute("SELECT coalesce(max(playlist_id), 0) + 1 FROM playlists").fetchall()[0][0]
    connection.execute(
        "INSERT INTO playlists BY NAME SELECT $number AS playlist_id, $made_at::TIMESTAMPTZ AS made_at, "
        "$basis AS basis, $request AS request, $preset AS preset, $output AS output, $tracks AS tracks, "
        "$seconds AS seconds, $mean AS mean, $dearest AS dearest, $unlike AS unlike, "
        "$terms::VARCHAR[] AS terms",
        {**values, "number": number},
    )
    rows = frames["tracks"].with_row_index("position", offset=1)
    insert(connection, "playlist_tracks", rows.with_columns(playlist_id=pl.lit(number, pl.Int64)))


def last_playlists(connection: duckdb.DuckDBPyConnection, count: int) -> list[int]:
    """Give the numbers of the last lists, newest first."""
    rows = connection.execute(
        "SELECT playlist_id FROM playlists ORDER BY playlist_id DESC LIMIT ?", [count]
    ).fetchall()
    return [number for (number,) in rows]


def kept_playlists(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read what is known of all lists, newest first: columns of table ``playlists``."""
    found: pl.DataFrame = read_frame(connection.sql("FROM playlists ORDER BY playlist_id DESC"))
    return found


def kept_playlist(
    connection: duckdb.DuckDBPyConnection, number: int
) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Read a list and its tracks (columns of `TRACK_SCHEMA`, in order); None where there is none."""
    made: pl.DataFrame = read_frame(
        connection.sql("FROM playlists WHERE playlist_id = $number", params={"number": number})
    )
    if made.is_empty():
        return None
    tracks: pl.DataFrame = read_frame(
        connection.sql(
            "SELECT * EXCLUDE (playlist_id, position) FROM playlist_tracks WHERE playlist_id = $number "
            "ORDER BY position",
            params={"number": number},
        )
    )
    return made.row(0, named=True), tracks


def tracks_of_playlists(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> set[str]:
    """Give the ids of the tracks of some lists."""
    rows = connection.execute(
        "SELECT DISTINCT track_id FROM playlist_tracks WHERE playlist_id IN (SELECT unnest(?::BIGINT[]))",
        [list(numbers)],
    ).fetchall()
    return {track_id for (track_id,) in rows}
