"""Statements that only read, of users or named queries: restricted, watched, rows shown or written."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import duckdb

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.signals import INTERRUPTED
from etl.store.connection import is_damage, is_interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from etl.store.queries import Value

_LOOK_SECONDS: Final = 0.25


class Format(StrEnum):
    """File formats of a result."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def plain_value(text: str) -> Value:
    """Read a value for SQL that declares no types: a JSON number, boolean or null, else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if value is None or isinstance(value, int | float) else text


def restrict(connection: duckdb.DuckDBPyConnection, output: Path) -> None:
    """Let a connection touch no file but the store and one to write to: no ATTACH, no network either."""
    connection.execute("SET allowed_paths = [$1]", [str(output)])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def select(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Value]
) -> duckdb.DuckDBPyRelation:
    """Prepare SQL for :func:`first_rows` or :func:`write_rows`, each of which runs it.

    Raises
    ------
    EtlError
        If the SQL or its values do not fit the store.
    """
    with _errors_explained():
        relation = connection.sql(sql, params=dict(values) or None)
    if relation is None:
        raise EtlError(
            "the statement returns no rows.", "Give one that does: 'SELECT ...'.", exit_code=ExitCode.USAGE
        )
    return relation


@contextmanager
def progress_told(connection: duckdb.DuckDBPyConnection, tell: Callable[[float], None]) -> Iterator[None]:
    """Tell how far the queries of a connection are while they run, and end them when that is wanted.

    DuckDB loses an interruption that comes just as a query begins, and works on.

    Parameters
    ----------
    connection
        Runs them; not yet restricted (:func:`restrict`).
    tell
        Called by another thread several times a second with a percentage above 0, where DuckDB knows it: of
        a query that works on something that it has to collect first, it does not.
    """
    for setting in (
        "enable_progress_bar = true",
        "enable_progress_bar_print = false",
        "progress_bar_time = 0",
    ):
        connection.execute(f"SET {setting}")
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(_LOOK_SECONDS):
            if INTERRUPTED.is_set():
                connection.interrupt()
            elif (percent := connection.query_progress()) > 0:
                tell(percent)

    thread = threading.Thread(target=look, name="query-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def first_rows(relation: duckdb.DuckDBPyRelation, limit: int) -> list[tuple[str | None, ...]]:
    """Run a query and give its first rows, each value as the database writes it."""
    with _errors_explained():
        return relation.limit(limit).select("CAST(COLUMNS(*) AS VARCHAR)").fetchall()


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation,
    path: Path,
    file_format: Format,
) -> None:
    """Run a query and write all its rows to a file (CSV with a header, a JSON array, or Parquet)."""
    options = {Format.CSV: "FORMAT csv, HEADER", Format.JSON: "FORMAT json, ARRAY"}
    target = str(path).replace("'", "''")
    with _errors_explained():
        connection.register("rows_to_write", relation)
        connection.execute(
            f"COPY (FROM rows_to_write) TO '{target}' "
            f"({options.get(file_format, 'FORMAT parquet')}, USE_TMP_FILE false)"
        )


@contextmanager
def _errors_explained() -> Iterator[None]:
    try:
        yield
    except duckdb.IOException:
        raise  # of the disk, not of the query
    except duckdb.Error as error:
        if is_damage(error) or is_interruption(error):
            raise  # of the file, or by the user
        raise _query_error(error) from error


def _query_error(error: duckdb.Error) -> EtlError:
    text = str(error).partition("\n\nStack Trace")[0].strip()
    if "read-only mode" in text:
        return EtlError(
            "a query cannot change the store.",
            "Give a statement that only reads: 'SELECT ...'.",
            exit_code=ExitCode.USAGE,
        )
    if isinstance(error, duckdb.PermissionException):
        return EtlError(
            f"a query reads the store and nothing else: {text.removeprefix('Permission Error: ')}",
            "Pass --allow-files to let it read and write files.",
            exit_code=ExitCode.USAGE,
        )
    if "Values were not provided" in text:
        return EtlError(text, "Pass each with --param NAME=VALUE.", exit_code=ExitCode.USAGE)
    if "excess parameters" in text or "argument count mismatch" in text:
        return EtlError(
            text, "The SQL does not use them; it names its parameters $NAME.", exit_code=ExitCode.USAGE
        )
    if isinstance(error, duckdb.InternalException):
        return EtlError(
            text, "This is a fault of DuckDB. Write one of the joins as `WITH name AS MATERIALIZED (...)`."
        )
    return EtlError(
        text,
        '`etl query "SELECT table_name, column_name FROM duckdb_columns()"` shows what there is.',
        exit_code=ExitCode.USAGE,
    )
