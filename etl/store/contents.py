"""What a store holds: its tables, its sources of chord songs, and who wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class TableInfo:
    """A table and how many rows it has."""

    name: str
    rows: int


@dataclass(frozen=True)
class SourceInfo:
    """A source of chord songs.

    Attributes
    ----------
    source_id
        Its number.
    path
        The file, as stored.
    songs
        Songs that came of it.
    run_id
        The run that read it.
    is_current
        Whether it is one of the current set: the sources of the latest build.
    """

    source_id: int
    path: str
    songs: int
    run_id: int
    is_current: bool


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds.

    Attributes
    ----------
    path, size_bytes
        The file.
    tables
        Each table.
    sources
        Each source of chord songs.
    migration
        Number of the latest migration.
    etl_version
        Version that ran last, or None if none did.
    duckdb_version
        Version that reads it.
    """

    path: Path
    size_bytes: int
    tables: tuple[TableInfo, ...]
    sources: tuple[SourceInfo, ...]
    migration: int
    etl_version: str | None
    duckdb_version: str


def describe_store(connection: duckdb.DuckDBPyConnection, path: Path) -> StoreInfo:
    """Count what the store at ``path`` holds."""
    names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    migration, version = connection.execute(
        "SELECT (SELECT max(version) FROM schema_migrations), "
        "(SELECT version FROM runs ORDER BY run_id DESC LIMIT 1)"
    ).fetchall()[0]
    return StoreInfo(
        path=path,
        size_bytes=path.stat().st_size,
        tables=tuple(
            TableInfo(name, connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
            for (name,) in names
        ),
        sources=tuple(
            SourceInfo(*row)
            for row in connection.execute(
                "SELECT source_id, path, songs, run_id, built_in = max(built_in) OVER () "
                "FROM sources ORDER BY source_id"
            ).fetchall()
        ),
        migration=migration,
        etl_version=version,
        duckdb_version=duckdb.__version__,
    )
