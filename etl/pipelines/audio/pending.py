"""Which recordings are still to be described: known ones, and files whose content is found out on the way."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.audio.features import Mode, version_of
from etl.pipelines.audio.recording import Recording
from etl.runtime.work.crew import CrewKind, crew
from etl.store.ledger import Ledger
from etl.store.library import put_hashes, recordings, unhashed_files
from etl.store.sonic_features import SONIC_TASK

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    import duckdb

    from etl.runtime.watch.progress import Watch
    from etl.store.bursts import BurstWriter

_HASHERS: Final = 2
"""One reads while the other hashes."""

_HASHED_AHEAD: Final = 64
_PUT_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Pending:
    """What a run has to look at.

    Attributes
    ----------
    mode
        How recordings are described.
    items
        Content hash and path of known recordings to describe.
    known
        All contents that are known to be there, those of ``items`` among them.
    finished
        Contents that need no description, there or not.
    unhashed
        Files whose sound has no hash yet, each with the hash of all its bytes that an earlier version took,
        and with size and time as they were scanned.
    """

    mode: Mode
    items: tuple[tuple[str, str], ...]
    known: frozenset[str]
    finished: frozenset[str]
    unhashed: tuple[tuple[str, str | None, int, int], ...]

    @property
    def at_most(self) -> int:
        """How many recordings there are to describe, if all files without a hash are new."""
        return len(self.items) + len(self.unhashed)


def read_pending(connection: duckdb.DuckDBPyConnection, mode: Mode, *, force: bool = False) -> Pending:
    """Read what has no description of one mode, or all there is with ``force``."""
    ledger = Ledger(connection, SONIC_TASK, version_of(mode))
    known = recordings(connection)
    todo = known if force else ledger.missing(known)
    unhashed = unhashed_files(connection)
    return Pending(
        mode,
        items=tuple(todo.select("item", "path").iter_rows()),
        known=frozenset(known["item"]),
        finished=frozenset(ledger.finished() if unhashed and not force else ()),
        unhashed=tuple(unhashed),
    )


class PendingRecordings:
    """Gives the recordings to describe, each content once.

    Files without a hash are hashed a few ahead of the work, so that a large library does not wait to be read
    as a whole, and a file that is about to be decoded is still in memory.

    Parameters
    ----------
    pending
        What there is to look at.
    limit
        Recordings to give, at most.
    until
        When the last is given, by the monotonic clock; None for no such time.
    store
        Hashes go there. It may be in use on other threads.
    watch
        Its stage ``hash`` counts files; the total of its stage ``sonic`` is corrected.
    stop
        Ends it early.

    Attributes
    ----------
    settled
        Recordings that need no description: known ones, and those found on the way.
    unreadable
        Path and reason of files that could not be hashed, or are not those that were scanned.
    """

    def __init__(
        self,
        pending: Pending,
        limit: int | None,
        *,
        until: float | None = None,
        store: BurstWriter,
        watch: Watch,
        stop: threading.Event,
    ) -> None:
        self.settled = len(pending.known) - len(pending.items)
        self.unreadable: list[tuple[str, str]] = []
        self._pending = pending
        self._limit = limit
        self._until = math.inf if until is None else until
        self._store = store
        self._watch = watch
        self._stop = stop
        self._expected = pending.at_most
        self._expect(0)

    def __iter__(self) -> Generator[Recording]:
        fresh = self._fresh()
        for number, (item, path) in enumerate(fresh, start=1):
            yield Recording(item, path, self._pending.mode)
            if number == self._limit or time.monotonic() >= self._until:
                fresh.close()

    def _fresh(self) -> Generator[tuple[str, str]]:
        """Give content and path of each recording to describe."""
        yield from self._pending.items
        seen = set(self._pending.known)
        earlier = {path: whole for path, whole, _, _ in self._pending.unhashed}
        for item, path in self._hashed():
            if item in seen:
                self._expect(-1)
            elif not self._pending.finished.isdisjoint((item, earlier[path])):
                self.settled += 1
                self._expect(-1)
            else:
                yield item, path
            seen.add(item)

    def _expect(self, more: int) -> None:
        self._expected += more
        total = self._expected if self._limit is None else min(self._limit, self._expected)
        self._watch.total("sonic", total)

    def _hashed(self) -> Generator[tuple[str, str]]:
        """Hash the files that have no hash, put that into the store, and give content and path."""
        if not self._pending.unhashed:
            return
        gathered: list[tuple[str, str, int]] = []
        scanned = {path: stamp for path, _, *stamp in self._pending.unhashed}
        due = time.monotonic() + _PUT_SECONDS
        self._watch.total("hash", len(self._pending.unhashed))
        with crew(workers=_HASHERS, kind=CrewKind.THREADS, stop=self._stop) as members:
            outcomes = members.map(
                "etl.sources.audio.payload:audio_payload",
                [*scanned],
                in_flight=_HASHED_AHEAD,
            )
            try:
                for outcome in outcomes:
                    is_error = isinstance(outcome.error, OSError)
                    self._watch.advance("hash", done=1, errors=int(is_error), seconds=outcome.seconds)
                    if isinstance(outcome.error, OSError):
                        reason = outcome.error.strerror or str(outcome.error)
                        self._pass_by(outcome.item, f"cannot read the file: {reason}")
                        continue
                    found = outcome.unwrap()
                    if _stamp(outcome.item) != scanned[outcome.item]:  # its hash would stay with the row
                        self._pass_by(outcome.item, "changed since it was scanned; scan again")
                        continue
                    gathered.append((outcome.item, *found))
                    if time.monotonic() >= due:
                        self._put(gathered)
                        due = time.monotonic() + _PUT_SECONDS
                    yield found.hash, outcome.item
            finally:
                self._put(gathered)

    def _pass_by(self, path: str, reason: str) -> None:
        self.unreadable.append((path, reason))
        self._expect(-1)

    def _put(self, gathered: list[tuple[str, str, int]]) -> None:
        if gathered:
            schema = {"path": pl.String, "content_hash": pl.String, "audio_bytes": pl.Int64}
            self._store.put(
                put_hashes(pl.DataFrame(gathered, schema=schema, orient="row")), items=len(gathered)
            )
            gathered.clear()


def _stamp(path: str) -> list[int] | None:
    """Give size and time of a file; None where it is not there any more."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- forty thousand times
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
