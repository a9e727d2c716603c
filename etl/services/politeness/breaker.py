"""A circuit breaker whose open state outlives the process: one ``not_before`` per service and account.

The breaker is *closed* while all is well, *open* until ``not_before``, and *half open* after it: then a
single request is let through as a probe, and its outcome closes or reopens the breaker.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from etl.services.errors import ParkedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.services.state import ServiceState

FIRST_REST: Final = 60.0
LONGEST_REST: Final = 3600.0
"""Seconds that a breaker opened by plain failures rests: doubling from the first to the longest."""

STATE_KEY: Final = "breaker"
_CLOCK_SLACK: Final = 1.0


@dataclass(frozen=True, slots=True)
class BreakerState:
    """What survives a restart.

    Attributes
    ----------
    not_before
        Seconds since the epoch; no request goes out before it.
    reason, cause
        Why it was opened, and the category of the failures.
    openings
        How often it was opened since the last success; 0 means closed.
    at
        When it was opened; a time that is still to come was taken from a clock that was ahead.
    """

    not_before: float = 0.0
    reason: str = ""
    openings: int = 0
    cause: str = ""
    at: float = 0.0


class Breaker:
    """The breaker of one service.

    Parameters
    ----------
    service
        Its name, for messages.
    state
        Where the breaker's state is kept.
    threshold
        Failures in a row that open it.
    clock
        Returns seconds since the epoch.
    """

    def __init__(
        self,
        service: str,
        state: ServiceState,
        *,
        threshold: int = 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.service = service
        self._kept = state
        self._threshold = threshold
        self._clock = clock
        self._failures = 0
        self._probing = False
        self._lock = threading.Lock()

    @property
    def _state(self) -> BreakerState:
        # Read every time: what is kept may have been read from the store only now.
        return BreakerState(**(self._kept.get(STATE_KEY) or {}))

    def parked_until(self) -> float | None:
        """Return ``not_before`` while the breaker is open, else None."""
        state, now = self._state, self._clock()
        return state.not_before if state.not_before > now and state.at <= now + _CLOCK_SLACK else None

    def admit(self) -> bool:
        """Say whether a request may go out now; False means: wait for the outcome of the probe.

        Raises
        ------
        ParkedError
            While the breaker is open.
        """
        with self._lock:
            self._raise_if_open()
            if not self._state.openings:
                return True
            if self._probing:
                return False
            self._probing = True
            return True

    def raise_if_open(self) -> None:
        """Raise ParkedError while the breaker is open; never take the place of the probe."""
        with self._lock:
            self._raise_if_open()

    def succeeded(self) -> None:
        """Close the breaker: the service has answered."""
        with self._lock:
            self._failures = 0
            self._probing = False
            # Answers to requests that were under way when the breaker opened do not close it.
            if self._state.openings and self.parked_until() is None:
                self._set(BreakerState())

    def failed(self, reason: str, cause: str = "", *, threshold: int | None = None) -> None:
        """Count a failure; enough in a row (or as many as ``threshold``), or a failed probe, open it."""
        with self._lock:
            self._failures += 1
            is_enough = self._failures >= (threshold or self._threshold)
            if self.parked_until() is None and (self._probing or is_enough):
                self._open(None, reason, cause)

    def open(self, reason: str, cause: str = "", *, seconds: float | None = None) -> None:
        """Open the breaker, for a time that the service named or for one that grows with every opening."""
        with self._lock:
            self._open(seconds, reason, cause)

    def abandon_probe(self) -> None:
        """Give the place of the probe back: the request was not sent after all."""
        with self._lock:
            self._probing = False

    def _raise_if_open(self) -> None:
        if (until := self.parked_until()) is not None:
            raise ParkedError(self.service, until, self._state.reason, self._state.cause)

    def _open(self, seconds: float | None, reason: str, cause: str) -> None:
        state, now = self._state, self._clock()
        if seconds is None:
            seconds = min(FIRST_REST * 2.0**state.openings, LONGEST_REST)
        not_before = max(now + seconds, self.parked_until() or 0.0)
        self._set(BreakerState(not_before, reason, state.openings + 1, cause, now))

    def _set(self, state: BreakerState) -> None:
        self._failures = 0
        self._probing = False
        self._kept.put(STATE_KEY, asdict(state))
