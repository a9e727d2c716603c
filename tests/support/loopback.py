"""A web server on the loopback whose answers are a function of the request."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, eq=False)
class Arrival:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    port: int
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """An answer; with ``seconds_per_byte`` it drips."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds_per_byte: float = 0.0


class Served(ThreadingHTTPServer):
    """A server on a port of its own that serves while its context lasts."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that went away; killing them, or giving up, is what the tests do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Loopback(Served):
    """The server; use it as a context manager.

    Attributes
    ----------
    reply
        Gives the answer to a request.
    requests
        What has arrived, in order.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.reply: Callable[[Arrival], Reply] = lambda _: Reply()
        self.requests: list[Arrival] = []


class AskedByIds(Loopback):
    """A server that is asked about several things at a time; what it answers is in :meth:`answer`.

    Attributes
    ----------
    unknown
        Ids that are not known.
    script
        Called with the number of a request, from 1, and its ids; a reply is served in place of the answer.
    asked
        How often each id was answered well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unknown: set[str] = set()
        self.script: Callable[[int, list[str]], Reply | None] = lambda _number, _ids: None
        self.asked: Counter[str] = Counter()
        self.reply = self.answer
        self._lock = threading.Lock()

    def answer(self, arrival: Arrival) -> Reply:
        """Answer a request."""
        raise NotImplementedError

    def scripted(self, ids: list[str]) -> Reply | None:
        """Give what the script wants instead of an answer; ids that it leaves alone are counted."""
        if scripted := self.script(len(self.requests), ids):
            return scripted
        with self._lock:
            self.asked.update(ids)
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        arrival = Arrival(self.path, dict(self.headers), self.client_address[1], body)
        self.server.requests.append(arrival)
        reply = self.server.reply(arrival)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body))}
        with contextlib.suppress(ConnectionError):
            head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **reply.headers}.items())
            self.wfile.write(f"HTTP/1.1 {reply.status} Reply\r\n{head}\r\n".encode())
            if not reply.seconds_per_byte:
                self.wfile.write(reply.body)
                return
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                if self.server.stopping.wait(reply.seconds_per_byte):
                    self.close_connection = True
                    return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""
