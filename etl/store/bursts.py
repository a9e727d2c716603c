"""How a long run writes: results gather in memory, the store is open only while a burst of them is written.

Queries and exports get in between. Where another process keeps the file open, bursts wait in the journal,
flushed to disk, and the run goes on; they are merged as soon as the file is free, at the latest by the next
command that writes. A run that is killed has lost what gathered since its last burst, and nothing else; what
must not be lost is kept in the journal until its burst.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb

from etl.runtime.disk.targets import check_writable
from etl.runtime.limits import LIMITS, Limits
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
from etl.store.run_lock import run_lock
from etl.store.runs import Run, next_run_id, run_reported
from etl.store.writes import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from etl.runtime.watch.log_file import LogFile
    from etl.store.writes import Write

_POLLS_BETWEEN: Final = 5
"""For so many attempts of a reader the file stays closed between two bursts."""

_CLOSED_TIMES: Final = 4
"""And so many times as long as the last burst took, unless the run waits for the next. Bursts take longer in
a large store, since the keys of its tables are written anew, but never more than a fifth of the time."""

_KEPT_TOGETHER: Final = 32
"""Groups of writes with frames that are kept in one file of the journal; each has it written again."""

_APPENDED: Final = 2000
"""Groups of writes without frames that are kept in one file; each takes one flush."""

_WRITTEN_TOGETHER: Final = 16
"""Groups of writes that are written between two looks at the clock, those that add up as one."""

_QUEUED_BURSTS: Final = 8
"""Bursts that may gather while one is written, before the run has to wait."""


@contextmanager
def writing(
    database: Path,
    command: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits = LIMITS,
    log: LogFile | None = None,
) -> Iterator[BurstWriter]:
    """Keep other writers out of the store, record a run, and give what it writes with.

    Parameters
    ----------
    database
        The store; made or migrated if need be.
    command, arguments
        What the run is.
    limits
        How often it writes.
    log
        Where the start, the rejects and the end of the run are told as well.

    Raises
    ------
    EtlError
        If another run writes to the store, or the store cannot be opened.
    """
    check_writable(database)
    with run_lock(database, f"etl {command}"):
        with BurstWriter(database, limits) as store:
            with store.reading() as connection:
                store.run = Run(next_run_id(connection), log=log)
            with run_reported(store.run, command, arguments, store.put):
                yield store
        if store.waiting:
            store.run.tell(f"the store is held: {store.waiting} bursts wait for the next command that writes")


@dataclass(frozen=True)
class _Group:
    """Writes that belong together, of so many items, and when they were put."""

    writes: Sequence[Write]
    items: int
    put_at: float


@dataclass(frozen=True)
class _Kept:
    """A file of the journal, what is in it where that has frames, and of how many groups that is."""

    path: Path
    writes: Sequence[Write]
    groups: int


class BurstWriter:
    """Writes what it is given in bursts, on a thread of its own. Made by :func:`writing`.

    An error of that thread is raised at the next call. What was put before any other error is written.

    Attributes
    ----------
    run
        The run that it writes for.
    """

    run: Run

    def __init__(self, database: Path, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._copy = StoreCopy(database)
        self._file = threading.RLock()  # held by whoever of this process has the file open
        self._memory: duckdb.DuckDBPyConnection | None = None  # that files are attached to: 20 ms to make
        self._held_since: float | None = None  # by another process, as far as is known
        self._last_kept: _Kept | None = None  # nobody has merged or copied it; for whoever holds the file
        self._changed = threading.Condition()  # guards all that follows
        self._queue: list[_Group] = []
        self._items = 0
        self._groups_put = self._groups_kept = self._groups_wanted = self._groups_to_keep = 0
        self._keep_at = math.inf
        self._is_closing = False
        self._retry_at: float | None = None
        self._not_before = self._not_before_wanted = 0.0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write_bursts, name="etl-store", daemon=True)

    def __enter__(self) -> Self:
        try:
            with self._opened() as connection:
                bring_up_to_date(connection, self._database)
        except StoreBusyError:  # it can be read, or copied, if its tables are of this version
            self._held_since = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closing = True
            self._not_before = 0.0  # readers have their turn after the last burst
            self._changed.notify_all()
        self._thread.join()
        if self._memory is not None:
            self._memory.close()
        if kind is None:
            self._raise_error()

    @property
    def _at_once(self) -> Limits:
        """No patience: there are the journal and the copy."""
        return replace(self._limits, patience_s=0.0)

    @property
    def waiting(self) -> int:
        """How many bursts wait in the journal."""
        return len(waiting_bursts(self._database))

    def put(self, *writes: Write, items: int = 1) -> None:
        """Write these, in this order, in one transaction, within a few seconds.

        A write takes a few milliseconds, of one row or of a thousand: put the rows of many items together.

        Parameters
        ----------
        writes
            Results together with the ledger entries that say that they are done.
        items
            How many items they are the results of.

        Raises
        ------
        EtlError
            If an earlier burst could not be written.
        """
        with self._changed:
            while self._items >= _QUEUED_BURSTS * self._limits.burst_items and self._error is None:
                self._changed.wait()
            self._raise_error()
            self._queue.append(_Group(writes, items, time.monotonic()))
            self._items += items
            self._groups_put += 1
            self._changed.notify_all()

    def keep(self, within: float | None = None) -> None:
        """Return when all that was put is on the disk: in the journal until the next burst.

        Takes some milliseconds, for as many threads together as call it meanwhile.

        Parameters
        ----------
        within
            Do not wait: let it be there within so many seconds, together with what is put and kept by then.

        Raises
        ------
        EtlError
            If it, or with ``within`` what was put before, could not be written.
        """
        with self._changed:
            self._groups_to_keep = self._groups_put
            self._keep_at = min(self._keep_at, time.monotonic() + (within or 0.0))
            if within is None:
                self._wait_until_kept(self._groups_put)
            else:
                self._changed.notify_all()
                self._raise_error()

    def flush(self) -> None:
        """Return when all that was put is on the disk, in the store or in the journal.

        Raises
        ------
        EtlError
            If it could not be written.
        """
        with self._changed:
            self._groups_wanted = self._groups_put
            self._wait_until_kept(self._groups_put)

    def _wait_until_kept(self, groups: int) -> None:
        self._changed.notify_all()
        while self._groups_kept < groups and self._error is None:
            self._changed.wait()
        self._raise_error()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the store for reading, with all that was put; where it is held, a copy of it.

        To be short: what is put meanwhile goes into the journal.

        Raises
        ------
        EtlError
            If it cannot be read.
        """
        self.flush()
        with self._file, ExitStack() as stack:
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

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _write_bursts(self) -> None:
        try:
            while self._wait_until_due():
                with self._changed:
                    groups = list(self._queue)
                    is_burst = self._is_burst_due()
                kept = self._write(groups) if is_burst else self._keep(groups)
                with self._changed:
                    del self._queue[:kept]
                    self._items -= sum(group.items for group in groups[:kept])
                    self._groups_kept += kept
                    if self._groups_kept >= self._groups_to_keep:
                        self._keep_at = math.inf
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised by the thread that puts
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _wait_until_due(self) -> bool:
        """Wait until something is to be written; whether there is anything to come."""
        with self._changed:
            while not (self._is_closing and not self._queue and not self._is_worth_waiting()):
                if self._is_burst_due() or self._keep_at <= time.monotonic():
                    return True
                due = self._due()
                left = min(self._keep_at, math.inf if due is None else due) - time.monotonic()
                self._changed.wait(None if left == math.inf else left)
            return False

    def _is_burst_due(self) -> bool:
        due = self._due()
        return due is not None and due <= time.monotonic()

    def _due(self) -> float | None:
        """When the next burst is to be written, None if there is nothing to write."""
        is_full = self._items >= self._limits.burst_items
        is_wanted = self._groups_kept < self._groups_wanted
        if self._queue and is_wanted:
            return min(self._not_before, self._not_before_wanted)
        if self._queue and (self._is_closing or is_full):
            return self._not_before
        if self._is_closing and self._retry_at is not None and self._held_since is None:
            return self._not_before
        times = [self._queue[0].put_at + self._limits.burst_s] if self._queue else []
        if self._retry_at is not None:
            times.append(self._retry_at)
        return max(min(times), self._not_before) if times else None

    def _is_worth_waiting(self) -> bool:
        """Whether there is a journal to merge, and it may be but a query that holds the file."""
        return self._retry_at is not None and (
            self._held_since is None or time.monotonic() < self._held_since + self._limits.patience_s
        )

    def _write(self, groups: Sequence[_Group]) -> int:
        """Write to the store after what waits in the journal; where that cannot be, to the journal.

        Gives how many groups are kept. The rest waits until readers have had their turn.
        """
        begun = time.monotonic()
        kept = self._write_to_store(groups)
        if kept is None:
            kept = self._write_to_journal(groups)
        now = time.monotonic()
        self._not_before_wanted = now + _POLLS_BETWEEN * self._limits.poll_s
        self._not_before = max(self._not_before_wanted, now + _CLOSED_TIMES * (now - begun))
        self._retry_at = None
        if waiting_bursts(self._database):
            is_new = self._held_since is None or now < self._held_since + self._limits.patience_s
            self._retry_at = now + (self._limits.poll_s if is_new else self._limits.burst_s)
        return kept

    def _write_to_journal(self, groups: Sequence[_Group]) -> int:
        """Write a burst to the journal; gives how many groups are kept."""
        if groups:
            self._last_kept = None
            add_burst(self._database, _writes(groups), latest_migration())
        return len(groups)

    def _keep(self, groups: Sequence[_Group]) -> int:
        """Write to the journal until the next burst, to its last file if that is small: many merge slowly."""
        if self._file.acquire(blocking=False):
            try:
                self._add_to_last_kept(groups)
            finally:
                self._file.release()
        else:  # the run reads, and may merge what waits
            self._write_to_journal(groups)
        if self._retry_at is None:
            self._retry_at = groups[0].put_at + self._limits.burst_s
        return len(groups)

    def _add_to_last_kept(self, groups: Sequence[_Group]) -> None:
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

    def _write_to_store(self, groups: Sequence[_Group]) -> int | None:
        """Give how many groups are written, None where none can be before the file is free."""
        if not self._file.acquire(blocking=False):  # the run reads
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
            self._file.release()
        self._held_since = None
        return written

    def _write_groups(self, connection: duckdb.DuckDBPyConnection, groups: Sequence[_Group]) -> int:
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


def _writes(groups: Sequence[_Group]) -> list[Write]:
    return [write for group in groups for write in group.writes]
