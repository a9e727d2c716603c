"""Open the DuckDB file: one writer, many readers, migrated to this version's tables."""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from etl.runtime.disk.hashing import text_hash
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.resources import resource
from etl.store.connection import connect_store
from etl.store.journal import burst_id, read_burst, remove_journal, sync_journal, waiting_bursts
from etl.store.run_lock import run_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from etl.store.journal import Burst

_FIRST_VIEW: Final = "songs_current"  # others look at its songs


@contextmanager
def open_store(path: Path, *, limits: Limits = LIMITS) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for writing, making or migrating it as needed.

    Results that wait in its journal are merged first.

    Raises
    ------
    EtlError
        If another run writes to it, another process holds the file for longer than ``limits.patience_s``,
        it is no store, or it was written by a newer version.
    """
    check_writable(path)
    with (
        run_lock(path, shlex.join(sys.orig_argv)),
        connect_store(path, read_only=False, limits=limits) as connection,
    ):
        bring_up_to_date(connection, path)
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
    mended
        What was wrong with its views, which were made again.
    """

    path: Path
    applied: tuple[int, ...]
    mended: tuple[str, ...] = ()


def upgrade_store(path: Path) -> Upgrade:
    """Make the store, or bring it to this version's tables and views.

    Raises
    ------
    EtlError
        As :func:`open_store`.
    """
    check_writable(path)
    with (
        run_lock(path, shlex.join(sys.orig_argv)),
        connect_store(path, read_only=False, limits=LIMITS) as connection,
    ):
        applied = bring_up_to_date(connection, path)
        problems = view_problems(connection)
        if problems:
            connection.execute("DROP MACRO views_version")
            create_views(connection, "VIEW")
        return Upgrade(path, tuple(applied), tuple(problems))


def bring_up_to_date(connection: duckdb.DuckDBPyConnection, path: Path) -> list[int]:
    """Merge what waits in the journal, then migrate; give the numbers of the migrations."""
    merge_journal(connection, path)
    applied = migrate(connection, path)
    create_views(connection, "VIEW")
    if applied:
        _comment_on_tables(connection)
    return applied


@contextmanager
def read_store(
    path: Path, *, limits: Limits = LIMITS, alone: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for reading, with what ended runs have left in its journal, if nobody holds it now.

    ``alone`` is for statements of users (:func:`etl.store.connection.connect_store`).

    Raises
    ------
    EtlError
        If there is none, another process holds it for longer than ``limits.patience_s``, or its tables are of
        another version.
    """
    if not path.is_file():
        raise EtlError(
            f"there is no store at {path}.",
            "Pass --db PATH, or make one: `etl build data3`, `etl library run` and `etl midi run` do.",
        )
    if waiting_bursts(path):
        _merge_at_once(path, limits)
    with connect_store(path, read_only=True, limits=limits, alone=alone) as connection:
        missing = _known_versions() - applied_versions(connection, path)
        if missing:
            raise EtlError(f"{path} has tables of an older version.", f"Run `etl db migrate --db {path}`.")
        create_views(connection, "TEMP VIEW")  # those in the file may be of an older version
        yield connection


@contextmanager
def read_store_or_empty(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for reading, or an empty one in memory where there is none yet.

    Raises
    ------
    EtlError
        As :func:`read_store`.
    """
    if path.exists():
        with read_store(path) as connection:
            yield connection
    else:
        with closing(duckdb.connect()) as connection:
            migrate(connection, path)
            yield connection


def _merge_at_once(path: Path, limits: Limits) -> None:
    """Merge the journal, unless a run is at it or the file is held: then that is for others to do."""
    at_once = replace(limits, patience_s=0.0)
    with (
        suppress(EtlError, OSError),
        run_lock(path, shlex.join(sys.orig_argv)),
        connect_store(path, read_only=False, limits=at_once) as connection,
    ):
        merge_journal(connection, path)


@cache  # each burst that is kept in the journal names the last
def _migrations() -> Mapping[int, Path]:
    return {int(file.name[:4]): file for file in sorted(resource("sql/migrations").glob("[0-9]*.sql"))}


def _known_versions() -> set[int]:
    return set(_migrations())


def latest_migration() -> int:
    """Give the number of the last migration that this version knows."""
    return max(_known_versions())


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
            "Install a newer music-etl (`pip install .` in its source folder), or pass another --db PATH.",
            exit_code=ExitCode.BAD_DATA,
        )
    return applied


def migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> list[int]:
    """Apply the migrations that the file lacks, all in one transaction; give their numbers."""
    applied = applied_versions(connection, path)
    pending = {version: file for version, file in _migrations().items() if version not in applied}
    if not pending:
        return []
    with transaction(connection), nullcontext() if applied else _optimizer_off(connection):
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"
        )
        for version, file in pending.items():
            connection.execute(file.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO schema_migrations VALUES (?, ?, now())", [version, file.stem])
    return sorted(pending)


def merge_journal(
    connection: duckdb.DuckDBPyConnection, path: Path, *, keep: bool = False, seconds: float | None = None
) -> None:
    """Write what waits in the journal of a store, each burst in a transaction of its own and exactly once.

    Parameters
    ----------
    connection
        The store, open for writing, or a copy of it.
    path
        The store.
    keep
        Leave the journal as it is: ``connection`` is a copy.
    seconds
        Stop after so many, once a burst is written; None for all bursts.

    Raises
    ------
    EtlError
        If a burst cannot be read, is meant for a store of another version, or cannot be written. It stays.
    """
    waiting = waiting_bursts(path)
    if waiting:
        migration = max(applied_versions(connection, path), default=0)
        _check_version(read_burst(waiting[0]), migration)
        if not keep:
            sync_journal(path)
            _forget_merged(connection, {burst_id(file) for file in waiting})
        known = {name for (name,) in connection.execute("SELECT burst_id FROM merged_bursts").fetchall()}
        until = math.inf if seconds is None else time.monotonic() + seconds
        for file in waiting:
            if burst_id(file) not in known:
                _merge(connection, read_burst(file), migration)
            if not keep:
                file.unlink()
            if time.monotonic() > until:
                break
    if not keep:
        remove_journal(path)


def _forget_merged(connection: duckdb.DuckDBPyConnection, waiting: set[str]) -> None:
    """Forget merged bursts whose files are gone for good."""
    connection.execute("DELETE FROM merged_bursts WHERE burst_id NOT IN (SELECT unnest(?))", [list(waiting)])


def _check_version(burst: Burst, migration: int) -> None:
    if burst.migration != migration:
        raise EtlError(
            f"results wait in {burst.path.parent} for a store of migration {burst.migration}, but the store "
            f"has migration {migration}.",
            f"Merge them with music-etl {burst.version} (`etl db migrate`) and the store that they are meant "
            "for. Nothing was deleted.",
        )


def _merge(connection: duckdb.DuckDBPyConnection, burst: Burst, migration: int) -> None:
    _check_version(burst, migration)
    try:
        with transaction(connection):
            for write in burst.writes:
                write(connection)
            connection.execute("INSERT INTO merged_bursts VALUES (?, now())", [burst_id(burst.path)])
    except (duckdb.ProgrammingError, duckdb.IntegrityError, duckdb.DataError) as error:
        raise EtlError(
            f"results that wait in {burst.path} do not fit into the store: {error}", "Nothing was deleted."
        ) from error


@cache
def _views() -> tuple[Mapping[str, str], str]:
    """Read the views of this version; give what says that a file has them as well."""
    files = sorted(resource("sql/views").glob("*.sql"), key=lambda path: (path.stem != _FIRST_VIEW, path))
    views = {path.stem: path.read_text(encoding="utf-8") for path in files}
    return views, text_hash("".join(views.values()))


def create_views(
    connection: duckdb.DuckDBPyConnection, kind: str, others: Mapping[str, str] | None = None
) -> None:
    """Make the views of this version: ``VIEW`` in the file, ``TEMP VIEW`` in front of those in the file.

    Nothing is done where the file has those of this version, which its macro ``views_version()`` says.
    ``others`` are queries that some of the views stand for instead.
    """
    views, version = _views()
    if not others and has_views(connection):
        return
    changed = {name: f"CREATE OR REPLACE VIEW {name} AS {sql}" for name, sql in (others or {}).items()}
    # Those who only read may have locked what can be set.
    with transaction(connection), _optimizer_off(connection) if kind == "VIEW" else nullcontext():
        for sql in {**views, **changed}.values():
            connection.execute(sql.replace("CREATE OR REPLACE VIEW", f"CREATE OR REPLACE {kind}"))
        if kind == "VIEW":
            connection.execute(f"CREATE OR REPLACE MACRO views_version() AS '{version}'")
            connection.execute("COMMENT ON TABLE schema_migrations IS 'Migrations that were applied.'")


def has_views(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file says that it has the views of this version.

    To ask for a comment instead of a macro would have DuckDB load all tables, for 10 ms.
    """
    try:
        ((version,),) = connection.execute("SELECT views_version()").fetchall()
    except duckdb.CatalogException:
        return False
    return bool(version == _views()[1])


def view_problems(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Name the views that somebody has dropped, or made with other columns; not those of another version."""
    if not has_views(connection):
        return []
    has, due = _view_columns(connection), _due_views()
    return [
        f"the view {name} {'has other columns' if name in has else 'is missing'}"
        for name, columns in sorted(due.items())
        if has.get(name) != columns
    ]


@cache
def _due_views() -> Mapping[str, list[str]]:
    with closing(duckdb.connect()) as empty:
        migrate(empty, Path())
        create_views(empty, "VIEW")
        return _view_columns(empty)


def _view_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    rows = connection.execute(
        "SELECT table_name, list(column_name || ' ' || data_type ORDER BY column_index) "
        "FROM duckdb_columns() WHERE database_name = current_database() "
        "AND table_name IN (SELECT view_name FROM duckdb_views() WHERE NOT internal) GROUP BY table_name"
    ).fetchall()
    return dict(rows)


@contextmanager
def _optimizer_off(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Spare statements that only define something a tenth of their time."""
    connection.execute("PRAGMA disable_optimizer")
    yield
    connection.execute("PRAGMA enable_optimizer")


def _comment_on_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Say in the file itself what its tables and columns are, as ``schemas/`` does."""
    comments = []
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        path = resource("schemas") / f"{table}.json"
        if path.is_file():
            schema = json.loads(path.read_text(encoding="utf-8"))
            comments.append(f"COMMENT ON TABLE {table} IS {_quoted(schema['description'])}")
            comments += (
                f'COMMENT ON COLUMN {table}."{field["name"]}" IS {_quoted(field["description"])}'
                for field in schema["fields"]
            )
    with transaction(connection), _optimizer_off(connection):
        connection.execute(";".join(comments))  # one by one they take half as long again


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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
