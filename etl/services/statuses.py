"""What HTTP says by itself, for services that do not say otherwise: statuses, Retry-After, JSON bodies."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from etl.services.errors import (
    ForbiddenError,
    GarbledError,
    NotFoundError,
    NullAnswerError,
    RateLimitedError,
    RejectedError,
    ServerError,
    UnauthorizedError,
)
from etl.services.politeness.retry import retry_after_seconds

if TYPE_CHECKING:
    import requests

_NOT_NOW: Final = (408, 425)  # "request timeout" and "too early" are the server's trouble


def raise_for_status(response: requests.Response, message: str = "") -> None:
    """Raise the error of a status other than 200.

    Parameters
    ----------
    response
        The answer.
    message
        What the service says about it, short and without secrets.

    Raises
    ------
    ServiceError
        Of the class that the status calls for. A 503 that names a time is a rate limit, as a 429 is.
    """
    status = response.status_code
    if status == 200:
        return
    text = f"{status} {message}".strip()
    seconds = retry_after(response)
    if status == 429 or (status == 503 and seconds is not None):
        raise RateLimitedError(text, seconds)
    if status >= 500 or status in _NOT_NOW:
        raise ServerError(text)
    if 300 <= status < 400:
        raise GarbledError(f"{status} a redirection, which is not followed")
    raise _CLASSES.get(status, RejectedError)(text)


_CLASSES: Final = {401: UnauthorizedError, 403: ForbiddenError, 404: NotFoundError}


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the answer asks to wait, None when it names no usable time."""
    return retry_after_seconds(response.headers.get("Retry-After"), now=time.time())


def json_object(response: requests.Response) -> dict[str, Any]:
    """Read the body as a JSON object in UTF-8, whatever type and charset the headers claim.

    Raises
    ------
    GarbledError
        When it is none; NullAnswerError for null.
    """
    try:
        body = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise GarbledError("the answer is not JSON") from None
    if body is None:
        raise NullAnswerError("the answer is null")
    if not isinstance(body, dict):
        raise GarbledError("the answer is not a JSON object")
    return body


def error_of(response: requests.Response) -> tuple[str, str]:
    """Read message and reason of an ``error`` in the body, which may be anything; HTML is left out."""
    try:
        error = json.loads(response.content)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", ""
    if isinstance(error, str):
        return _short(error), ""
    if not isinstance(error, dict):
        return "", ""
    return _short(error.get("message")), _short(error.get("reason"))


def _short(text: object) -> str:
    return " ".join(text.split())[:120] if isinstance(text, str) else ""
