"""Asking again: how often, how patiently, and when a service says so itself.

References
----------
.. [1] RFC 9110, "HTTP Semantics", section 10.2.3: a number of seconds or an HTTP date.
"""

from __future__ import annotations

import logging
import re
import warnings
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from etl.services.errors import (
    BadCredentialsError,
    RateLimitedError,
    ServiceError,
    TransientError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.services.politeness.gate import Gate

T = TypeVar("T")

# Python 3.13 warns of how stamina keeps what it calls, on standard error and at each request.
warnings.filterwarnings("ignore", "functools.partial will be a method descriptor", FutureWarning)

LONGEST: Final = 7 * 24 * 3600.0
"""A week: whatever a header says, the service is probed again after that."""


@dataclass(frozen=True)
class Patience:
    """How long things may take, and how often they are tried.

    Attributes
    ----------
    attempts
        Times that a request is sent before its failure counts.
    failures
        Failures in a row after which the service is left alone for a while.
    first_pause, longest_pause, jitter
        Seconds between attempts: doubling from the first to the longest, plus at most the jitter.
    first_delay, longest_delay
        Bounds in seconds of the adaptive delay between any two requests.
    longest_wait
        Seconds of Retry-After, or until the next permit of a daily limit, that are waited out; above that the
        service is parked.
    connect, read
        Seconds to connect, and between two pieces of an answer.
    answer
        Seconds that a whole answer may take.
    answer_bytes
        Bytes that an answer may hold once unpacked.
    """

    attempts: int = 6
    failures: int = 20
    first_pause: float = 0.2
    longest_pause: float = 10.0
    jitter: float = 0.5
    first_delay: float = 0.1
    longest_delay: float = 10.0
    longest_wait: float = 30.0
    connect: float = 5.0
    read: float = 15.0
    answer: float = 60.0
    answer_bytes: int = 32 * 2**20


def persist(
    gate: Gate,
    request: Callable[[], T],
    *,
    again: Callable[[ServiceError, int], bool] = lambda _error, _attempt: True,
) -> T:
    """Call ``request``, again and again while its failures are transient.

    Parameters
    ----------
    gate
        Of the service; its patience says how often.
    request
        Sends a request.
    again
        Whether a transient failure of the attempt with this number, from 1, is worth another one.

    Raises
    ------
    ParkedError
        When the service still asks for fewer requests after the last attempt.
    BadCredentialsError
        When not even the first request of the run gets through with any token.
    ServiceError
        The last failure, when it is not transient or the attempts are used up.
    """
    import stamina  # noqa: PLC0415 - nothing but a request needs it

    # Retries log a warning each; without a handler Python would print them.
    logging.getLogger("stamina").addHandler(_SILENT)
    patience = gate.patience
    call = stamina.RetryingCaller(
        attempts=patience.attempts,
        timeout=None,
        wait_initial=patience.first_pause,
        wait_max=patience.longest_pause,
        wait_jitter=patience.jitter,
    )

    attempts = count(1)

    def backoff(error: Exception) -> bool | float:
        if not isinstance(error, TransientError) or gate.stop.is_set() or not again(error, next(attempts)):
            return False
        # A new token works at once, and the gate itself keeps a Retry-After.
        waits_elsewhere = isinstance(error, UnauthorizedError) or (
            isinstance(error, RateLimitedError) and error.retry_after is not None
        )
        return 0.0 if waits_elsewhere else True

    try:
        return call(backoff, request)
    except RateLimitedError as error:
        # A rate limit is never the fault of the item asked for.
        _park(gate, error)
        raise
    except UnauthorizedError as error:
        if gate.has_succeeded:
            raise
        raise BadCredentialsError(
            f"{gate.title} refuses the access tokens that it has just granted ({error}).",
            "Check that the app is still active and may use the web API.",
        ) from None


def persist_or_park(gate: Gate, request: Callable[[], T]) -> T:
    """Call ``request`` as :func:`persist` does, where no item is to blame when it fails to the last.

    Raises
    ------
    ParkedError
        When it does.
    ServiceError
        When it fails for good.
    """
    try:
        return persist(gate, request)
    except TransientError as error:
        _park(gate, error)
        raise


def _park(gate: Gate, error: TransientError) -> None:
    if gate.breaker.parked_until() is None:
        gate.breaker.open(str(error), error.category)
    gate.breaker.raise_if_open()


_SILENT: Final = logging.NullHandler()


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """Read a Retry-After header [1]_.

    Parameters
    ----------
    header
        The header's value, None when it is absent.
    now
        Seconds since the epoch.

    Returns
    -------
    float or None
        Seconds to wait, 0 to ``LONGEST``; None when the header is absent or makes no sense.

    Examples
    --------
    >>> retry_after_seconds("85327", now=0)
    85327.0
    >>> retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", now=0)
    60.0
    >>> retry_after_seconds("soon", now=0) is None
    True
    """
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
        return min(float(text), LONGEST)
    when = http_date(text)
    return None if when is None else min(max(when - now, 0.0), LONGEST)


def http_date(text: str) -> float | None:
    """Read an HTTP date as seconds since the epoch, None when it is none.

    Examples
    --------
    >>> http_date("Thu, 01 Jan 1970 00:01:00 GMT"), http_date("Thu Jan  1 00:01:00 1970")
    (60.0, 60.0)
    """
    try:
        when = parsedate_to_datetime(text)
        # The oldest form names no zone; all forms mean UTC.
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
