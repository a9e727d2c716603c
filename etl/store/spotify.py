"""The names that Spotify has given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def known_names(connection: duckdb.DuckDBPyConnection, kind: str) -> pl.DataFrame:
    """Read ``id`` and ``name`` of all artists or tracks whose name is known."""
    names: pl.DataFrame = connection.sql(f"SELECT id, name FROM spotify_{kind}s WHERE name IS NOT NULL").pl()
    return names
