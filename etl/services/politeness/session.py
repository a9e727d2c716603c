"""A requests session that is polite, always has a timeout, and tells failures apart.

Every answer is judged here, before a client library sees it, so that its own retries and error texts never
come into play.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter

from etl.services.errors import (
    BadCredentialsError,
    ForbiddenError,
    GarbledError,
    NetworkError,
    NotFoundError,
    NullAnswerError,
    RateLimitedError,
    RejectedError,
    ServerError,
    ServiceError,
    UnauthorizedError,
)
from etl.services.politeness import LONGEST_WAIT
from etl.services.retry_after import retry_after_seconds

if TYPE_CHECKING:
    from etl.services.politeness import Politeness

QUOTA_EXCEEDED: Final = "QUOTA_EXCEEDED"
QUOTA_REST: Final = 6 * 3600.0
"""Seconds of rest after a used-up quota when the service names no time."""


class PoliteSession(requests.Session):
    """Sends requests through the politeness layer.

    Parameters
    ----------
    politeness
        The gate of the service.
    connections
        Connections kept open.
    timeout
        Seconds to connect, and between two pieces of the answer.
    for_tokens
        True for the session that only fetches access tokens.
    """

    def __init__(
        self,
        politeness: Politeness,
        *,
        connections: int = 1,
        timeout: tuple[float, float] = (5.0, 15.0),
        for_tokens: bool = False,
    ) -> None:
        super().__init__()
        self._politeness = politeness
        self._timeout = timeout
        self._for_tokens = for_tokens
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=0))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Send a request and return its answer when that has a status of 200 and holds a JSON object.

        Raises
        ------
        ServiceError
            Whatever else happened.
        """
        politeness = self._politeness
        if self._for_tokens:
            politeness.admit_token_request()
        else:
            politeness.admit()
        try:
            response = self._judged(method, url, *args, **(options | {"timeout": self._timeout}))
        except RateLimitedError as error:
            if (error.retry_after or 0.0) > LONGEST_WAIT:
                politeness.park(error)
            politeness.failed(error)
            raise
        except (NotFoundError, RejectedError, BadCredentialsError):
            politeness.succeeded()
            raise
        except ServiceError as error:
            politeness.failed(error)
            raise
        if not self._for_tokens:
            politeness.succeeded()
        return response

    def _judged(self, *args: Any, **options: Any) -> requests.Response:
        try:
            response = super().request(*args, **options)
        except requests.RequestException as error:
            # Its text and its request hold the address and the token: neither may travel on.
            raise NetworkError(_network_reason(error)) from None
        _raise_for_status(response, for_tokens=self._for_tokens)
        try:
            body = response.json()
        except ValueError:
            raise GarbledError("the answer is not JSON") from None
        if body is None:
            raise NullAnswerError("the answer is null")
        if not isinstance(body, dict):
            raise GarbledError("the answer is not a JSON object")
        return response


def _network_reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the secure connection failed"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer was cut short"
    if isinstance(error, requests.ConnectionError):
        return "the connection was refused or reset"
    return f"the request failed ({type(error).__name__})"


def _raise_for_status(response: requests.Response, *, for_tokens: bool) -> None:
    status = response.status_code
    if status == requests.codes.ok:
        return
    message, reason = _error_of(response)
    text = f"{status} {message}".strip()
    if status == requests.codes.too_many or reason == QUOTA_EXCEEDED:
        seconds = retry_after_seconds(response.headers.get("Retry-After"), now=time.time())
        if reason == QUOTA_EXCEEDED:
            # A pause that could be waited out is not what a used-up quota needs.
            raise RateLimitedError(
                f"{status} {QUOTA_EXCEEDED}", seconds if (seconds or 0) > LONGEST_WAIT else QUOTA_REST
            )
        raise RateLimitedError(text, seconds)
    if for_tokens and requests.codes.bad_request <= status < requests.codes.server_error:
        raise BadCredentialsError(text)
    if status == requests.codes.unauthorized:
        raise UnauthorizedError(text)
    if status == requests.codes.forbidden:
        raise ForbiddenError(text)
    if status == requests.codes.not_found:
        raise NotFoundError(text)
    if status >= requests.codes.server_error:
        raise ServerError(text)
    raise RejectedError(text)


def _error_of(response: requests.Response) -> tuple[str, str]:
    """Read message and reason of an error body, which may be anything; HTML and texts are left out."""
    try:
        error = json.loads(response.content)["error"]
    except (ValueError, TypeError, KeyError):
        return "", ""
    if isinstance(error, str):
        return _short(error), ""
    if not isinstance(error, dict):
        return "", ""
    return _short(error.get("message")), _short(error.get("reason"))


def _short(text: object) -> str:
    return " ".join(text.split())[:120] if isinstance(text, str) else ""
