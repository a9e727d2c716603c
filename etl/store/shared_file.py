"""The file of a store under a long run: open for one burst or one look, the journal where others hold it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import duckdb

from etl.store.connection import StoreBusyError, attach, configure, detach, errors_explained
from etl.store.copy import StoreCopy
from etl.store.database import (
    bring_up_to_date,
    latest_migration,
    merge_journal,
    read_store,
    transaction,
)
from etl.store.journal import add_burst, append_writes, waiting_bursts
from etl.store.writes import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from etl.runtime.limits import Limits
    from etl.store.writes import Write

    Group = Sequence[Write]

_KEPT_TOGETHER: Final = 32
"""Groups of writes with frames that are kept in one file of the journal; each has it written again."""

_APPENDED: Final = 2000
"""Groups of writes without frames that are kept in one file; each takes one flush."""

_WRITTEN_TOGETHER: Final = 16
"""Groups of writes that are written between two looks at the clock, those that add up as one."""


@dataclass(frozen=True)
class _Kept:
    """A file of the journal, what is in it where that has frames, and of how many groups that is."""

    path: Path
    writes: Sequence[Write]
    groups: int


class SharedFile:
    """Writes groups of writes, each whole or not at all, and is read; never open in between.

    For two threads: one that writes and keeps, one that reads.

    Parameters
    ----------
    database
        The store.
    limits
        How long it is open, and how long another process is waited for.
    """

    def __init__(self, database: Path, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._copy = StoreCopy(database)
        self._use = threading.RLock()  # held by whoever of this process has the file open
        self._memory: duckdb.DuckDBPyConnection | None = None  # that files are attached to: 20 ms to make
        self._held_since: float | None = None  # by another process, as far as is known
        self._last_kept: _Kept | None = None  # nobody has merged or copied it; for whoever holds the file

    def bring_up_to_date(self) -> None:
        """Make or migrate the store; where it is held it can be read, or copied, if it is of this version."""
        try:
            with self._opened() as connection:
                bring_up_to_date(connection, self._database)
        except StoreBusyError:
            self._held_since = time.monotonic()

    def close(self) -> None:
        """Let go of what was kept between two uses."""
        if self._memory is not None:
            self._memory.close()

    @property
    def is_held(self) -> bool:
        """Whether another process holds the file, as far as is known."""
        return self._held_since is not None

    @property
    def is_held_long(self) -> bool:
        """Whether it is held for longer than a query takes."""
        return self._held_since is not None and time.monotonic() >= self._held_since + self._limits.patience_s

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the store for reading, with what waits in the journal; where it is held, a copy of it.

        Raises
        ------
        EtlError
            If it cannot be read.
        """
        with self._use, ExitStack() as stack:
            self._last_kept = None
            try:
                if waiting_bursts(self._database):
                    with self._opened() as connection:
                        merge_journal(connection, self._database)
                connection = stack.enter_context(self._opened(read_only=True))
            except StoreBusyError as error:
                if error.is_here:
                    raise
                connection = stack.enter_context(read_store(self._copy.refresh()))
            yield connection

    def write(self, groups: Sequence[Group]) -> int:
        """Write to the store after what waits in the journal; where that cannot be, to the journal.

        Gives how many groups are kept, from the first on: the others would keep the file too long.
        """
        written = self._write_to_store(groups)
        return self._write_to_journal(groups) if written is None else written

    def keep(self, groups: Sequence[Group]) -> None:
        """Write to the journal until the next burst, to its last file if that is small: many merge slowly."""
        if self._use.acquire(blocking=False):
            try:
                self._add_to_last_kept(groups)
            finally:
                self._use.release()
        else:  # the run reads, and may merge what waits
            self._write_to_journal(groups)

    def _write_to_journal(self, groups: Sequence[Group]) -> int:
        if groups:
            self._last_kept = None
            add_burst(self._database, _writes(groups), latest_migration())
        return len(groups)

    def _add_to_last_kept(self, groups: Sequence[Group]) -> None:
        writes, number, path, last = joined(_writes(groups)), len(groups), None, self._last_kept
        has_frames = any(write.frames for write in writes)
        if last is not None and not (last.writes or has_frames) and last.groups + number <= _APPENDED:
            append_writes(last.path, writes)
            self._last_kept = replace(last, groups=last.groups + number)
            return
        if last is not None and last.writes and last.groups + number <= _KEPT_TOGETHER:
            writes, has_frames = joined([*last.writes, *writes]), True
            number, path = last.groups + number, last.path
        path = add_burst(self._database, writes, latest_migration(), in_place_of=path)
        self._last_kept = _Kept(path, writes if has_frames else (), number)

    def _write_to_store(self, groups: Sequence[Group]) -> int | None:
        """Give how many groups are written, None where none can be before the file is free."""
        if not self._use.acquire(blocking=False):  # the run reads
            return None
        try:
            with self._opened() as connection:
                self._last_kept = None
                merge_journal(connection, self._database, seconds=self._limits.hold_s)
                written = None if waiting_bursts(self._database) else self._write_groups(connection, groups)
        except StoreBusyError:
            if self._held_since is None:
                self._held_since = time.monotonic()
            return None
        finally:
            self._use.release()
        self._held_since = None
        return written

    def _write_groups(self, connection: duckdb.DuckDBPyConnection, groups: Sequence[Group]) -> int:
        written, until = 0, time.monotonic() + self._limits.hold_s
        with transaction(connection):
            while written < len(groups) and time.monotonic() < until:
                together = groups[written : written + _WRITTEN_TOGETHER]
                for write in joined(_writes(together)):
                    write(connection)
                written += len(together)
        return written

    @contextmanager
    def _opened(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._memory is None:
            self._memory = duckdb.connect()
            configure(self._memory)
        with errors_explained(self._database):
            attach(self._memory, self._database, read_only=read_only)
            try:
                yield self._memory
                detach(self._memory)
            except BaseException:
                self._memory.close()
                self._memory = None
                raise


def _writes(groups: Sequence[Group]) -> list[Write]:
    return [write for group in groups for write in group]
