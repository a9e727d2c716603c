"""What HTTP says by itself, for services that do not say otherwise: statuses, times to wait, JSON bodies."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.services.errors import (
    ForbiddenError,
    ForeignError,
    GarbledError,
    InternalError,
    NotFoundError,
    NullAnswerError,
    RateLimitedError,
    RejectedError,
    ServerError,
    UnauthorizedError,
)
from etl.services.politeness.retry import http_date, retry_after_seconds

if TYPE_CHECKING:
    import requests

_NOT_NOW: Final = (408, 421, 425)  # "request timeout", "misdirected", "too early": the server's trouble
_OF_THE_WAY: Final = (407, 511)  # a proxy, or a network that wants a login
_CLASSES: Final = {401: UnauthorizedError, 403: ForbiddenError, 404: NotFoundError}


def raise_for_status(
    response: requests.Response, message: str = "", *, status: int | None = None, is_own: bool = True
) -> None:
    """Raise the error of a status other than 200.

    Parameters
    ----------
    response
        The answer.
    message
        What the service says about it, short and without secrets.
    status
        The status that counts, where the body names another than the header.
    is_own
        Whether the body has the form in which the service reports errors. If not, a status of the 400s is
        not about what was asked for: a proxy, a captive portal or a wrong address has answered.

    Raises
    ------
    ServiceError
        Of the class that the status calls for. A 503 that names a time, or says that no requests are left,
        is a rate limit, as a 429 is.
    """
    status = response.status_code if status is None else status
    if status == 200:
        return
    text = f"{status} {message}".strip()
    seconds = retry_after(response)
    if seconds is None:
        seconds = window_left(response)
    if status == 429 or (status == 503 and seconds is not None):
        raise RateLimitedError(text, seconds)
    if status == 500:
        raise InternalError(text)
    if status in _OF_THE_WAY:
        raise ForeignError(f"{status} a proxy or the network wants a login")
    if status > 500 or status in _NOT_NOW:
        raise ServerError(text)
    if 300 <= status < 400:
        raise ForeignError(f"{status} a redirection, which is not followed")
    if not is_own:
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        raise ForeignError(f"{status} {kind[:40]}, not in the form of the service")
    raise _CLASSES.get(status, RejectedError)(text)


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the answer asks to wait, None when it names no usable time."""
    return retry_after_seconds(response.headers.get("Retry-After"), now=_time_of(response))


def window_left(response: requests.Response) -> float | None:
    """Seconds until the service counts anew, when it says that no request is left until then.

    Read from ``X-RateLimit-Remaining`` and ``-Reset`` (or without ``X-``): the reset is a time in seconds or
    milliseconds since the epoch, or a number of seconds from now on.
    """
    headers = response.headers
    for prefix in ("X-RateLimit-", "RateLimit-"):
        with suppress(KeyError, ValueError):
            remaining, reset = float(headers[f"{prefix}Remaining"]), float(headers[f"{prefix}Reset"])
            if remaining > 0:
                return None
            now = _time_of(response)
            seconds = reset / 1000 - now if reset > 1e11 else reset - now if reset > 1e9 else reset
            return retry_after_seconds(f"{max(seconds, 0.0):.3f}", now=now)
    return None


def _time_of(response: requests.Response) -> float:
    """Now by the clock of the service, against which its times are meant; by ours if it does not tell."""
    told = http_date(response.headers.get("Date", ""))
    return time.time() if told is None else told


def json_object(response: requests.Response) -> dict[str, Any]:
    """Read the body as a JSON object, as :func:`json_value` does.

    Raises
    ------
    GarbledError
        When it is something else.
    """
    body = json_value(response)
    if not isinstance(body, dict):
        raise GarbledError("the answer is not a JSON object")
    return body


def json_value(response: requests.Response) -> Any:
    """Read the body as JSON in UTF-8, whatever type and charset the headers claim.

    Raises
    ------
    ForeignError
        When it is a page for people.
    GarbledError
        When it is not JSON; NullAnswerError for null.
    """
    try:
        body = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        if response.content.lstrip().startswith(b"<"):
            raise ForeignError(f"{response.status_code} a page in place of JSON") from None
        raise GarbledError("the answer is not JSON") from None
    if body is None:
        raise NullAnswerError("the answer is null")
    return body


@dataclass(frozen=True, slots=True)
class Complaint:
    """An ``error`` in a body.

    Attributes
    ----------
    status
        The status that it names, None if it names none.
    message, reason
        What it says, cut short; may be empty.
    """

    status: int | None
    message: str
    reason: str


def complaint_of(response: requests.Response) -> Complaint | None:
    """Read the ``error`` in a body, an object or a text; None if there is none."""
    try:
        body = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    match body:
        case {"error": str(text)}:
            more = body.get("error_description")
            return Complaint(None, _short(f"{text} {more}" if isinstance(more, str) else text), "")
        case {"error": dict(error)}:
            status = error.get("status")
            return Complaint(
                status if type(status) is int else None,
                _short(error.get("message")),
                _short(error.get("reason")),
            )
    return None


def _short(text: object) -> str:
    return " ".join(text.split())[:120] if isinstance(text, str) else ""
