"""How many requests an enrichment takes, and how long, at the limits that are known; nothing is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.pipelines.enrich.plan import plan
from etl.services.politeness.gate import QUOTA_KEY
from etl.services.politeness.rates import DAY
from etl.services.state import MemoryState
from etl.store import service_state
from etl.store.answers import answered_ids
from etl.store.database import read_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.services.contract import Service


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
    """

    ids: Mapping[str, int]
    cached: int
    portions: tuple[int, ...]
    per_second: float
    per_day: int | None

    @property
    def ways(self) -> tuple[Way, ...]:
        """What each portion leads to."""
        counts = [(portion, self.requests(portion)) for portion in self.portions]
        return tuple(Way(portion, requests, self.seconds(requests)) for portion, requests in counts)

    def requests(self, portion: int) -> int:
        """Count the requests with so many ids in each, without retries."""
        return sum(math.ceil(number / portion) for number in self.ids.values())

    def seconds(self, requests: int) -> float:
        """Seconds that so many requests take."""
        steady = requests / self.per_second
        if self.per_day is None:
            return steady
        full_days, rest = divmod(requests, self.per_day)
        # The last day's requests need no whole day.
        if full_days and not rest:
            full_days, rest = full_days - 1, self.per_day
        return max(steady, full_days * DAY + rest / self.per_second)


def estimate(database: Path, service: Service, priority: Mapping[str, Sequence[str]]) -> Estimate:
    """Count what is ahead; the service need not be connected."""
    with read_store(database) as connection:
        ids = dict.fromkeys((kind.name for kind in service.kinds), 0)
        for kind, part in plan(connection, service, priority):
            ids[kind.name] += len(part)
        known = MemoryState(**service_state.values(connection, service.name, service.account))
        limits = [limit for limit in (service.rates.per_day, known.get(QUOTA_KEY)) if limit]
        return Estimate(
            ids=ids,
            cached=answered_ids(connection, service.name, service.kinds),
            portions=service.portions(known),
            per_second=service.rates.per_second,
            per_day=min(limits, default=None),
        )
