"""A requests session that is polite, capped in time and size, and has every answer judged before it counts.

It can be given to client libraries: their own retries and error texts never come into play, and what the
judge made of an answer is what they get from ``response.json()``.
"""

from __future__ import annotations

import base64
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import requests
import urllib3

import etl
from etl.services.errors import AppError, ItemError, NetworkError, ServiceError
from etl.services.politeness.deadline import TimelyAdapter
from etl.services.statuses import window_left

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
        self._environment: dict[tuple[object, ...], Any] = {}
        self.headers["User-Agent"] = user_agent(gate.contact)
        # Without an `auth` of the session's own, requests takes one from ~/.netrc over the header.
        self.auth = _as_it_is
        for scheme in ("https://", "http://"):
            self.mount(scheme, TimelyAdapter(gate.patience.answer, connections=connections))

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        *args: Any,
        cost: Cost | None = None,
        admitted: Callable[[], None] | None = None,
        **options: Any,
    ) -> requests.Response:
        """Send a request and return its answer when the judge approves.

        Parameters
        ----------
        method, url, *args, **options
            As :meth:`requests.Session.request` takes them; time-outs and redirects are the session's own.
        cost
            What the request costs, where the rates count more than requests.
        admitted
            Called when the request may go, right before it does.

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
            if admitted is not None:
                admitted()
            response = self._judged(method, url, *args, **options)
        except (ItemError, AppError) as error:
            gate.answered(error)
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

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Give what the environment says of proxies and certificates, looked up once for each server.

        requests goes through all variables twice for each request.
        """
        if proxies:  # given for this request; the session's own are merged into them
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        place = (*urlsplit(url)[:2], stream, verify, cert)
        if place not in self._environment:
            self._environment[place] = super().merge_environment_settings(url, proxies, stream, verify, cert)
        return {**self._environment[place], "proxies": dict(self._environment[place]["proxies"])}

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Give nothing, for nothing is followed; requests would read the whole body, and where it leads."""
        del resp

    def _judged(self, *args: Any, **options: Any) -> requests.Response:
        response = self._complete(*args, **options)
        forms = _forms({*self._secrets, *_credentials_of(response)})
        # What is judged may be quoted in errors, and those are shown and stored. A server may have echoed
        # secrets; in JSON they may be spelled in ways that only show once it is read.
        response._content = _without(forms, response.content)  # noqa: SLF001
        try:
            value = self._judge(response)
        except ServiceError as error:
            error.args = tuple(
                _without(forms, str(text).encode(errors="replace")).decode() for text in error.args
            )
            raise
        if (seconds := window_left(response)) is not None:
            self._gate.rest(seconds)
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
        host = urlsplit(str(args[1])).hostname or "the server"
        try:
            response = super().request(*args, **options)
            with closing(response):
                body = bytearray()
                while piece := response.raw.read1(_PIECE, decode_content=True):
                    body += piece
                    if len(body) > patience.answer_bytes:
                        raise NetworkError("the answer is too long")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Its text and its request hold the address and the token: neither may travel on.
            raise NetworkError(_network_reason(error, host)) from None
        # What requests itself does with a body that it has read.
        response._content = bytes(body)  # noqa: SLF001
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        return response


def _credentials_of(response: requests.Response) -> set[str]:
    """Give what the request has sent as credentials, packed and unpacked."""
    scheme, _, sent = str(response.request.headers.get("Authorization", "")).partition(" ")
    unpacked = base64.b64decode(sent).decode(errors="replace").split(":", 1) if scheme == "Basic" else []
    return {sent, *unpacked}


def _forms(secrets: Iterable[str]) -> list[bytes]:
    """List the ways to spell secrets: as they are, as headers, URLs and dumps hold them; longest first."""
    forms = set()
    for secret in filter(None, secrets):
        plain = secret.encode()
        packed = base64.b64encode(plain).rstrip(b"=")
        forms |= {plain, quote(secret, safe="").encode(), plain.hex().encode(), packed}
        forms.add(packed.translate(bytes.maketrans(b"+/", b"-_")))
    return sorted(forms, key=len, reverse=True)


def _without(forms: Iterable[bytes], text: bytes) -> bytes:
    for form in forms:
        text = text.replace(form, b"***")
    return text


def user_agent(contact: str | None) -> str:
    """Name the program and whom to write to."""
    return f"music-etl/{etl.__version__}" + (f" ({contact})" if contact else "")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _network_reason(error: Exception, host: str) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return f"no server is known by the name {host}"
    for kinds, reason in _REASONS:
        if isinstance(error, kinds):
            return reason.format(host=host)
    return f"the request failed ({type(error).__name__})"


_REASONS: Final = (
    ((requests.exceptions.ProxyError,), "the proxy does not connect"),
    ((requests.Timeout, urllib3.exceptions.TimeoutError), "no answer in time"),
    (
        (requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        "the secure connection to {host} failed",
    ),
    (
        (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError),
        "the answer was cut short",
    ),
    ((requests.ConnectionError,), "the connection was refused or reset"),
)
