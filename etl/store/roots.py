"""Where scans have looked, and which drives that was on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etl.store.frames import ArrowStream, read_frame
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import polars as pl


def known_roots(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read ``path``, ``mount_point`` and ``device`` of all places that scans have looked through, by path."""
    return read_frame(connection.sql("SELECT path, mount_point, device FROM roots ORDER BY path"))


def put_roots(roots: pl.DataFrame) -> Write:
    """Store places and their drives; ``roots`` has ``path``, ``mount_point`` and ``device``."""
    return Write("etl.store.roots:write_roots", frames={"roots": roots})


def write_roots(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_roots` says."""
    rows = ArrowStream(frames["roots"])  # noqa: F841 (read by name)
    connection.execute("DELETE FROM roots WHERE path IN (SELECT path FROM rows)")
    connection.execute("INSERT INTO roots BY NAME SELECT *, now() AS scanned_at FROM rows")
