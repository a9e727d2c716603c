"""The one gate through which every request to a service passes.

It joins the rates, the adaptive delay, the pause that a service asked for, the circuit breaker and the
budget of the run. All waiting happens here, in one thread at a time, and ends at once when the run stops.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from etl.runtime.clock import CLOCK, Clock
from etl.runtime.wording import number_of
from etl.services.errors import (
    AppError,
    BatchesRefusedError,
    BudgetSpentError,
    ForbiddenError,
    InternalError,
    ItemError,
    QuotaError,
    RateLimitedError,
    ServiceError,
    StoppedError,
    UnauthorizedError,
    WayError,
)
from etl.services.politeness.breaker import Breaker
from etl.services.politeness.delay import AdaptiveDelay
from etl.services.politeness.retry import Patience

if TYPE_CHECKING:
    from etl.services.politeness.rates import Cost, Permits
    from etl.services.state import ServiceState

QUOTA_REST: Final = 6 * 3600.0
"""Seconds of rest after a used-up quota when the service names no time, or one that could be waited out."""

QUOTA_KEY: Final = "quota"
"""Where the number of requests that went before the quota was used up is kept."""

REFUSALS: Final = 3
"""Requests that an app may be forbidden before its first success; then the app is refused, not the items."""

UNKNOWN: Final = 20
"""Items that may be unknown or rejected before the first success; then it is not the service that answers."""


@dataclass
class Traffic:
    """Counts of one run.

    Attributes
    ----------
    requests
        Look-ups sent, retries included; requests for tokens are not look-ups.
    successes
        Answers that made sense.
    troubles
        Failed requests by category.
    """

    requests: int = 0
    successes: int = 0
    troubles: dict[str, int] = field(default_factory=dict)


class Gate:
    """Admission to one service.

    Parameters
    ----------
    title
        The service's name, for people.
    permits
        Grants permits within the rates.
    state
        What is kept from run to run: the breaker, and what was learned.
    stop
        Set it, and every wait ends with StoppedError.
    budget
        Requests that this run may send, None for no bound.
    patience
        How long things may take.
    contact
        Who sends the requests, such as an address or a page; part of the User-Agent.
    clock
        By which pauses and the breaker go.
    """

    def __init__(
        self,
        title: str,
        permits: Permits,
        state: ServiceState,
        stop: threading.Event,
        *,
        budget: int | None = None,
        patience: Patience | None = None,
        contact: str | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        self.title = title
        self.permits = permits
        self.state = state
        self.stop = stop
        self.budget = budget
        self.patience = patience or Patience()
        self.contact = contact
        self.clock = clock
        self.breaker = Breaker(title, state, threshold=self.patience.failures, clock=clock.time)
        self.delay = AdaptiveDelay(self.patience.first_delay, self.patience.longest_delay)
        self.traffic = Traffic()
        self._one_at_a_time = threading.Lock()
        self._tally = threading.Lock()
        self._refusals = self._unknown = 0
        self._paused_until = 0.0
        self._last_sent = 0.0

    @property
    def has_succeeded(self) -> bool:
        """Whether any answer of this run made sense: service, way and app are as they should be."""
        return self.traffic.successes > 0

    @property
    def pause(self) -> float:
        """Seconds that the service has asked to be left alone for from now on; 0 for none."""
        return max(0.0, self._paused_until - self.clock.monotonic())

    def admit(self, cost: Cost | None = None) -> None:
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
        with self._one_at_a_time:
            while not self.breaker.admit():
                self._sleep(0.02)
            try:
                if self.budget is not None and self.traffic.requests >= self.budget:
                    raise BudgetSpentError(f"The budget of {number_of(self.budget, 'request')} is spent.")
                self._wait_for_turn()
                self._sleep(0.0)
                self.permits.acquire(self.stop, cost=cost, longest_wait=self.patience.longest_wait)
                # While this thread waited for its permit, another may have been told to pause.
                self._wait_for_turn()
                self.breaker.raise_if_open()
            except ServiceError:
                self.breaker.abandon_probe()
                raise
            self.traffic.requests += 1
            self._last_sent = self.clock.monotonic()

    def admit_token_request(self) -> None:
        """Wait until an access token may be asked for; tokens count neither for budget nor rates."""
        self.breaker.raise_if_open()
        self._sleep(self.pause)

    def succeeded(self) -> None:
        """Report an answer that makes sense."""
        self.breaker.succeeded()
        with self._tally:
            self.traffic.successes += 1
            self.delay.speed_up()

    def answered(self, error: ItemError | AppError) -> None:
        """Report that the service has answered, and refuses the item or the app.

        Raises
        ------
        ParkedError
            When it has never said anything else in this run: then it is not the items that are wrong.
        """
        self.breaker.succeeded()
        if self.has_succeeded or isinstance(error, AppError):
            return
        with self._tally:
            self._unknown += 1
        if self._unknown >= UNKNOWN:
            self.breaker.open(f"{UNKNOWN} answers and none but: {error}", error.category)
            self.breaker.raise_if_open()

    def rest(self, seconds: float) -> None:
        """Let nobody send anything for so long, for the service has said that it will not answer."""
        if seconds > self.patience.longest_wait:
            self.breaker.open("no requests are left", RateLimitedError.category, seconds=seconds)
            return
        with self._tally:
            self._paused_until = max(self._paused_until, self.clock.monotonic() + seconds)

    def failed(self, error: ServiceError) -> None:
        """Report a failure: slow down, keep the pause that was asked for, count towards the breaker.

        Raises
        ------
        ParkedError
            When the service names a time that is not worth waiting for, or its quota is used up.
        AppError
            When all that it was asked is forbidden.
        """
        with self._tally:
            self.traffic.troubles[error.category] = self.traffic.troubles.get(error.category, 0) + 1
        if isinstance(error, RateLimitedError) and (seconds := self._rest(error)) is not None:
            with self._tally:
                # The first refusal tells most about the quota; others were under way with it.
                is_first = self.breaker.parked_until() is None
                if isinstance(error, QuotaError) and self.traffic.requests and is_first:
                    self.state.put(QUOTA_KEY, self.permits.sent_last_day())
                self.breaker.open(str(error), error.category, seconds=seconds)
            self.breaker.raise_if_open()
        with self._tally:
            if isinstance(error, UnauthorizedError):
                # Only the token is old; a probe is sent again with a new one.
                self.breaker.abandon_probe()
            elif not isinstance(error, InternalError):  # which may be the fault of an item
                self.delay.slow_down()
            if isinstance(error, RateLimitedError) and error.retry_after is not None:
                self._paused_until = max(self._paused_until, self.clock.monotonic() + error.retry_after)
        # Where nothing has ever come through, the way is wrong, and asking further shows nothing new.
        is_way = isinstance(error, WayError) and not self.has_succeeded
        self.breaker.failed(str(error), error.category, threshold=self.patience.attempts if is_way else None)
        is_refusal = isinstance(error, ForbiddenError) and not isinstance(error, BatchesRefusedError)
        if is_refusal and not self.has_succeeded:
            with self._tally:
                self._refusals += 1
            if self._refusals >= REFUSALS:
                raise AppError(
                    f"{self.title} refuses all requests of this app ({error}).",
                    "Check the app and its owner's account on the service's developer page.",
                )

    def _rest(self, error: RateLimitedError) -> float | None:
        """Seconds for which the service is parked; None when the pause can be waited out."""
        if (error.retry_after or 0.0) > self.patience.longest_wait:
            return error.retry_after
        return QUOTA_REST if isinstance(error, QuotaError) else None

    def _wait_for_turn(self) -> None:
        # Another thread may lengthen the pause while this one sleeps.
        while (wait := self._seconds_to_wait()) > 0:
            self._sleep(wait)
            self.breaker.raise_if_open()

    def _seconds_to_wait(self) -> float:
        return max(self._paused_until, self._last_sent + self.delay.seconds) - self.clock.monotonic()

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds) if seconds > 0 else self.stop.is_set():
            raise StoppedError("The run is ending.")
