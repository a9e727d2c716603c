"""A rate limit whose record of requests outlives the process.

The record is a small SQLite file of time stamps, one per request of the last day. It holds no ids and no
credentials.
"""

from __future__ import annotations

import math
import sqlite3
import time
from typing import TYPE_CHECKING, Self

from pyrate_limiter import Duration, Limiter, Rate, SingleBucketFactory, SQLiteBucket

from etl.services.errors import StoppedError

if TYPE_CHECKING:
    import threading
    from pathlib import Path


class RateLimit:
    """At most so many requests per second and per day, over all runs that share the record.

    Parameters
    ----------
    path
        The SQLite file; it is made when missing, and ``None`` keeps the record in memory.
    service
        Letters, digits and underscores; one file holds the records of several services.
    per_second
        Requests per second, above 0. Rates that are not whole hold over ten seconds.
    per_day
        Requests per rolling day; None when no quota is known.
    """

    def __init__(
        self, path: Path | None, service: str, *, per_second: float, per_day: int | None = None
    ) -> None:
        self.per_second = per_second
        self.per_day = per_day
        span = 1 if float(per_second).is_integer() else 10
        burst = max(1, math.floor(per_second * span))
        most = burst * 86_400 // span
        day = most if per_day is None else min(per_day, most)
        rates = [Rate(burst, Duration.SECOND * span)] if day > burst else []
        rates.append(Rate(day, Duration.DAY))
        self._connection = _connect(path, service)
        self._bucket = SQLiteBucket(rates, self._connection, table=service)
        self._forget_old()
        self._limiter = Limiter(SingleBucketFactory(self._bucket, schedule_leak=False), buffer_ms=1)

    def acquire(self, stop: threading.Event) -> None:
        """Wait for a permit.

        Raises
        ------
        StoppedError
            When ``stop`` is set before the permit is granted.
        """
        while not self._limiter.try_acquire(timeout=0.2):
            if stop.is_set():
                raise StoppedError("The run is ending.")

    def sent_last_day(self) -> int:
        """Count the requests of the last 24 hours."""
        self._forget_old()
        return self._bucket.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _forget_old(self) -> None:
        self._bucket.leak(time.time_ns() // 1_000_000)


def _connect(path: Path | None, service: str) -> sqlite3.Connection:
    try:
        return _prepared(":memory:" if path is None else str(path), service)
    except sqlite3.DatabaseError:
        if path is None:
            raise
        # Not a database (any more). The record only spares the service; a new one is as good.
        path.unlink(missing_ok=True)
        return _prepared(str(path), service)


def _prepared(database: str, service: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, check_same_thread=False)
    try:
        # Enough to survive the death of the process; a power cut may lose the last stamps.
        connection.execute("pragma synchronous = off")
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"create table if not exists {service} (name varchar, item_timestamp integer)")
        connection.execute(f"create index if not exists {service}_time on {service} (item_timestamp)")
        connection.commit()
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
