"""Asking again: how long is waited after which failure, who decides, and what comes last."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from stamina import instrumentation

from etl.services.errors import (
    BadCredentialsError,
    InternalError,
    ParkedError,
    RateLimitedError,
    ServerError,
    UnauthorizedError,
)
from etl.services.politeness.gate import Gate
from etl.services.politeness.rates import Rates
from etl.services.politeness.retry import Patience, persist, persist_or_park
from etl.services.state import MemoryState
from tests.support.permits import permits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etl.services.errors import ServiceError

PATIENCE = Patience(attempts=4, first_pause=0.001, longest_pause=0.003, jitter=0.0)


@pytest.fixture
def gate() -> Gate:
    """Build the gate of a service without limits."""
    return Gate("Test", permits(Rates()), MemoryState(), threading.Event(), patience=PATIENCE)


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Collect how long is waited before each further attempt."""
    seen: list[float] = []
    instrumentation.set_on_retry_hooks([lambda details: seen.append(details.wait_for)])
    yield seen
    instrumentation.set_on_retry_hooks(None)


def failing(error: ServiceError) -> Callable[[], None]:
    """Make a request that always fails."""

    def request() -> None:
        raise error

    return request


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServerError("503"), [0.001, 0.002, 0.003]),
        (RateLimitedError("429", None), [0.001, 0.002, 0.003]),
        (RateLimitedError("429", 0.0), [0.0, 0.0, 0.0]),  # the gate itself keeps the pause
        (UnauthorizedError("401"), [0.0, 0.0, 0.0]),  # the next request has a new token
    ],
)
def test_pauses_double_where_nobody_else_waits(
    gate: Gate, waits: list[float], error: ServiceError, expected: list[float]
) -> None:
    """From the first to the longest, between as many attempts as patience has."""
    with pytest.raises((ServerError, ParkedError, BadCredentialsError)):
        persist(gate, failing(error))
    assert waits == pytest.approx(expected)


def test_whoever_asks_decides_with_the_number_of_the_attempt(gate: Gate, waits: list[float]) -> None:
    """One item of several may be to blame: then two attempts are enough."""
    seen = []

    def again(error: ServiceError, attempt: int) -> bool:
        seen.append((type(error), attempt))
        return attempt < 2

    with pytest.raises(InternalError):
        persist(gate, failing(InternalError("500")), again=again)
    assert seen == [(InternalError, 1), (InternalError, 2)]
    assert len(waits) == 1


def test_a_stopped_run_asks_no_more(gate: Gate, waits: list[float]) -> None:
    """The failure of the request that was under way is the last."""
    gate.stop.set()
    with pytest.raises(ServerError):
        persist(gate, failing(ServerError("503")))
    assert waits == []


def test_tokens_that_are_refused_from_the_start_are_those_of_a_refused_app(gate: Gate) -> None:
    """After a success it is but a failure like others."""
    with pytest.raises(BadCredentialsError, match="Test refuses the access tokens"):
        persist(gate, failing(UnauthorizedError("401")))
    gate.admit()
    gate.succeeded()
    with pytest.raises(UnauthorizedError):
        persist(gate, failing(UnauthorizedError("401")))


def test_where_no_item_is_to_blame_the_service_is_left_alone(gate: Gate) -> None:
    """For a minute at first, and with the reason of the last failure."""
    with pytest.raises(ParkedError, match="503 for a batch"):
        persist_or_park(gate, failing(ServerError("503 for a batch")))
    with pytest.raises(ParkedError, match="503 for a batch"):
        gate.admit()
