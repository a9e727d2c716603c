"""How many requests an enrichment takes, and how long, at the limits that are known; nothing is sent."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.pipelines.enrich.plan import check_priority, plan
from etl.services.politeness.breaker import Breaker
from etl.services.politeness.gate import QUOTA_KEY
from etl.services.politeness.rates import DAY, Permits
from etl.services.state import MemoryState
from etl.store import service_state
from etl.store.answers import answered_ids
from etl.store.database import read_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from etl.services.contract import Service
    from etl.services.politeness.rates import Rates
    from etl.store.preferences import Preferences


@dataclass(frozen=True)
class Way:
    """One way of asking: so many ids in a request, so many requests, so many seconds."""

    portion: int
    requests: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """What is ahead.

    Attributes
    ----------
    ids
        Ids still to be asked about, by kind.
    cached
        Ids that the store has settled.
    portions
        Ids that a request may hold; more than one number while the account has not tried.
    per_second, per_day
        The limits; ``per_day`` is None when no quota is known.
    sent_today
        Requests of the last 24 hours, which count towards it.
    parked_until
        When the service may be asked again, in seconds since the epoch; None if it may be asked now.
    """

    ids: Mapping[str, int]
    cached: int
    portions: tuple[int, ...]
    per_second: float
    per_day: int | None
    sent_today: int = 0
    parked_until: float | None = None

    @property
    def ways(self) -> tuple[Way, ...]:
        """What each portion leads to."""
        counts = [(portion, self.requests(portion)) for portion in self.portions]
        return tuple(Way(portion, requests, self.seconds(requests)) for portion, requests in counts)

    def requests(self, portion: int) -> int:
        """Count the requests with so many ids in each, without retries."""
        return sum(math.ceil(number / portion) for number in self.ids.values())

    def seconds(self, requests: int) -> float:
        """Seconds from now until so many requests are sent."""
        parked = max(0.0, self.parked_until - time.time()) if self.parked_until and requests else 0.0
        # While it is parked the requests of today grow old.
        sent = 0 if parked >= DAY else self.sent_today
        return parked + seconds_for(requests, self.per_second, self.per_day, sent=sent)


def seconds_for(requests: int, per_second: float, per_day: int | None, *, sent: int = 0) -> float:
    """Seconds that requests take at these limits.

    Parameters
    ----------
    requests, per_second
        How many, at which pace.
    per_day, sent
        The quota, None for none, and how much of it is used up already.

    Examples
    --------
    >>> seconds_for(10, 2.0, None), seconds_for(3000, 10.0, 1000), seconds_for(10, 10.0, 1000, sent=1000)
    (5.0, 172900.0, 86401.0)
    """
    steady = requests / per_second
    if per_day is None or not requests:
        return steady
    # The last day's requests need no whole day.
    full_days, rest = divmod(requests + min(sent, per_day) - 1, per_day)
    if not full_days:
        return steady
    return max(steady, full_days * DAY + (rest + 1) / per_second)


def daily_quota(rates: Rates, learned: int | None) -> int | None:
    """Give the tighter of the limits per day that are set and that were learned, None for none."""
    return min((limit for limit in (rates.per_day, learned) if limit), default=None)


def estimate(
    database: Path,
    service: Service,
    priority: Preferences,
    limits_file: Path | None = None,
) -> Estimate:
    """Count what is ahead; the service need not be connected.

    Parameters
    ----------
    database
        The store.
    service
        Whom to ask.
    priority
        Songs to prefer.
    limits_file
        Record of the requests of all runs, None for none.
    """
    with read_store(database) as connection:
        check_priority(connection, priority)
        ids = dict.fromkeys((kind.name for kind in service.kinds), 0)
        for kind, part in plan(connection, service, priority):
            ids[kind.name] += len(part)
        known = MemoryState(**service_state.values(connection, service.name, service.account))
        sent = 0
        if limits_file is not None and limits_file.exists():
            with Permits(limits_file, service) as permits:
                sent = permits.sent_last_day()
        return Estimate(
            ids=ids,
            cached=answered_ids(connection, service.name, service.kinds),
            portions=service.portions(known),
            per_second=service.rates.per_second,
            per_day=daily_quota(service.rates, known.get(QUOTA_KEY)),
            sent_today=sent,
            parked_until=Breaker(service.title, known).parked_until(),
        )
