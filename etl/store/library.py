"""The audio library in the store: files, tracks and sonic descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    import duckdb

SONIC_TASK: Final = "sonic"

PRESENT: Final = "gone_at IS NULL AND kind IS NOT NULL AND problem IS NULL"
"""SQL condition on ``files``: a track that is there."""

FILE_SCHEMA: Final = {"path": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64}
"""A file as found on disk."""

KNOWN_SCHEMA: Final = {**FILE_SCHEMA, "track_id": pl.String, "kind": pl.String, "content_hash": pl.String}
"""A file as the store knows it."""


def known_files(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the files that were there at the last scan; columns of :data:`KNOWN_SCHEMA`."""
    columns = ", ".join(KNOWN_SCHEMA)
    known: pl.DataFrame = connection.sql(f"SELECT {columns} FROM files WHERE gone_at IS NULL").pl()
    return known


def put_files(connection: duckdb.DuckDBPyConnection, files: pl.DataFrame, tracks: pl.DataFrame) -> None:
    """Store new or changed files and the tags of those that are tracks, in place of what was there.

    Parameters
    ----------
    connection
        The store, open for writing, in a transaction.
    files
        Columns of table ``files`` but the times.
    tracks
        Columns of table ``tracks``.
    """
    _replace(connection, "tracks", "track_id", files.select("track_id"))
    rows = files.to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE seen AS SELECT path, first_seen FROM files WHERE path IN "
        "(SELECT path FROM rows)"
    )
    _replace(connection, "files", "path", files.select("path"))
    connection.execute(
        "INSERT INTO files BY NAME SELECT rows.*, coalesce(seen.first_seen, now()) AS first_seen "
        "FROM rows LEFT JOIN seen USING (path)"
    )
    tags = tracks.to_arrow()  # noqa: F841 (read by name)
    connection.execute("INSERT INTO tracks BY NAME SELECT * FROM tags")


def move_files(connection: duckdb.DuckDBPyConnection, moves: pl.DataFrame) -> None:
    """Give moved files their new place; ``moves`` has ``old_path``, ``path``, ``mtime_ns``.

    A file that was in the new place before, and is gone, gives way with its tags.
    """
    rows = moves.to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM tracks WHERE track_id IN "
        "(SELECT track_id FROM files WHERE path IN (SELECT path FROM rows))"
    )
    connection.execute("DELETE FROM files WHERE path IN (SELECT path FROM rows)")
    connection.execute(
        "UPDATE files SET path = rows.path, mtime_ns = rows.mtime_ns, gone_at = NULL FROM rows "
        "WHERE files.path = rows.old_path"
    )


def mark_gone(connection: duckdb.DuckDBPyConnection, paths: pl.Series) -> None:
    """Mark files that are no more; their tags and features stay."""
    rows = paths.to_frame("path").to_arrow()  # noqa: F841 (read by name)
    connection.execute("UPDATE files SET gone_at = now() WHERE path IN (SELECT path FROM rows)")


def put_hashes(connection: duckdb.DuckDBPyConnection, hashes: pl.DataFrame) -> None:
    """Store content hashes; ``hashes`` has ``path`` and ``content_hash``."""
    rows = hashes.to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "UPDATE files SET content_hash = rows.content_hash FROM rows WHERE files.path = rows.path"
    )


def put_sonic(connection: duckdb.DuckDBPyConnection, features: pl.DataFrame) -> None:
    """Store sonic descriptions in place of what was there for the same content, mode and older versions."""
    rows = features.to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM sonic_features AS old USING rows WHERE old.content_hash = rows.content_hash AND "
        "(old.version = rows.version OR split_part(old.version, '.', 1) <> split_part(rows.version, '.', 1))"
    )
    connection.execute("INSERT INTO sonic_features BY NAME SELECT * FROM rows")


def _replace(connection: duckdb.DuckDBPyConnection, table: str, key: str, keys: pl.DataFrame) -> None:
    """Remove the rows that are about to be written again."""
    gone = keys.to_arrow()  # noqa: F841 (read by name)
    connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM gone)")
