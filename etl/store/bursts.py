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
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from etl.runtime.disk.targets import check_writable
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.wording import number_of
from etl.store.journal import waiting_bursts
from etl.store.run_lock import run_lock
from etl.store.runs import Run, next_run_id, run_reported, run_start
from etl.store.shared_file import SharedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import duckdb

    from etl.runtime.watch.log_file import LogFile
    from etl.store.writes import Write

_POLLS_BETWEEN: Final = 5
"""For so many attempts of a reader the file stays closed between two bursts."""

_CLOSED_TIMES: Final = (4, 9)
"""And so many times as long as the last burst took, unless the run waits for the next: nine times where
results are not kept back longer than the limit by that, else four. Each burst writes anew what the last row
groups of its tables and their keys hold, so that few of them take less, and those in a large store longer."""

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
        entered: list[Run] = []

        def enter(connection: duckdb.DuckDBPyConnection) -> None:
            run = Run(next_run_id(connection), log=log)
            run_start(run, command, arguments)(connection)
            entered.append(run)

        with BurstWriter(database, limits, first=enter) as store:
            if entered:
                store.run = entered[0]
            else:  # the file is held
                with store.reading() as connection:
                    store.run = Run(next_run_id(connection), log=log)
                store.put(run_start(store.run, command, arguments))
            with run_reported(store.run, command, store.put):
                yield store
        if store.waiting:
            waiting = number_of(store.waiting, "burst")
            store.run.tell(f"the store is held: {waiting} left to the next command that writes")


def closed_seconds(took: float, most: float) -> float:
    """Say how long the file stays closed after a burst.

    Parameters
    ----------
    took
        Seconds that the burst took.
    most
        Seconds that what was put at the beginning of the burst is kept back at most, unless bursts take very
        long.
    """
    at_least, at_best = (times * took for times in _CLOSED_TIMES)
    return max(at_least, min(at_best, most - took))


@dataclass(frozen=True)
class _Group:
    """Writes that belong together, of so many items, and when they were put."""

    writes: Sequence[Write]
    items: int
    put_at: float


class BurstWriter:
    """Writes what it is given in bursts, on a thread of its own. Made by :func:`writing`.

    An error of that thread is raised at the next call. What was put before any other error is written.

    Parameters
    ----------
    database
        The store.
    limits
        How often it writes.
    first
        What is done in the store, in one transaction, while it is brought up to date; nothing where another
        process holds it then.

    Attributes
    ----------
    run
        The run that it writes for.
    """

    run: Run

    def __init__(
        self,
        database: Path,
        limits: Limits,
        first: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    ) -> None:
        self._database = database
        self._limits = limits
        self._first = first
        self._file = SharedFile(database, limits)
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
        self._file.bring_up_to_date(self._first)
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
        self._file.close()
        if kind is None:
            self._raise_error()

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
            while self._is_queue_full() and self._error is None:
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
        with self._file.reading() as connection:
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
        is_wanted = self._groups_kept < self._groups_wanted or self._is_queue_full()
        if self._queue and is_wanted:
            return min(self._not_before, self._not_before_wanted)
        if self._queue and (self._is_closing or is_full):
            return self._not_before
        if self._is_closing and self._retry_at is not None and not self._file.is_held:
            return self._not_before
        times = [self._queue[0].put_at + self._limits.burst_s] if self._queue else []
        if self._retry_at is not None:
            times.append(self._retry_at)
        return max(min(times), self._not_before) if times else None

    def _is_queue_full(self) -> bool:
        """Whether the run waits to put more."""
        return self._items >= _QUEUED_BURSTS * self._limits.burst_items

    def _is_worth_waiting(self) -> bool:
        """Whether there is a journal to merge, and it may be but a query that holds the file."""
        return self._retry_at is not None and not self._file.is_held_long

    def _write(self, groups: Sequence[_Group]) -> int:
        """Write a burst; gives how many groups are kept. The rest waits until readers have had their turn."""
        begun = time.monotonic()
        kept = self._file.write([group.writes for group in groups])
        now = time.monotonic()
        self._not_before_wanted = now + _POLLS_BETWEEN * self._limits.poll_s
        closed = closed_seconds(now - begun, self._limits.burst_s)
        self._not_before = max(self._not_before_wanted, now + closed)
        self._retry_at = None
        if self.waiting:
            wait = self._limits.burst_s if self._file.is_held_long else self._limits.poll_s
            self._retry_at = now + wait
        return kept

    def _keep(self, groups: Sequence[_Group]) -> int:
        """Keep groups in the journal until the next burst; gives how many."""
        self._file.keep([group.writes for group in groups])
        if self._retry_at is None:
            self._retry_at = groups[0].put_at + self._limits.burst_s
        return len(groups)
