"""DuckDB without a file, kept for the next use: to start it takes 25 ms, as long as most questions.

Each use has a connection of its own, with temporary tables and views of its own; what it attached is let go
of when it ends. One that was reconfigured for good, or has spilled to a disk, is not used again; nor is one
that had a large file, for it holds on to memory.
"""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import duckdb

if TYPE_CHECKING:
    from pathlib import Path

_MOST_IDLE: Final = 2
_LARGE_BYTES: Final = 100_000_000

_idle: list[duckdb.DuckDBPyConnection] = []
_of_parent: list[duckdb.DuckDBPyConnection] = []  # their threads are not in this process: never ended here


class Instance:
    """DuckDB without a file, for one use at a time.

    Attributes
    ----------
    connection
        A connection of this use alone.
    """

    def __init__(self) -> None:
        self.connection: duckdb.DuckDBPyConnection
        self._file: Path | None = None
        while True:
            try:
                self._root = _idle.pop()
            except IndexError:
                self._root = duckdb.connect()
            self.connection = self._root.cursor()
            try:
                configure(self.connection)
            except duckdb.Error:  # it cannot be configured any more
                self.discard()
            else:
                return

    def spill_beside(self, path: Path) -> None:
        """Have results that do not fit into memory written beside a file, as DuckDB does that opens it."""
        self._file = path
        self.connection.execute("SET temp_directory = $1", [f"{path}.tmp"])

    def give_back(self) -> None:
        """End the use; the next one may begin with what is left."""
        if self._file and self._file.exists() and self._file.stat().st_size > _LARGE_BYTES:
            self.discard()
            return
        try:
            self.connection.close()
            self._root.execute(
                "DETACH DATABASE IF EXISTS store; RESET temp_directory; RESET disabled_compression_methods"
            )  # refused where it was used
        except duckdb.Error:
            self.discard()
            return
        if len(_idle) < _MOST_IDLE:
            _idle.append(self._root)
        else:
            self._root.close()

    def discard(self) -> None:
        """End it, whatever state it is in."""
        with suppress(duckdb.Error):
            self.connection.close()
        self._root.close()


def configure(connection: duckdb.DuckDBPyConnection) -> None:
    """Set what holds for all connections of ours."""
    connection.execute(
        "SET TimeZone = 'UTC'; SET enable_progress_bar = false; RESET preserve_insertion_order"
    )


def _forget_those_of_parent() -> None:
    _of_parent.extend(_idle)
    _idle.clear()


atexit.register(_idle.clear)
os.register_at_fork(after_in_child=_forget_those_of_parent)
