"""A requests session that is polite, capped in time and size, and has every answer judged before it counts.

It can be given to client libraries: their own retries and error texts never come into play, and what the
judge made of an answer is what they get from ``response.json()``.
"""

from __future__ import annotations

import base64
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import requests
import urllib3
from requests.adapters import HTTPAdapter

import etl
from etl.services.errors import AppError, ItemError, NetworkError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from etl.services.politeness.gate import Gate
    from etl.services.politeness.rates import Cost

_PIECE: Final = 65_536


class PoliteSession(requests.Session):
    """Sends requests through a gate.

    Parameters
    ----------
    gate
        Of the service.
    judge
        Gives what an answer means, or raises what is the matter
        (:meth:`etl.services.contract.Service.judge`).
    connections
        Connections kept open: the number of threads that use the session.
    secrets
        Texts that no error may quote, besides what is in the Authorization header.
    for_tokens
        True for the session that only fetches access tokens.
    """

    def __init__(
        self,
        gate: Gate,
        judge: Callable[[requests.Response], Any],
        *,
        connections: int = 1,
        secrets: Iterable[str] = (),
        for_tokens: bool = False,
    ) -> None:
        super().__init__()
        self._gate = gate
        self._judge = judge
        self._secrets = tuple(secrets)
        self._for_tokens = for_tokens
        self.headers["User-Agent"] = user_agent(gate.contact)
        # Without an `auth` of the session's own, requests takes one from ~/.netrc over the header.
        self.auth = _as_it_is
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=0))

    def request(
        self, method: str | bytes, url: str | bytes, *args: Any, cost: Cost | None = None, **options: Any
    ) -> requests.Response:
        """Send a request and return its answer when the judge approves.

        Parameters
        ----------
        method, url, *args, **options
            As :meth:`requests.Session.request` takes them; time-outs and redirects are the session's own.
        cost
            What the request costs, where the rates count more than requests.

        Raises
        ------
        ServiceError
            Whatever else happened.
        """
        gate = self._gate
        if self._for_tokens:
            gate.admit_token_request()
        else:
            gate.admit(cost)
        try:
            response = self._judged(method, url, *args, **options)
        except (ItemError, AppError):
            gate.succeeded()
            raise
        except ServiceError as error:
            gate.failed(error)
            raise
        except BaseException:
            gate.breaker.abandon_probe()
            raise
        if not self._for_tokens:
            gate.succeeded()
        return response

    def _judged(self, *args: Any, **options: Any) -> requests.Response:
        response = self._complete(*args, **options)
        value = self._judge(response)
        response.json = lambda **_: value  # type: ignore[method-assign]
        return response

    def _complete(self, *args: Any, **options: Any) -> requests.Response:
        """Send, and read the whole body within the caps."""
        patience = self._gate.patience
        options |= {
            "timeout": (patience.connect, patience.read),
            "allow_redirects": False,
            "stream": True,
        }
        deadline = time.monotonic() + patience.answer
        try:
            response = super().request(*args, **options)
            with closing(response):
                body = bytearray()
                while piece := response.raw.read1(_PIECE, decode_content=True):
                    body += piece
                    if len(body) > patience.answer_bytes:
                        raise NetworkError("the answer is too long")
                    if time.monotonic() > deadline:
                        raise NetworkError("the answer took too long")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Its text and its request hold the address and the token: neither may travel on.
            raise NetworkError(_network_reason(error)) from None
        # What requests itself does with a body that it has read.
        response._content = self._without_secrets(bytes(body), response)  # noqa: SLF001
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        return response

    def _without_secrets(self, body: bytes, response: requests.Response) -> bytes:
        """Cut out secrets that a server may have echoed, as they are or as headers and URLs hold them.

        What is judged may be quoted in errors, and those are shown and stored.
        """
        scheme, _, sent = str(response.request.headers.get("Authorization", "")).partition(" ")
        secrets = {*self._secrets, sent}
        if scheme == "Basic":
            secrets.update(base64.b64decode(sent).decode(errors="replace").split(":", 1))
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            encoded = base64.b64encode(secret.encode()).rstrip(b"=")
            for form in (secret.encode(), quote(secret, safe="").encode(), encoded):
                body = body.replace(form, b"***")
        return body


def user_agent(contact: str | None) -> str:
    """Name the program and whom to write to."""
    return f"music-etl/{etl.__version__}" + (f" ({contact})" if contact else "")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _network_reason(error: Exception) -> str:
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return "no answer in time"
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        return "the secure connection failed"
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.IncompleteRead)):
        return "the answer was cut short"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the answer was cut short"
    if isinstance(error, requests.ConnectionError):
        return "the connection was refused or reset"
    return f"the request failed ({type(error).__name__})"
