"""A server on the loopback that behaves like Spotify: tokens, single and batch look-ups, scripted faults.

Run as a script it serves until it is stopped, prints its address, and answers ``GET /stats`` with its counts.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.support.loopback import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CLIENT_ID = "app0000000000000000000000000000c"
CLIENT_SECRET = "secret00000000000000000000000s3cret"  # noqa: S105 - of this server only

BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

ODD_NAMES = (
    'The "Quotes"',
    "Commas, and, more",
    "Line one\nline two\r\nline three",
    "🎸🔥 émøji",
    "أم كلثوم",
    "=cmd|' /C calc'!A0",
    "+1 -1 @SUM(1)",
    "  spaces  ",
    "\\backslash\\",
    "tab\there",
)


def spotify_id(kind: str, number: int) -> str:
    """Make the 22 base-62 characters of the item with this number."""
    value = int.from_bytes(hashlib.sha256(f"{kind}{number}".encode()).digest()[:16], "big")
    digits = ""
    for _ in range(22):
        value, digit = divmod(value, 62)
        digits = BASE62[digit] + digits
    return digits


def name_of(kind: str, item_id: str) -> str:
    """Return the name that the server gives an id; one in eight is odd."""
    number = stable_hash(item_id)
    if number % 8 == 0:
        return ODD_NAMES[number // 8 % len(ODD_NAMES)]
    return f"{kind.title()} {item_id[:6]}"


def stable_hash(text: str) -> int:
    """Hash a text to a number that is the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


@dataclass(frozen=True)
class Fault:
    """One odd answer. ``kind`` is a status answer, or a way to break the connection or the body."""

    kind: str = "status"
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    seconds: float = 0.0


def too_many(retry_after: str | None = "1", reason: str | None = None) -> Fault:
    """Answer 429 with this Retry-After header and reason."""
    error = {"status": 429, "message": "API rate limit exceeded"} | ({"reason": reason} if reason else {})
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(status=429, headers=headers, body=json.dumps({"error": error}).encode())


SERVER_ERROR = Fault(status=500)
BAD_GATEWAY_HTML = Fault(
    status=502, headers={"Content-Type": "text/html"}, body=b"<html><h1>502 Bad Gateway</h1></html>"
)
UNAVAILABLE = Fault(status=503, body=b"")
STRING_ERROR = Fault(status=500, body=b'"upstream connect error"')
RESET = Fault("reset")
TRUNCATED_JSON = Fault("truncated")
SHORT_BODY = Fault("short")
NULL_BODY = Fault("null")
HTML_200 = Fault(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Maintenance</html>")
UNAUTHORIZED = Fault(
    status=401, body=json.dumps({"error": {"status": 401, "message": "The access token expired"}}).encode()
)
FORBIDDEN = Fault(status=403, body=json.dumps({"error": {"status": 403, "message": "Forbidden"}}).encode())

TRANSIENT = (
    SERVER_ERROR,
    BAD_GATEWAY_HTML,
    UNAVAILABLE,
    STRING_ERROR,
    RESET,
    TRUNCATED_JSON,
    SHORT_BODY,
    NULL_BODY,
    HTML_200,
    UNAUTHORIZED,
    too_many("0"),
)
"""Faults that go away when the request is sent again."""


@dataclass(frozen=True)
class Request:
    """What a script sees of a request: its number from 1, kind, ids, and how often these ids came before."""

    number: int
    kind: str
    ids: tuple[str, ...]
    batch: bool
    earlier: int


def seldom(rate: float, faults: tuple[Fault, ...] = TRANSIENT) -> Callable[[Request], Fault | None]:
    """Spoil this share of the requests, the same ones whatever the order in which they come."""

    def script(request: Request) -> Fault | None:
        number = stable_hash(f"{request.kind}{request.ids}{request.earlier}")
        return faults[number % len(faults)] if number / 2**48 < rate else None

    return script


class SpotifyServer(Served):
    """The server; use it as a context manager.

    Attributes
    ----------
    script
        Called for every look-up; a fault it returns is served in place of the answer.
    token_script
        The same for the token endpoint, with the number of the request.
    gone, relinked, names
        Ids that do not exist, ids answered with another id, and names that replace the usual ones.
    requests, headers, asked, tokens
        Look-up requests so far in order, their headers, how often each id was answered well, and tokens
        granted.
    """

    def __init__(self, *, batches: bool = True, token_seconds: int = 3600, delay: float = 0.0) -> None:
        super().__init__(_Handler)
        self.batches = batches
        self.token_seconds = token_seconds
        self.delay = delay
        self.script: Callable[[Request], Fault | None] = lambda _: None
        self.token_script: Callable[[int], Fault | None] = lambda _: None
        self.gone: set[str] = set()
        self.relinked: dict[str, str] = {}
        self.names: dict[str, Any] = {}
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self.asked: Counter[str] = Counter()
        self.seen: Counter[tuple[str, ...]] = Counter()
        self.tokens: dict[str, float] = {}
        self.token_requests = 0
        self.lock = threading.Lock()

    def expire_tokens(self) -> None:
        """Make every token granted so far invalid."""
        with self.lock:
            self.tokens.clear()

    def record(self, kind: str, ids: tuple[str, ...], *, batch: bool) -> Request:
        """Enter a look-up into the list of requests."""
        with self.lock:
            request = Request(len(self.requests) + 1, kind, ids, batch, self.seen[ids])
            self.seen[ids] += 1
            self.requests.append(request)
        return request

    def item(self, kind: str, item_id: str) -> dict[str, Any] | None:
        """Describe one artist or track as Spotify does, or return None when it is gone."""
        if item_id in self.gone:
            return None
        answered = self.relinked.get(item_id, item_id)
        item: dict[str, Any] = {
            "id": answered,
            "name": self.names.get(item_id, name_of(kind, item_id)),
            "type": kind,
            "uri": f"spotify:{kind}:{answered}",
            "popularity": stable_hash(item_id) % 101,
        }
        if kind == "artist":
            item |= {"genres": ["rock", "art rock"], "followers": {"href": None, "total": 1234}}
        else:
            item |= {
                "artists": [{"id": spotify_id("artist", 1), "name": "Artist"}],
                "album": {"id": spotify_id("album", 1), "name": "Album", "release_date": "1999-01-02"},
                "duration_ms": 201_000,
                "explicit": False,
                "external_ids": {"isrc": "USRC17607839"},
            }
            if answered != item_id:
                item["linked_from"] = {"id": item_id, "type": kind}
        return item


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SpotifyServer

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with server.lock:
            server.token_requests += 1
            number = server.token_requests
        if fault := server.token_script(number):
            self._fail(fault, b"{}")
            return
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}" or b"client_credentials" not in body:
            self._answer(400, {"error": "invalid_client", "error_description": "Invalid client secret"})
            return
        token = f"token-{number}-{hashlib.sha256(str(number).encode()).hexdigest()}"
        with server.lock:
            server.tokens[token] = time.time() + server.token_seconds
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": server.token_seconds})

    def do_GET(self) -> None:
        server = self.server
        parts = urlsplit(self.path)
        if parts.path == "/stats":
            repeated = sum(count > 1 for count in server.asked.values())
            self._answer(
                200, {"requests": len(server.requests), "asked": len(server.asked), "repeated": repeated}
            )
            return
        match = re.fullmatch(r"/v1/(artist|track)s(?:/(\w*))?", parts.path)
        if not match:
            self._answer(404, {"error": {"status": 404, "message": "Service not found"}})
            return
        kind, single = match[1], match[2]
        ids = (single,) if single else tuple(parse_qs(parts.query).get("ids", [""])[0].split(","))
        server.headers.append(dict(self.headers))
        request = server.record(kind, ids, batch=not single)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if server.tokens.get(token, 0) < time.time():
            self._fail(UNAUTHORIZED, b"")
            return
        server.stopping.wait(server.delay)
        if fault := server.script(request):
            self._fail(fault, json.dumps(server.item(kind, ids[0])).encode())
            return
        self._look_up(kind, ids, batch=not single)

    def _look_up(self, kind: str, ids: tuple[str, ...], *, batch: bool) -> None:
        server = self.server
        if batch and not server.batches:
            self._fail(FORBIDDEN, b"")
            return
        if len(ids) > 50 or not all(re.fullmatch(r"[0-9A-Za-z]{22}", item) for item in ids):
            self._answer(400, {"error": {"status": 400, "message": "Invalid base62 id"}})
            return
        with server.lock:
            server.asked.update(ids)
        if batch:
            self._answer(200, {f"{kind}s": [server.item(kind, item) for item in ids]})
        elif (item := server.item(kind, ids[0])) is None:
            self._answer(404, {"error": {"status": 404, "message": "Resource not found"}})
        else:
            self._answer(200, item)

    def _fail(self, fault: Fault, body: bytes) -> None:
        if fault.kind == "status":
            default = json.dumps({"error": {"status": fault.status, "message": "scripted"}}).encode()
            self._send(fault.status, default if fault.body is None else fault.body, fault.headers)
        elif fault.kind == "null":
            self._send(200, b"null")
        elif fault.kind == "truncated":
            self._send(200, body[: len(body) // 2])
        elif fault.kind == "short":
            self._send(200, body[: len(body) // 2], {"Content-Length": str(len(body) + 1)})
            self.close_connection = True
        elif fault.kind == "hang":
            self.server.stopping.wait(fault.seconds)
            self.close_connection = True
        elif fault.kind == "reset":
            # A linger time of zero makes close() send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        else:
            raise ValueError(fault.kind)

    def _answer(self, status: int, body: object) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        lines = {"Content-Type": "application/json", "Content-Length": str(len(body))} | dict(headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        with contextlib.suppress(ConnectionError):
            self.wfile.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""


@contextlib.contextmanager
def serving(
    *, batches: bool = True, token_seconds: int = 3600, delay: float = 0.0
) -> Iterator[SpotifyServer]:
    """Serve in a thread of this process."""
    with SpotifyServer(batches=batches, token_seconds=token_seconds, delay=delay) as server:
        yield server


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--single-only", action="store_true")
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    arguments = parser.parse_args()
    with serving(batches=not arguments.single_only, delay=arguments.delay) as server:
        server.script = seldom(arguments.fault_rate)
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
