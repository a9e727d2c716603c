"""The politeness layer: Retry-After, adaptive delay, circuit breaker, rate limit, budget."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from etl.services.errors import (
    BudgetSpentError,
    GarbledError,
    NotFoundError,
    ParkedError,
    RateLimitedError,
    ServerError,
    StoppedError,
    UnauthorizedError,
)
from etl.services.politeness.breaker import FIRST_REST, LONGEST_REST, STATE_KEY, Breaker
from etl.services.politeness.delay import AdaptiveDelay
from etl.services.politeness.gate import Gate
from etl.services.politeness.rates import Rates
from etl.services.politeness.retry import LONGEST, Patience, persist, retry_after_seconds
from etl.services.state import MemoryState
from tests.support.permits import permits

if TYPE_CHECKING:
    from etl.services.errors import ServiceError

FAST = Patience(
    attempts=3, first_pause=0.001, longest_pause=0.002, jitter=0.0, first_delay=0.0001, longest_delay=0.001
)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def polite(*, budget: int | None = None, state: MemoryState | None = None) -> Gate:
    """Build a gate that waits for nothing unless it must."""
    return Gate(
        "Test",
        permits(Rates()),
        state or MemoryState(),
        threading.Event(),
        budget=budget,
        patience=FAST,
    )


def opened(not_before: float) -> MemoryState:
    """Make the state of a breaker that was opened once."""
    return MemoryState(breaker={"not_before": not_before, "reason": "quota", "openings": 1})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1.0),
        (" 85327 ", 85327.0),
        ("0.5", 0.5),
        ("999999999999", LONGEST),
        (format_datetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=90), usegmt=True), 90.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e5", None),
        ("nan", None),
        ("Infinity", None),
        ("٣", None),
    ],
)
def test_retry_after_reads_seconds_and_dates_and_nothing_else(
    header: str | None, seconds: float | None
) -> None:
    """A number or an HTTP date gives seconds, at most a week; everything else gives None."""
    assert retry_after_seconds(header, now=datetime(2026, 1, 1, tzinfo=UTC).timestamp()) == seconds


def test_dates_without_a_zone_are_of_greenwich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the user lives: the oldest form of an HTTP date names no zone."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        for date in ("Thu Jan  1 00:01:00 1970", "Thu, 01 Jan 1970 00:01:00 -0000"):
            assert retry_after_seconds(date, now=0.0) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text())
def test_retry_after_survives_any_header(header: str) -> None:
    """Whatever the header says, the result is None or within 0 and a week."""
    seconds = retry_after_seconds(header, now=0.0)
    assert seconds is None or 0.0 <= seconds <= LONGEST


def test_delay_doubles_on_trouble_and_recovers() -> None:
    """Each trouble doubles the delay up to its bound; successes bring it back to none."""
    delay = AdaptiveDelay(first=0.1, longest=1.0, recovery=0.5)
    seen = []
    for _ in range(6):
        delay.slow_down()
        seen.append(delay.seconds)
    assert seen == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    for _ in range(20):
        delay.speed_up()
    assert delay.seconds == 0.0


def test_breaker_opens_after_failures_in_a_row_and_rests_longer_each_time() -> None:
    """The rest doubles with every failed probe, up to the longest."""
    clock = Clock()
    breaker = Breaker("Test", MemoryState(), threshold=3, clock=clock)
    for _ in range(3):
        assert breaker.admit()
        breaker.failed("500")
    rests = []
    for _ in range(9):
        until = breaker.parked_until()
        assert until is not None
        rests.append(until - clock.now)
        with pytest.raises(ParkedError):
            breaker.admit()
        clock.now = until
        assert breaker.admit()
        breaker.failed("500")
    assert rests == [min(FIRST_REST * 2**n, LONGEST_REST) for n in range(9)]


def test_a_success_between_failures_keeps_the_breaker_closed() -> None:
    """Only failures in a row count."""
    breaker = Breaker("Test", MemoryState(), threshold=3)
    for _ in range(10):
        breaker.failed("500")
        breaker.failed("500")
        breaker.succeeded()
    assert breaker.parked_until() is None


def test_half_open_breaker_lets_one_probe_through_and_closes_on_its_success() -> None:
    """After ``not_before`` a single request goes out; when it succeeds, all may."""
    clock = Clock()
    state = opened(clock.now - 1)
    breaker = Breaker("Test", state, clock=clock)
    assert [breaker.admit() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert [breaker.admit() for _ in range(3)] == [True, True, True]
    assert state.get(STATE_KEY)["openings"] == 0


def test_open_breaker_survives_a_restart() -> None:
    """A new process with the same store admits nothing before ``not_before``, and says why."""
    clock, store = Clock(), MemoryState()
    Breaker("Test", store, clock=clock).open("429 too many", seconds=85_327)
    with pytest.raises(ParkedError, match="429 too many") as caught:
        Breaker("Test", store, clock=clock).admit()
    assert caught.value.not_before == clock.now + 85_327


def test_late_answers_do_not_close_an_open_breaker() -> None:
    """Answers to requests that were under way when the breaker opened change nothing."""
    store = MemoryState()
    breaker = Breaker("Test", store)
    breaker.open("quota", seconds=1000)
    breaker.succeeded()
    assert breaker.parked_until() is not None


def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    """Two answers that park the service leave the later of the two times."""
    clock = Clock()
    breaker = Breaker("Test", MemoryState(), clock=clock)
    breaker.open("429", seconds=85_327)
    breaker.open("429", seconds=60)
    assert breaker.parked_until() == clock.now + 85_327


def test_budget_counts_every_request_of_the_run() -> None:
    """After the budget is spent nothing more is admitted."""
    gate = polite(budget=3)
    for _ in range(3):
        gate.admit()
    with pytest.raises(BudgetSpentError):
        gate.admit()
    assert gate.traffic.requests == 3


@pytest.mark.parametrize("trouble", [ServerError("500"), GarbledError("cut"), UnauthorizedError("401")])
def test_transient_failures_are_asked_again(trouble: ServiceError) -> None:
    """A failure that may go away is retried until it does."""
    answers = [trouble, trouble, None]

    def request() -> str:
        if error := answers.pop(0):
            raise error
        return "well"

    assert persist(polite(), request) == "well"


def test_final_failures_are_not_asked_again() -> None:
    """An item that does not exist is asked for once."""
    calls = []

    def request() -> None:
        calls.append(1)
        raise NotFoundError("404")

    with pytest.raises(NotFoundError):
        persist(polite(), request)
    assert len(calls) == 1


def test_lasting_rate_limit_parks_the_service_rather_than_blaming_the_item() -> None:
    """When the last attempt is still told to slow down, the service rests."""
    gate = polite()

    def request() -> None:
        raise RateLimitedError("429", None)

    with pytest.raises(ParkedError):
        persist(gate, request)
    assert gate.breaker.parked_until() is not None


def test_short_retry_after_holds_back_every_thread() -> None:
    """No request of any thread goes out during the pause that one of them was told to keep."""
    gate = polite()
    gate.admit()
    gate.failed(RateLimitedError("429", 0.3))
    start, admitted = time.monotonic(), []

    def work() -> None:
        gate.admit()
        admitted.append(time.monotonic() - start)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(admitted) > 0.29


def test_pause_that_comes_while_a_thread_waits_for_its_permit_holds_it_back() -> None:
    """The permit is there before the pause is over; the request is not sent before its end."""
    gate = Gate("Test", permits(Rates(0.3)), MemoryState(), threading.Event(), patience=FAST)
    gate.admit()
    start, admitted = time.monotonic(), []

    def work() -> None:
        gate.admit()
        admitted.append(time.monotonic() - start)

    thread = threading.Thread(target=work)
    thread.start()
    gate.failed(RateLimitedError("429", 0.8))
    thread.join()
    assert admitted[0] > 0.75


def test_stopped_run_sends_nothing_more() -> None:
    """Even when there is nothing to wait for."""
    gate = polite()
    gate.stop.set()
    with pytest.raises(StoppedError):
        gate.admit()
    assert gate.traffic.requests == 0


def test_stopping_ends_every_wait() -> None:
    """Threads that wait for a long pause to end go home as soon as the run is stopped."""
    gate = polite()
    gate.failed(RateLimitedError("429", 30.0))
    stopped = []

    def work() -> None:
        with pytest.raises(StoppedError):
            gate.admit()
        stopped.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.stop.set()
    for thread in threads:
        thread.join(timeout=10)
    assert stopped == [True] * 4


def test_probe_that_meets_an_old_token_is_sent_again() -> None:
    """A refused token says nothing about the service, so the probe may go out once more."""
    state = opened(1.0)
    gate = polite(state=state)
    gate.admit()
    gate.failed(UnauthorizedError("401"))
    gate.admit()
    gate.succeeded()
    assert state.get(STATE_KEY)["openings"] == 0


def test_probe_that_is_not_sent_leaves_its_place_to_the_next() -> None:
    """A probe stopped by the budget does not keep the breaker waiting for its outcome."""
    gate = polite(budget=0, state=opened(1.0))
    with pytest.raises(BudgetSpentError):
        gate.admit()
    assert gate.breaker.admit()


def test_parking_by_a_clock_that_was_ahead_is_over_at_once() -> None:
    """A breaker that was opened tomorrow lets a probe through today."""
    clock = Clock()
    clock.now += 86_400
    state = MemoryState()
    Breaker("Test", state, clock=clock).open("429", seconds=3600)
    clock.now -= 86_400
    breaker = Breaker("Test", state, clock=clock)
    assert breaker.parked_until() is None
    assert breaker.admit()
    breaker.succeeded()
    assert state.get(STATE_KEY)["openings"] == 0


def test_rests_double_from_a_minute_to_an_hour_and_begin_anew_after_a_success() -> None:
    """Where no service says how long."""
    now = [1_000_000.0]
    breaker = Breaker("Test", MemoryState(), clock=lambda: now[0])
    rests = []
    for _ in range(8):
        breaker.open("down")
        until = breaker.parked_until()
        assert until is not None
        rests.append(until - now[0])
        now[0] = until
    assert rests == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    breaker.succeeded()
    breaker.open("down")
    assert breaker.parked_until() == now[0] + 60
