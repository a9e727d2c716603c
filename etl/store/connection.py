"""Connect to the DuckDB file, wait a little where another process has it open, explain what goes wrong."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import duckdb

from etl.runtime.errors import EtlError, ExitCode
from etl.store.instances import Instance, configure
from etl.store.run_lock import Holder, locked_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from etl.runtime.limits import Limits

Connected = TypeVar("Connected")

ROW_GROUP: Final = 32_768
"""Rows that are compressed and written together. Inserts of this many rows are written while the next are
made; of fewer, or into larger groups, only when the transaction commits, all at once."""

STORAGE_VERSION: Final = "v1.2.0"
"""Oldest DuckDB that reads the store: R, Java and many tools are at 1.x."""

_PID: Final = re.compile(r"PID (\d+)")
_BUSY: Final = ("Could not set lock", "already attached", "different configuration than existing")
"""What DuckDB says where another process, or another part of this one, has the file open."""

_DAMAGED: Final = (
    "Corrupt database file", "does not match stored checksum", "Could not read enough bytes",
    "Failed to load metadata pointer",
)  # fmt: skip
"""What DuckDB says where bytes of the file have changed, or are missing."""


class StoreBusyError(EtlError):
    """The file of the store is open elsewhere.

    Parameters
    ----------
    message, hint
        As of any error.
    is_here
        Whether it is this process that has it open.
    """

    def __init__(self, message: str, hint: str, *, is_here: bool = False) -> None:
        super().__init__(message, hint, exit_code=ExitCode.PARKED)
        self.is_here = is_here


@contextmanager
def connect_store(
    path: Path, *, read_only: bool, limits: Limits, alone: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the file, whatever is in it; wait a while if another process has it open.

    ``alone`` reads with a DuckDB that is opened for the file and ends with the block: for statements of
    users, who name it as DuckDB does, and for what is then reconfigured for good.

    Raises
    ------
    StoreBusyError
        If it has it open for longer than ``limits.patience_s``.
    EtlError
        If the file cannot be opened, or its disk is full.
    """
    with errors_explained(path):
        if alone:
            connection = _patiently(limits, lambda: _connect_alone(path))
            try:
                configure(connection)
                yield connection
            finally:
                connection.close()
            return
        instance = _patiently(limits, lambda: _connected(path, read_only=read_only))
        try:
            yield instance.connection
        finally:
            instance.give_back()


def _patiently(limits: Limits, connect: Callable[[], Connected]) -> Connected:
    until = time.monotonic() + limits.patience_s
    while True:
        try:
            return connect()
        except StoreBusyError:
            if time.monotonic() >= until:
                raise
        time.sleep(limits.poll_s)


def _connect_alone(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path.resolve()), read_only=True)
    except duckdb.Error as error:
        raise _open_error(path, error) from error


def _connected(path: Path, *, read_only: bool) -> Instance:
    instance = Instance()
    try:
        instance.spill_beside(path.resolve())
        attach(instance.connection, path, read_only=read_only)
    except BaseException:
        instance.give_back()
        raise
    return instance


def attach(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool = False) -> None:
    """Open the file within a connection to no file.

    A new file gets the storage version that clients of DuckDB 1.2 and later read. Without the size of row
    groups, the next checkpoint would join them to larger ones: a whole store is written again.

    Raises
    ------
    StoreBusyError
        If another process, or another part of this one, has it open.
    EtlError
        If the file cannot be opened.
    """
    quoted = str(path.resolve()).replace("'", "''")  # a link would get a log of its own beside it
    if read_only:
        options = "READ_ONLY"
    elif path.exists():
        options = f"ROW_GROUP_SIZE {ROW_GROUP}"
    else:
        options = f"ROW_GROUP_SIZE {ROW_GROUP}, STORAGE_VERSION '{STORAGE_VERSION}'"  # it cannot be lowered
    try:
        connection.execute(f"ATTACH '{quoted}' AS store (TYPE duckdb, {options})")
    except duckdb.Error as error:
        raise _open_error(path, error) from error
    connection.execute("USE store")


def detach(connection: duckdb.DuckDBPyConnection) -> None:
    """Close the file that :func:`attach` has opened."""
    connection.execute("USE memory")
    connection.execute("DETACH store")


@contextmanager
def errors_explained(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors about disk, memory and interruptions into ours.

    Raises
    ------
    EtlError
        If the disk or the memory is full.
    KeyboardInterrupt
        If the user stopped the program within a query.
    """
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EtlError(f"the database ran out of room: {error}", "Free memory or disk space.") from error
    except duckdb.Error as error:
        if is_interruption(error):  # while a frame was read
            raise KeyboardInterrupt from error
        if is_damage(error):
            raise _damage(path) from error
        if "No space left" in str(error):
            raise EtlError(
                f"no space left on the disk of {path}.",
                "Finished work is kept. Free some space, run again.",
                exit_code=ExitCode.CANNOT_WRITE,
            ) from error
        if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
            raise EtlError(
                f"{path} lacks something: {str(error).partition(chr(10))[0]}",
                f"`etl db check --db {path}` says what. `etl db migrate --db {path}` makes views again; if a "
                "table or a column is missing, restore a copy.",
                exit_code=ExitCode.BAD_DATA,
            ) from error
        raise
    except RuntimeError as error:
        if is_interruption(error):
            raise KeyboardInterrupt from error
        raise


def is_damage(error: duckdb.Error) -> bool:
    """Whether the bytes of the file are not what was written."""
    text = str(error)
    return any(said in text for said in _DAMAGED)


def _damage(path: Path) -> EtlError:
    return EtlError(
        f"{path} is damaged (checksum).",
        "Restore a copy of it, or move it away and build again.",
        exit_code=ExitCode.BAD_DATA,
    )


def is_interruption(error: BaseException) -> bool:
    """Whether the user stopped the program; DuckDB has errors of its own for that within a query."""
    text = str(error)
    return (
        isinstance(error, KeyboardInterrupt | duckdb.InterruptException)
        or "Query interrupted" in text
        or ("Python object" in text and "KeyboardInterrupt" in text)
    )


def _open_error(path: Path, error: duckdb.Error) -> EtlError:
    text = str(error)
    if any(said in text for said in _BUSY):
        if holder := _PID.search(text):
            return StoreBusyError(*locked_message(path, Holder.of_process(int(holder[1]))))
        if "Could not set lock" in text:
            return StoreBusyError(
                f"{path} is in use by another process.", "Wait for it to end, or use another --db."
            )
        return StoreBusyError(
            f"{path} is open elsewhere in this process.", "Close it there, or use another --db.", is_here=True
        )
    if is_damage(error):
        return _damage(path)
    if "not a valid DuckDB database" in text or "Serialization" in text:
        return EtlError(
            f"{path} is not a DuckDB file of this version.",
            "Pass another --db PATH.",
            exit_code=ExitCode.BAD_DATA,
        )
    return EtlError(f"cannot open {path}: {text}", "Pass another --db PATH.")
