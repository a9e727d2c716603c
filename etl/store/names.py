"""The names that services have given, Spotify's before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.store.frames import read_frame

if TYPE_CHECKING:
    import duckdb
    import polars as pl

NAMES: Final = {
    "artist": "SELECT id, name FROM spotify_artists WHERE name IS NOT NULL UNION ALL "
    "SELECT id, name FROM musicbrainz_artists WHERE name IS NOT NULL "
    "AND id NOT IN (SELECT id FROM spotify_artists WHERE name IS NOT NULL)",
    "track": "SELECT id, name FROM spotify_tracks WHERE name IS NOT NULL",
}
"""Queries for ``id``, each once, and ``name``, by what is named."""


def known_names(connection: duckdb.DuckDBPyConnection, kind: str) -> pl.DataFrame:
    """Read ``id`` and ``name`` of all artists or tracks whose name is known."""
    return read_frame(connection.sql(NAMES[kind]))
