"""The state of an enrichment run: what is shown while it lasts, and its result at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from etl.services.contract import Answer


@dataclass
class EnrichmentState:
    """What is shown while a service is asked, and kept in ``runs`` at the end.

    Attributes
    ----------
    stage
        ``planning``, ``asking``, ``exporting``, ``waiting`` or ``done``.
    ids
        Ids that this run set out to ask about.
    cached
        Ids of the songs that the store had settled already: look-ups saved.
    answers
        Ids answered so far, by status.
    errors
        Ids and requests that failed, by category.
    requests, requests_left
        Sent by this run, and what budget and known quota leave (None: no bound is known).
    parked_until
        Seconds since the epoch, None while the service may be asked.
    songs, songs_settled
        Songs in the store, and those with nothing left to ask.
    written
        Partial CSVs and the final one.
    """

    stage: str = "planning"
    ids: int = 0
    cached: int = 0
    answers: dict[str, int] = field(default_factory=lambda: {"found": 0, "gone": 0, "error": 0})
    errors: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    requests_left: int | None = None
    parked_until: float | None = None
    songs: int = 0
    songs_settled: int = 0
    written: list[Path] = field(default_factory=list)
    _asking_since: float = field(default_factory=time.monotonic)
    _answered_before: int = 0

    def begin_asking(self, ids: int) -> None:
        """Start to measure the rate, with so many ids ahead."""
        self.ids = self.answered + ids
        self._asking_since = time.monotonic()
        self._answered_before = self.answered

    def count(self, answers: list[Answer]) -> None:
        """Count answers that are stored."""
        for answer in answers:
            self.answers[answer.status] += 1

    @property
    def answered(self) -> int:
        """Ids answered by this run."""
        return sum(self.answers.values())

    @property
    def rate(self) -> float:
        """Ids per second since the asking began."""
        return (self.answered - self._answered_before) / max(time.monotonic() - self._asking_since, 1e-3)

    @property
    def eta_seconds(self) -> float | None:
        """Seconds to the last id at this rate, None while nothing is known."""
        return (self.ids - self.answered) / self.rate if self.rate > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Give the state as JSON can hold it."""
        eta = self.eta_seconds
        return {
            "stage": self.stage,
            "ids": self.ids,
            "answered": self.answered,
            "answers": dict(self.answers),
            "cache_hits": self.cached,
            "ids_per_second": round(self.rate, 2),
            "eta_seconds": None if eta is None else round(eta),
            "requests": self.requests,
            "requests_left": self.requests_left,
            "errors": dict(self.errors),
            "parked_until": None if self.parked_until is None else _utc(self.parked_until).isoformat(),
            "songs": self.songs,
            "songs_settled": self.songs_settled,
            "written": [str(path) for path in self.written],
        }


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
