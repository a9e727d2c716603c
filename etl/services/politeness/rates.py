"""How often a service may be asked, as data, and the record of permits that outlives the process.

Permits keep an exact distance: at 1.5 requests a second one goes every 0.667 s, and never two at once. The
record is a small SQLite file with one row per request of the last two days. It holds no ids and no
credentials.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from etl.runtime.clock import CLOCK, Clock
from etl.runtime.errors import EtlError, ExitCode
from etl.services.errors import ParkedError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from etl.services.contract import Client

DAY: Final = 86_400.0
_CLOCK_SLACK: Final = 1.0
_LOCK_PATIENCE: Final = 5.0


class Window(StrEnum):
    """The time over which a limit counts."""

    MINUTE = "minute"
    ROLLING_DAY = "rolling day"
    UTC_DAY = "UTC day"

    def start(self, now: float) -> float:
        """Latest time at which permits do not count any more in the window that ends now."""
        # A permit of midnight itself belongs to the new day.
        return math.nextafter(now - now % DAY, 0.0) if self is Window.UTC_DAY else now - self.seconds

    @property
    def seconds(self) -> float:
        """Its length."""
        return 60.0 if self is Window.MINUTE else DAY


class Unit(StrEnum):
    """What is counted: requests, or what a request costs."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request costs besides being one: tokens, and money in the account's currency."""

    tokens: float = 0.0
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many of a unit within a window."""

    most: float
    window: Window
    unit: Unit = Unit.REQUESTS

    def __str__(self) -> str:
        return f"{self.most:,g} {self.unit} per {self.window}"


@dataclass(frozen=True, slots=True)
class Rates:
    """All limits that hold at once.

    Attributes
    ----------
    interval
        Seconds between two requests at least.
    limits
        What else holds.
    """

    interval: float = 0.0
    limits: tuple[Limit, ...] = ()

    @property
    def per_second(self) -> float:
        """Requests per second in the long run of an hour; infinite without a limit."""
        minutes = [limit.most / 60 for limit in self._of_requests(Window.MINUTE)]
        return min([1 / self.interval if self.interval else math.inf, *minutes])

    @property
    def per_day(self) -> int | None:
        """Requests per day, None when no limit is known."""
        days = self._of_requests(Window.ROLLING_DAY) + self._of_requests(Window.UTC_DAY)
        return math.floor(min(limit.most for limit in days)) if days else None

    def _of_requests(self, window: Window) -> list[Limit]:
        return [limit for limit in self.limits if limit.unit is Unit.REQUESTS and limit.window is window]


@dataclass(frozen=True, slots=True)
class Refusal:
    """No permit now.

    Attributes
    ----------
    until
        When there may be one, seconds since the epoch.
    why
        Which limit is in the way.
    is_daily
        Whether that is one of a day.
    """

    until: float
    why: str
    is_daily: bool


class Permits:
    """Grants permits within the rates, over all processes and threads that share the record.

    Parameters
    ----------
    path
        The SQLite file; it is made when missing, and ``None`` keeps the record in memory.
    service
        Its name, account and rates; one file holds the records of all services.
    clock
        What time it is, unless :meth:`acquire` is told otherwise.
    """

    def __init__(self, path: Path | None, service: Client, *, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self.rates = service.rates
        self._title = service.title
        self._path = path
        self._key = (service.name, service.account)
        self._connection = _connect(path, clock.time())
        self._lock = threading.Lock()

    def acquire(
        self,
        stop: threading.Event,
        *,
        cost: Cost | None = None,
        longest_wait: float = math.inf,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Wait for a permit.

        Parameters
        ----------
        stop
            Ends the wait.
        cost
            What the request costs.
        longest_wait
            Seconds that are waited out.
        clock
            Returns seconds since the epoch.

        Raises
        ------
        StoppedError
            When ``stop`` is set before the permit is granted.
        ParkedError
            When the next permit is further away than ``longest_wait``.
        """
        clock = clock or self._clock.time
        while (refused := self.refusal(clock(), cost or Cost())) is not None:
            wait = refused.until - clock()
            # The pace of the rates themselves is kept, however slow; only a used-up day is not sat out.
            if refused.is_daily and wait > longest_wait:
                raise ParkedError(self._title, refused.until, f"the limit of {refused.why} is reached")
            if stop.wait(max(wait, 0.0)):
                raise StoppedError("The run is ending.")

    def refusal(self, now: float, cost: Cost) -> Refusal | None:
        """Take a permit now, or say from when on there is one, and which limit is in the way.

        Parameters
        ----------
        now
            Seconds since the epoch.
        cost
            What the request costs.
        """
        with self._lock:
            try:
                # Commits, or takes all back.
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    return self._taken(now, cost)
            except sqlite3.DatabaseError as error:
                if not _is_busy(error):
                    raise _unusable(self._path, error) from error
                # Another process has held the record for seconds.
                return Refusal(now + _CLOCK_SLACK, "one process at a time", is_daily=False)

    def _taken(self, now: float, cost: Cost) -> Refusal | None:
        # Stamps from a clock that was ahead would hold everything up until it is as late again.
        self._connection.execute("DELETE FROM permits WHERE at > ?", [now + _CLOCK_SLACK])
        refused = self._latest_refusal(now, cost)
        if refused is None:
            self._connection.execute(
                "INSERT INTO permits VALUES (?, ?, ?, ?, ?)", [*self._key, now, cost.tokens, cost.money]
            )
        return refused

    def sent_last_day(self) -> int:
        """Count the requests of the last 24 hours."""
        return self._sent_since(self._clock.time() - DAY)

    def sent_utc_day(self) -> int:
        """Count the requests since midnight UTC."""
        return self._sent_since(Window.UTC_DAY.start(self._clock.time()))

    def _sent_since(self, start: float) -> int:
        query = f"SELECT count(*) FROM permits WHERE {_OURS}"
        with self._lock:
            try:
                return int(self._connection.execute(query, [*self._key, start]).fetchone()[0])
            except sqlite3.DatabaseError as error:
                raise _unusable(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._connection.close()

    def _latest_refusal(self, now: float, cost: Cost) -> Refusal | None:
        (last,) = self._connection.execute(
            f"SELECT max(at) FROM permits WHERE {_OURS}", [*self._key, now - max(DAY, self.rates.interval)]
        ).fetchone()
        refusals = []
        if last is not None and last + self.rates.interval > now:
            pace = f"{1 / self.rates.interval:g} requests per second"
            refusals.append(Refusal(last + self.rates.interval, pace, is_daily=False))
        refusals += [
            Refusal(until, str(limit), is_daily=limit.window is not Window.MINUTE)
            for limit in self.rates.limits
            if (until := self._full_until(limit, now, cost)) is not None
        ]
        return max(refusals, key=lambda refusal: refusal.until, default=None)

    def _full_until(self, limit: Limit, now: float, cost: Cost) -> float | None:
        """Find when there is room for the cost within the limit, None when there is room now."""
        start = limit.window.start(now)
        if limit.unit is Unit.REQUESTS:
            row = self._connection.execute(
                f"SELECT at FROM permits WHERE {_OURS} ORDER BY at DESC LIMIT 1 OFFSET ?",
                [*self._key, start, math.floor(limit.most) - 1],
            ).fetchone()
        else:
            price = getattr(cost, limit.unit)
            row = self._connection.execute(
                f"SELECT at FROM (SELECT at, sum({limit.unit}) OVER (ORDER BY at DESC) AS total FROM permits "
                f"WHERE {_OURS}) WHERE total + ? > ? ORDER BY at DESC LIMIT 1",
                [*self._key, start, price, max(limit.most, price)],
            ).fetchone()
        if row is None:
            return None
        if limit.window is Window.UTC_DAY:
            return now - now % DAY + DAY
        return float(row[0]) + limit.window.seconds


_OURS: Final = "service = ? AND account = ? AND at > ?"


def _connect(path: Path | None, now: float) -> sqlite3.Connection:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(":memory:" if path is None else str(path), now)
    except (OSError, sqlite3.OperationalError) as error:
        raise _unusable(path, error) from error
    except sqlite3.DatabaseError:
        if path is None:
            raise
        # Not a database (any more). The record only spares the service; a new one is as good.
        path.unlink(missing_ok=True)
        return _prepared(str(path), now)


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _unusable(path: Path | None, error: Exception) -> EtlError:
    return EtlError(
        f"cannot use the record of requests {path}: {error}.",
        "Wait for other runs to end, check that you may write there, or set ETL_LIMITS to another file.",
        exit_code=ExitCode.PARKED if _is_busy(error) else ExitCode.CANNOT_WRITE,
    )


def _prepared(database: str, now: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, timeout=_LOCK_PATIENCE, check_same_thread=False, isolation_level=None
    )
    try:
        # Enough to survive the death of the process; a power cut may lose the last stamps.
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS permits "
            "(service TEXT NOT NULL, account TEXT NOT NULL, at REAL NOT NULL, tokens REAL NOT NULL, "
            "money REAL NOT NULL)"
        )
        connection.execute("CREATE INDEX IF NOT EXISTS permits_at ON permits (service, account, at)")
        connection.execute("DELETE FROM permits WHERE at < ?", [now - 2 * DAY])
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
