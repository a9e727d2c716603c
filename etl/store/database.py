"""Open the DuckDB file: one writer, many readers, migrated to this version's tables."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import duckdb

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.files import check_writable
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROW_GROUP: Final = 32_768
"""Rows that are compressed and written together. Inserts of so many rows are written while the next are
made; of fewer, or into larger groups, only when the transaction commits, all at once."""

_PID: Final = re.compile(r"PID (\d+)")


@contextmanager
def open_store(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for writing, making or migrating it as needed.

    Raises
    ------
    EtlError
        If another process holds the file, it is no store, or it was written by a newer version.
    """
    check_writable(path)
    with _connect(path, read_only=False) as connection:
        migrate(connection, path)
        _create_views(connection, "VIEW")
        yield connection


@dataclass(frozen=True)
class Upgrade:
    """What became of a store.

    Attributes
    ----------
    path
        The store.
    applied
        Numbers of the migrations that it lacked.
    """

    path: Path
    applied: tuple[int, ...]


def upgrade_store(path: Path) -> Upgrade:
    """Make the store, or bring it to this version's tables and views.

    Raises
    ------
    EtlError
        As :func:`open_store`.
    """
    check_writable(path)
    with _connect(path, read_only=False) as connection:
        applied = migrate(connection, path)
        _create_views(connection, "VIEW")
        return Upgrade(path, tuple(applied))


@contextmanager
def read_store(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for reading.

    Raises
    ------
    EtlError
        If there is none, another process is writing to it, or its tables are of another version.
    """
    if not path.is_file():
        raise EtlError(
            f"there is no store at {path}.", "Build one with `etl build data3`, or pass --db PATH."
        )
    with _connect(path, read_only=True) as connection:
        missing = _known_versions() - applied_versions(connection, path)
        if missing:
            raise EtlError(f"{path} has tables of an older version.", f"Run `etl db migrate --db {path}`.")
        _create_views(connection, "TEMP VIEW")  # those in the file may be of an older version
        yield connection


@contextmanager
def _connect(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        connection = duckdb.connect(str(path), read_only=True) if read_only else _connect_writer(path)
    except duckdb.Error as error:
        raise _open_error(path, error) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        yield connection
    except duckdb.OutOfMemoryException as error:
        raise EtlError(f"the database ran out of room: {error}", "Free memory or disk space.") from error
    except duckdb.Error as error:
        if is_interruption(error):  # while a frame was read
            raise KeyboardInterrupt from error
        if "No space left" in str(error):
            raise EtlError(
                f"no space left on the disk of {path}.",
                "Finished work is kept. Free some space, run again.",
                exit_code=ExitCode.CANNOT_WRITE,
            ) from error
        raise
    except RuntimeError as error:
        if is_interruption(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        connection.close()


def _connect_writer(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    try:
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS store (TYPE duckdb, ROW_GROUP_SIZE {ROW_GROUP})")
        connection.execute("USE store")
    except BaseException:
        connection.close()
        raise
    return connection


def second_connection(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Open another connection to a store that is open for writing, for use on another thread."""
    other = connection.cursor()
    other.execute("USE store")  # a setting of each connection
    return other


def is_interruption(error: BaseException) -> bool:
    """Whether the user stopped the program; DuckDB has errors of its own for that within a query."""
    text = str(error)
    return (
        isinstance(error, KeyboardInterrupt)
        or "Query interrupted" in text
        or ("Python object" in text and "KeyboardInterrupt" in text)
    )


def _open_error(path: Path, error: duckdb.Error) -> EtlError:
    text = str(error)
    if "lock" in text:
        holder = _PID.search(text)
        if holder is None:
            return EtlError(
                f"{path} is in use by another process.", "Wait for it to end, or use another --db."
            )
        import psutil  # noqa: PLC0415 - of use for this error alone

        pid = int(holder[1])
        try:
            started = datetime.fromtimestamp(psutil.Process(pid).create_time()).astimezone()
        except psutil.Error:
            since = ""
        else:
            since = f", started at {started:%Y-%m-%d %H:%M:%S}"
        return EtlError(
            f"{path} is locked by process {pid}{since}.",
            f"Wait for it to end, stop it with `kill {pid}` (it can be resumed), or use another --db.",
        )
    if "not a valid DuckDB database" in text or "Serialization" in text:
        return EtlError(
            f"{path} is not a DuckDB file of this version.",
            "Pass another --db PATH.",
            exit_code=ExitCode.BAD_DATA,
        )
    return EtlError(f"cannot open {path}: {text}", "Pass another --db PATH.")


def _migrations() -> dict[int, Path]:
    return {int(file.name[:4]): file for file in sorted(resource("sql/migrations").glob("[0-9]*.sql"))}


def _known_versions() -> set[int]:
    return set(_migrations())


def applied_versions(connection: duckdb.DuckDBPyConnection, path: Path) -> set[int]:
    """Numbers of the migrations that the file has.

    Raises
    ------
    EtlError
        If a newer version of the program wrote the file.
    """
    try:
        applied = {row[0] for row in connection.execute("SELECT version FROM schema_migrations").fetchall()}
    except duckdb.CatalogException as error:
        if connection.execute("SELECT 1 FROM duckdb_tables()").fetchall():
            raise EtlError(
                f"{path} is a DuckDB file of another program.",
                "Pass another --db PATH.",
                exit_code=ExitCode.BAD_DATA,
            ) from error
        return set()
    newer = applied - _known_versions()
    if newer:
        raise EtlError(
            f"{path} was written by a newer version of music-etl (migration {max(newer)}).",
            "Upgrade with `pip install --upgrade music-etl`, or pass another --db PATH.",
            exit_code=ExitCode.BAD_DATA,
        )
    return applied


def migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> list[int]:
    """Apply the migrations that the file lacks, all in one transaction; give their numbers."""
    applied = applied_versions(connection, path)
    pending = {version: file for version, file in _migrations().items() if version not in applied}
    if not pending:
        return []
    with transaction(connection):
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"
        )
        for version, file in pending.items():
            connection.execute(file.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO schema_migrations VALUES (?, ?, now())", [version, file.stem])
    return sorted(pending)


def _create_views(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Make the views of this version: ``VIEW`` in the file, ``TEMP VIEW`` in front of those in the file."""
    with transaction(connection):
        for view in sorted(resource("sql/views").glob("*.sql")):
            sql = view.read_text(encoding="utf-8")
            connection.execute(sql.replace("CREATE OR REPLACE VIEW", f"CREATE OR REPLACE {kind}"))


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
    """

    source_id: int
    path: str
    songs: int
    run_id: int


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
                "SELECT source_id, path, songs, run_id FROM sources ORDER BY source_id"
            ).fetchall()
        ),
        migration=migration,
        etl_version=version,
        duckdb_version=duckdb.__version__,
    )


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit on a clean exit, roll back on any other."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        with suppress(duckdb.Error):  # where the disk is full, the commit or the rollback itself fails
            connection.rollback()
        raise
