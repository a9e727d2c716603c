"""A copy of the store to read from while another process holds its file and results wait in the journal."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.targets import write_error
from etl.runtime.limits import LIMITS
from etl.store.connection import StoreBusyError, connect_store
from etl.store.database import merge_journal
from etl.store.journal import COPY, journal_path

if TYPE_CHECKING:
    from pathlib import Path

_ATTEMPTS: Final = 10

_State = tuple[tuple[int, int] | None, ...]


class StoreCopy:
    """A copy of the store with its journal merged into it, made anew when the store has changed.

    It lies within the journal, which removes it, so that nothing stays behind after a kill.

    Parameters
    ----------
    database
        The store. No part of this process may have it open: the system would let go of its locks.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = journal_path(database) / COPY / database.name
        self._copied: _State | None = None

    def refresh(self) -> Path:
        """Copy the store if need be, merge what waits, and give the path of the copy.

        Raises
        ------
        EtlError
            If there is no room for it, the holder of the store writes all the time, or a burst is unusable.
        """
        if self._copied != _state(self._database) or not self._path.is_file():
            self._copied = self._copy()
        with connect_store(self._path, read_only=False, limits=LIMITS) as connection:
            merge_journal(connection, self._database, keep=True)
        return self._path

    def _copy(self) -> _State:
        try:
            for _ in range(_ATTEMPTS):
                before = _state(self._database)
                shutil.rmtree(self._path.parent, ignore_errors=True)
                self._path.parent.mkdir(parents=True)
                shutil.copyfile(self._database, self._path)
                if _log(self._database).is_file():
                    shutil.copyfile(_log(self._database), _log(self._path))
                if _state(self._database) == before:
                    return before
        except OSError as error:
            raise write_error(self._path, error) from error
        raise StoreBusyError(
            f"{self._database} is being written all the time by another process.",
            "Wait for it to end, or use another --db.",
        )


def _log(database: Path) -> Path:
    """DuckDB's log of what is committed but not in the file yet."""
    file = database.resolve()
    return file.with_name(f"{file.name}.wal")


def _state(database: Path) -> _State:
    """Size and time of the file and its log: they change when someone writes."""
    state: list[tuple[int, int] | None] = []
    for file in (database, _log(database)):
        try:
            found = file.stat()
        except FileNotFoundError:
            state.append(None)
        else:
            state.append((found.st_size, found.st_mtime_ns))
    return tuple(state)
