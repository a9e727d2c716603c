"""How many requests an enrichment takes, and how long, at the limits that are known; nothing is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.pipelines.enrich import plan
from etl.pipelines.service_state import LedgerBatchMemory, known_quota
from etl.pipelines.spotify_service import SERVICE
from etl.runtime.progress import duration
from etl.services.spotify import BATCH_SIZE
from etl.services.spotify_answers import Kind
from etl.store.database import read_store
from etl.store.spotify import answered_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.pipelines.spotify_service import SpotifySettings
    from etl.services.credentials import Credentials

_DAY: Final = 86_400.0


@dataclass(frozen=True)
class Estimate:
    """What is ahead.

    Attributes
    ----------
    artists, tracks
        Ids still to be asked about.
    cached
        Ids that the store has settled.
    batches_allowed
        None while the app has not tried.
    per_second, per_day
        The limits; ``per_day`` is None when no quota is known.
    """

    artists: int
    tracks: int
    cached: int
    batches_allowed: bool | None
    per_second: float
    per_day: int | None

    def requests(self, portion: int) -> int:
        """Count the requests with so many ids in each, without retries."""
        return math.ceil(self.artists / portion) + math.ceil(self.tracks / portion)

    def seconds(self, requests: int) -> float:
        """Seconds that so many requests take."""
        steady = requests / self.per_second
        if self.per_day is None:
            return steady
        full_days, rest = divmod(requests, self.per_day)
        # The last day's requests need no whole day.
        if full_days and not rest:
            full_days, rest = full_days - 1, self.per_day
        return max(steady, full_days * _DAY + rest / self.per_second)

    def __str__(self) -> str:
        lines = [
            f"to ask: {self.artists:,} artists and {self.tracks:,} tracks; {self.cached:,} ids are known"
        ]
        quota = "no daily quota known" if self.per_day is None else f"{self.per_day:,} requests a day"
        lines.append(f"limits: {self.per_second:g} requests a second, {quota}")
        if self.batches_allowed is not False:
            lines.append(self._line(BATCH_SIZE, f"in batches of {BATCH_SIZE}"))
        if self.batches_allowed is not True:
            lines.append(self._line(1, "one id at a time"))
        if self.batches_allowed is None:
            lines.append("whether this app may use batches shows with its first request")
        return "\n".join(lines)

    def _line(self, portion: int, how: str) -> str:
        requests = self.requests(portion)
        return f"{how}: {requests:,} requests, {days(self.seconds(requests))}"


def days(seconds: float) -> str:
    """Write seconds for people, in days where they are many.

    Examples
    --------
    >>> days(3 * 86_400), days(7384)
    ('3.0 days', '2 h 3 min')
    """
    return duration(seconds) if seconds < 2 * _DAY else f"{seconds / _DAY:,.1f} days"


def estimate(
    database: Path,
    credentials: Credentials | None,
    settings: SpotifySettings,
    priority: Mapping[str, Sequence[str]],
) -> Estimate:
    """Count what is ahead; without credentials nothing is known about the app."""
    with read_store(database) as connection:
        counts = dict.fromkeys(Kind, 0)
        for kind, ids in plan(connection, priority):
            counts[kind] += len(ids)
        batches, quota = None, None
        if credentials is not None:
            batches = LedgerBatchMemory(connection, SERVICE, credentials.app).batches_allowed()
            quota = known_quota(connection, SERVICE, credentials.app)
        limits = [limit for limit in (settings.per_day, quota) if limit]
        return Estimate(
            artists=counts[Kind.ARTIST],
            tracks=counts[Kind.TRACK],
            cached=answered_ids(connection),
            batches_allowed=batches,
            per_second=settings.per_second,
            per_day=min(limits, default=None),
        )
