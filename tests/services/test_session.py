"""The polite session against a real server: what it refuses to follow, to wait for, to hold and to repeat."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.request import getproxies

import pytest

import etl
from etl.services.errors import (
    ForbiddenError,
    ForeignError,
    GarbledError,
    NetworkError,
    ParkedError,
    RateLimitedError,
    RejectedError,
    ServerError,
)
from etl.services.politeness.gate import Gate
from etl.services.politeness.rates import Rates
from etl.services.politeness.retry import Patience
from etl.services.politeness.session import PoliteSession
from etl.services.state import MemoryState
from etl.services.statuses import complaint_of, json_object, raise_for_status
from tests.support.loopback import Loopback, Reply
from tests.support.permits import permits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests


SECRET = "the/secret"  # noqa: S105 - of this test only


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Serve on the loopback."""
    with Loopback() as running:
        yield running


def session(
    *, patience: Patience | None = None, contact: str | None = None, secrets: tuple[str, ...] = ()
) -> tuple[PoliteSession, Gate]:
    """Build a session whose judge takes any JSON object."""
    gate = Gate(
        "Test",
        permits(Rates()),
        MemoryState(),
        threading.Event(),
        patience=patience,
        contact=contact,
    )

    def judge(response: requests.Response) -> dict[str, Any]:
        complaint = complaint_of(response)
        raise_for_status(response, complaint.message if complaint else "")
        return json_object(response)

    return PoliteSession(gate, judge, secrets=secrets), gate


def test_client_libraries_get_what_the_judge_made_of_an_answer(server: Loopback) -> None:
    """`json()` gives the judged value; the body itself is there as well."""
    server.reply = lambda _: Reply(body=b'{"a": 1}')
    response = session()[0].get(server.url)
    assert response.json() == {"a": 1}
    assert response.content == b'{"a": 1}'


@pytest.mark.parametrize(
    "kind", ["text/html", "text/plain; charset=iso-8859-1", "application/json; charset=utf-16"]
)
def test_answers_are_utf8_whatever_the_headers_claim(server: Loopback, kind: str) -> None:
    """A name with an accent arrives whole."""
    body = json.dumps({"name": "Beyoncé"}, ensure_ascii=False).encode()
    server.reply = lambda _: Reply(body=body, headers={"Content-Type": kind})
    assert session()[0].get(server.url).json() == {"name": "Beyoncé"}


def test_redirects_are_not_followed(server: Loopback) -> None:
    """One permit is one request."""
    server.reply = lambda _: Reply(302, headers={"Location": f"{server.url}/elsewhere"})
    with pytest.raises(ForeignError, match="redirection"):
        session()[0].get(server.url)
    assert len(server.requests) == 1


def test_proxies_are_those_of_the_environment_which_is_read_once(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each server: another one may be exempt."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    through = session()[0]
    with patch("requests.utils.getproxies", wraps=getproxies) as read:
        for _ in range(2):
            through.get("http://nowhere.example/a")
        assert read.call_count == 1
        through.get(f"{server.url}/b")
    assert [arrival.path for arrival in server.requests] == ["http://nowhere.example/a"] * 2 + ["/b"]


def test_password_of_another_user_stays_in_the_netrc_file(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header that the service sends is the one that arrives."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password my-other-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session()[0].get(server.url, headers={"Authorization": "Bearer token"})
    assert server.requests[0].headers["Authorization"] == "Bearer token"
    session()[0].get(server.url)
    assert "Authorization" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("contact", "expected"), [(None, ""), ("somebody@example.org", " (somebody@example.org)")]
)
def test_user_agent_names_program_and_contact(server: Loopback, contact: str | None, expected: str) -> None:
    """Services ask for both."""
    session(contact=contact)[0].get(server.url)
    assert server.requests[0].headers["User-Agent"] == f"music-etl/{etl.__version__}{expected}"


def test_answer_that_drips_is_given_up_in_time(server: Loopback) -> None:
    """Each byte comes within the time-out, and the whole takes too long."""
    server.reply = lambda _: Reply(body=b'{"a": "' + b"x" * 1000 + b'"}', seconds_per_byte=0.05)
    start = time.monotonic()
    with pytest.raises(NetworkError, match="in time"):
        session(patience=Patience(read=1.0, answer=0.5))[0].get(server.url)
    assert time.monotonic() - start < 10  # the whole body would take 50 s


def test_headers_that_drip_are_given_up_in_time() -> None:
    """Each byte of them comes within the time-out, and there is no end of them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                for _ in range(200):
                    time.sleep(0.05)
                    connection.sendall(b"x")

        threading.Thread(target=drip, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(NetworkError, match="in time"):
            session(patience=Patience(read=1.0, answer=0.3))[0].get(
                f"http://127.0.0.1:{listener.getsockname()[1]}"
            )
        assert time.monotonic() - start < 5  # all of them would take 10 s


def test_body_of_a_redirection_is_capped_too(server: Loopback) -> None:
    """It is of no use, and would else be read to its end in order to follow the redirection."""
    server.reply = lambda _: Reply(
        302, b"x" * 1000, {"Location": "http://elsewhere.test/"}, seconds_per_byte=0.05
    )
    start = time.monotonic()
    with pytest.raises(NetworkError):
        session(patience=Patience(read=1.0, answer=0.3))[0].get(server.url)
    assert time.monotonic() - start < 5  # the whole body would take 50 s


def test_redirection_to_no_address_is_a_redirection(server: Loopback) -> None:
    """Nobody tries to make sense of where it leads."""
    server.reply = lambda _: Reply(302, headers={"Location": "http://[bad"})
    with pytest.raises(ForeignError, match="redirection"):
        session()[0].get(server.url)


@pytest.mark.parametrize("packed", [True, False])
def test_answer_of_more_than_32_mib_is_given_up(server: Loopback, *, packed: bool) -> None:
    """Packed ones are measured by what they unpack to, and never held whole."""
    replies = []
    for length in (33_000_000, 34_000_000):
        body = b'{"a": "' + b"x" * length + b'"}'
        headers = {"Content-Encoding": "gzip"} if packed else {}
        replies.append(Reply(body=gzip.compress(body, 1) if packed else body, headers=headers))
    server.reply = lambda _: replies.pop(0)
    assert len(session()[0].get(server.url).content) == 33_000_009
    with pytest.raises(NetworkError, match="too long"):
        session()[0].get(server.url)


def test_packed_answers_are_unpacked(server: Loopback) -> None:
    """As any browser does."""
    server.reply = lambda _: Reply(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})
    assert session()[0].get(server.url).json() == {"a": 1}


def test_connections_are_kept_open(server: Loopback) -> None:
    """Twenty requests of one thread go over one connection."""
    polite, _ = session()
    for _ in range(20):
        polite.get(server.url)
    assert len({request.port for request in server.requests}) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_counts_with_either_status(server: Loopback, status: int) -> None:
    """A short one is a pause for everybody, a long one parks."""
    polite, gate = session()
    server.reply = lambda _: Reply(status, headers={"Retry-After": "0.3"})
    with pytest.raises(RateLimitedError):
        polite.get(server.url)
    server.reply = lambda _: Reply()
    start = time.monotonic()
    polite.get(server.url)
    assert time.monotonic() - start > 0.25
    server.reply = lambda _: Reply(status, headers={"Retry-After": "4000"})
    with pytest.raises(ParkedError) as caught:
        polite.get(server.url)
    assert caught.value.not_before == pytest.approx(time.time() + 4000, abs=30)
    assert gate.traffic.requests == len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (408, ServerError),
        (425, ServerError),
        (500, ServerError),
        (503, ServerError),
        (403, ForbiddenError),
        (400, RejectedError),
        (418, RejectedError),
        (421, ServerError),
        (407, ForeignError),
        (511, ForeignError),
    ],
)
def test_statuses_say_whose_trouble_it_is(server: Loopback, status: int, expected: type[Exception]) -> None:
    """Where the service says nothing else."""
    server.reply = lambda _: Reply(status)
    with pytest.raises(expected):
        session()[0].get(server.url)


@pytest.mark.parametrize("body", [b"[" * 200_000, b"\xff\xfe{}", b"{", b"7"])
def test_senseless_bodies_are_garbled_answers(server: Loopback, body: bytes) -> None:
    """Nesting without end and bytes of no encoding are no tracebacks."""
    server.reply = lambda _: Reply(body=body)
    with pytest.raises(GarbledError):
        session()[0].get(server.url)


@pytest.mark.parametrize(
    "echo", ["{secret}", "Authorization: {header}", "key {quoted} is wrong", "{padding}{header}"]
)
def test_secrets_that_a_server_echoes_are_cut_out(server: Loopback, echo: str) -> None:
    """As they are, encoded for a header or an address, and where the text is cut off."""
    header = "Basic dGhlLWlkOnRoZS9zZWNyZXQ="  # the-id:the/secret
    message = echo.format(
        secret=SECRET, header=header, quoted="the%2Fsecret", padding="x" * (120 - len(header) // 2)
    )
    server.reply = lambda _: Reply(400, json.dumps({"error": {"message": message}}).encode())
    with pytest.raises(RejectedError) as caught:
        session(secrets=(SECRET,))[0].get(server.url, headers={"Authorization": header})
    assert "***" in str(caught.value) or "padding" in echo
    for secret in (SECRET, "the-id", "the%2Fsecret", "dGhl"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("prefix", ["X-RateLimit-", "RateLimit-"])
@pytest.mark.parametrize("form", ["epoch", "milliseconds", "seconds"])
def test_last_request_of_a_window_is_followed_by_a_pause(server: Loopback, prefix: str, form: str) -> None:
    """A service that says that none is left until then is not asked before, and the answer is kept."""
    now = time.time()
    resets = {"epoch": f"{now + 0.4:.3f}", "milliseconds": f"{(now + 0.4) * 1000:.0f}", "seconds": "0.4"}
    headers = {f"{prefix}Remaining": "0", f"{prefix}Reset": resets[form]}
    server.reply = lambda _: Reply(headers=headers)
    polite, gate = session()
    assert polite.get(server.url).json() == {}
    assert 0.1 < gate.pause <= 0.4
    server.reply = lambda _: Reply(headers={f"{prefix}Remaining": "3", f"{prefix}Reset": resets[form]})
    polite.get(server.url)
    assert time.time() - now > 0.35
    assert gate.pause == 0
    server.reply = lambda _: Reply(headers={f"{prefix}Remaining": "0", f"{prefix}Reset": f"{now + 4000:.0f}"})
    polite.get(server.url)  # its answer is good
    with pytest.raises(ParkedError):
        polite.get(server.url)


def test_times_are_read_by_the_clock_of_the_service(server: Loopback) -> None:
    """Ours may be hours off."""
    server.reply = lambda _: Reply(
        429,
        headers={"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2015 07:28:20 GMT"},
    )
    polite, gate = session()
    with pytest.raises(RateLimitedError):
        polite.get(server.url)
    assert 15 < gate.pause <= 20
