"""The one gate through which every request to a service passes.

It joins the rate limit, the adaptive delay, the pause that a service asked for, the circuit breaker and the
budget of the run. All waiting happens here, in one thread at a time, and ends at once when the run stops.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import stamina

from etl.services.errors import (
    BudgetSpentError,
    RateLimitedError,
    ServiceError,
    StoppedError,
    TransientError,
    UnauthorizedError,
)
from etl.services.pacing import AdaptiveDelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.services.breaker import Breaker
    from etl.services.ratelimit import RateLimit

T = TypeVar("T")

LONGEST_WAIT: Final = 30.0
"""Seconds of Retry-After that are waited out; above that the service is parked."""


@dataclass(frozen=True)
class Retries:
    """How often and how patiently a request is sent again; the pause doubles up to the longest."""

    attempts: int = 6
    first_pause: float = 0.2
    longest_pause: float = 10.0
    jitter: float = 0.5


@dataclass
class Traffic:
    """Counts of one run.

    Attributes
    ----------
    requests
        Look-ups sent, retries included; requests for tokens are not look-ups.
    troubles
        Failed requests by category.
    """

    requests: int = 0
    troubles: dict[str, int] = field(default_factory=dict)


class Politeness:
    """Admission to one service.

    Parameters
    ----------
    limit
        The rate limit with its persisted record.
    breaker
        The circuit breaker with its persisted state.
    stop
        Set it, and every wait ends with StoppedError.
    budget
        Requests that this run may send, None for no bound.
    delay
        The adaptive delay.
    retries
        How often a request is sent again.
    """

    def __init__(
        self,
        limit: RateLimit,
        breaker: Breaker,
        stop: threading.Event,
        *,
        budget: int | None = None,
        delay: AdaptiveDelay | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.limit = limit
        self.breaker = breaker
        self.stop = stop
        self.budget = budget
        self.delay = delay or AdaptiveDelay()
        self.retries = retries or Retries()
        self.traffic = Traffic()
        self._gate = threading.Lock()
        self._tally = threading.Lock()
        self._paused_until = 0.0
        self._last_sent = 0.0

    def admit(self) -> None:
        """Wait until a look-up may be sent, and count it.

        Raises
        ------
        ParkedError
            When the service must not be asked now.
        BudgetSpentError
            When the run has used up its requests.
        StoppedError
            When the run is ending.
        """
        with self._gate:
            while not self.breaker.admit():
                self._sleep(0.02)
            try:
                if self.budget is not None and self.traffic.requests >= self.budget:
                    raise BudgetSpentError(f"The budget of {self.budget} requests is spent.")
                self._wait_for_turn()
                self.limit.acquire(self.stop)
                self._sleep(0.0)
            except ServiceError:
                self.breaker.abandon_probe()
                raise
            self.traffic.requests += 1
            self._last_sent = time.monotonic()

    def admit_token_request(self) -> None:
        """Wait until an access token may be asked for; tokens count neither for budget nor rate."""
        self.breaker.raise_if_open()
        self._sleep(max(0.0, self._paused_until - time.monotonic()))

    def succeeded(self) -> None:
        """Report an answer that makes sense."""
        self.breaker.succeeded()
        with self._tally:
            self.delay.speed_up()

    def failed(self, error: ServiceError) -> None:
        """Report a failure: slow down, keep the pause that was asked for, count towards the breaker."""
        with self._tally:
            self.traffic.troubles[error.category] = self.traffic.troubles.get(error.category, 0) + 1
            if isinstance(error, UnauthorizedError):
                # Only the token is old; a probe is sent again with a new one.
                self.breaker.abandon_probe()
            else:
                self.delay.slow_down()
            if isinstance(error, RateLimitedError) and error.retry_after is not None:
                self._paused_until = max(self._paused_until, time.monotonic() + error.retry_after)
        self.breaker.failed(str(error))

    def park(self, error: RateLimitedError) -> None:
        """Report a rate limit that is not worth waiting for; opens the breaker.

        Raises
        ------
        ParkedError
            Always.
        """
        with self._tally:
            self.traffic.troubles[error.category] = self.traffic.troubles.get(error.category, 0) + 1
        self.breaker.open(str(error), seconds=error.retry_after)
        self.breaker.raise_if_open()

    def persist(self, request: Callable[[], T]) -> T:
        """Call ``request``, again and again while its failures are transient.

        Raises
        ------
        ParkedError
            When the service still asks for fewer requests after the last attempt.
        ServiceError
            The last failure, when it is not transient or the attempts are used up.
        """
        call = stamina.RetryingCaller(
            attempts=self.retries.attempts,
            timeout=None,
            wait_initial=self.retries.first_pause,
            wait_max=self.retries.longest_pause,
            wait_jitter=self.retries.jitter,
        )
        try:
            return call(self._backoff, request)
        except RateLimitedError as error:
            # A rate limit is never the fault of the item asked for.
            self.breaker.open(str(error))
            self.breaker.raise_if_open()
            raise

    def _backoff(self, error: Exception) -> bool | float:
        if not isinstance(error, TransientError) or self.stop.is_set():
            return False
        # A new token works at once, and the gate itself keeps a Retry-After.
        waits_elsewhere = isinstance(error, UnauthorizedError) or (
            isinstance(error, RateLimitedError) and error.retry_after is not None
        )
        return 0.0 if waits_elsewhere else True

    def _wait_for_turn(self) -> None:
        # Another thread may lengthen the pause while this one sleeps.
        while (wait := self._seconds_to_wait()) > 0:
            self._sleep(wait)
            self.breaker.raise_if_open()

    def _seconds_to_wait(self) -> float:
        return max(self._paused_until, self._last_sent + self.delay.seconds) - time.monotonic()

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds) if seconds > 0 else self.stop.is_set():
            raise StoppedError("The run is ending.")
