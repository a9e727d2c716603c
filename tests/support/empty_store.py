"""An empty store, made once by each process and written down again: making one runs all migrations."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from etl.store import connection
from etl.store.database import open_store
from etl.store.shared_file import SharedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

    from etl.store.instances import Instance

_CONNECT = connection._connected
_BRING_UP_TO_DATE = SharedFile.bring_up_to_date


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.duckdb"
        with open_store(path):
            pass
        return path.read_bytes()


def empty_store(path: Path) -> Path:
    """Write an empty store, unless there is a file already; give its path."""
    if not path.exists():
        path.write_bytes(_content())
    return path


@contextmanager
def new_stores_are_copies() -> Iterator[None]:
    """Have a command of this process that makes a store begin with a copy of an empty one.

    To run all migrations takes 0.3 s; what a command finds afterwards is the same.
    """
    _content()

    def connect_to_copy(path: Path, *, read_only: bool) -> Instance:
        if not read_only:
            with suppress(OSError):  # which the store itself will meet
                empty_store(path)
        return _CONNECT(path, read_only=read_only)

    def bring_copy_up_to_date(file: SharedFile, *first: Callable[[DuckDBPyConnection], None] | None) -> None:
        with suppress(OSError):
            empty_store(file._database)
        _BRING_UP_TO_DATE(file, *first)

    with (
        patch.object(connection, "_connected", connect_to_copy),
        patch.object(SharedFile, "bring_up_to_date", bring_copy_up_to_date),
    ):
        yield


@contextmanager
def new_stores_run_migrations() -> Iterator[None]:
    """Have new stores made as outside of tests."""
    with (
        patch.object(connection, "_connected", _CONNECT),
        patch.object(SharedFile, "bring_up_to_date", _BRING_UP_TO_DATE),
    ):
        yield
