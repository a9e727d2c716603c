"""Whose trouble an answer is: the item's, the app's, the network's; what is filed, and what is asked again.

Each is a run against a server that behaves like Spotify, on songs whose store is made once.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etl.pipelines.enrich.filing import Filing
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.runtime.errors import EtlError, ExitCode
from etl.services.contract import failed, found, gone
from etl.services.credentials import Credentials
from etl.services.errors import ParkedError
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.services.spotify import Spotify
from etl.services.spotify_items import KINDS, TRACK
from etl.store import answers
from etl.store.database import open_store, read_store
from tests.support import spotify_server as server_module
from tests.support.spotify_server import Fault, SpotifyServer, serving
from tests.support.stored import stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.pipelines.enrich.result import EnrichmentResult

HURRY = Patience(
    first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.0001, longest_delay=0.001, read=2.0
)


@pytest.fixture
def database(sixty_songs: Path) -> Path:
    """Give the store under the name that is used here."""
    return sixty_songs


@pytest.fixture
def server() -> Iterator[SpotifyServer]:
    """Serve single look-ups on the loopback."""
    with serving(batches=False) as running:
        yield running


class OneConnection(Spotify):
    """Asks one request after another."""

    connections = 1


def forget_parking(database: Path) -> None:
    """Let the time pass until which a service is parked, and all else that is known about it."""
    with open_store(database) as connection:
        connection.execute("DELETE FROM service_state")


def ask(database: Path, server: SpotifyServer, url: str | None = None, **options: Any) -> EnrichmentResult:
    """Run the enrichment over one connection."""
    service = OneConnection(
        Credentials(server_module.CLIENT_ID, server_module.CLIENT_SECRET),
        ServiceSettings(url=url or server.url, per_second=5000),
    )
    request = Enrichment(
        database=database,
        command="etl enrich spotify",
        folder=database.parent,
        **({"patience": HURRY} | options),
    )
    return enrich(request, service)


def refused(database: Path, server: SpotifyServer, url: str | None = None) -> EtlError:
    """Run the enrichment, which ends with an error."""
    with pytest.raises(EtlError) as caught:
        ask(database, server, url)
    return caught.value


def filed(database: Path) -> dict[str, tuple[str, str, str | None]]:
    """Read status, reason and name by id."""
    rows = stored_rows(
        database,
        "SELECT id, status, reason, name FROM spotify_artists UNION ALL "
        "SELECT id, status, reason, name FROM spotify_tracks",
    )
    return {item: (status, reason, name) for item, status, reason, name in rows}


def statuses(database: Path) -> set[str]:
    """Read which statuses there are."""
    return {status for status, _, _ in filed(database).values()}


NOT_FOUND = Fault(status=404, body=b'{"error": {"status": 404, "message": "Resource not found"}}')
NGINX = Fault(status=404, headers={"Content-Type": "text/html"}, body=b"<html>404 Not Found</html>")


def test_one_404_loses_no_name(database: Path, server: SpotifyServer) -> None:
    """Each sixth id is not found at first: it is asked about once more, and found."""
    server.script = lambda request: NOT_FOUND if request.number % 6 == 0 and not request.earlier else None
    result = ask(database, server)
    assert statuses(database) == {"found"}
    assert result.answers == {"found": result.ids, "gone": 0, "error": 0}
    doubted = sum(request.number % 6 == 0 and not request.earlier for request in server.requests)
    assert doubted >= 8
    assert len(server.requests) == 1 + result.ids + doubted


def test_gone_takes_two_occasions_and_then_nothing_more(database: Path, server: SpotifyServer) -> None:
    """Not found twice in one run is an error for the next one; not found there it is gone for good."""
    missing = server_module.spotify_id("track", 3)
    server.gone = {missing}
    assert ask(database, server).answers["error"] == 1
    assert filed(database)[missing] == ("error", "not found: 404 Resource not found", None)
    sent = len(server.requests)
    assert ask(database, server).answers["gone"] == 1
    assert filed(database)[missing][0] == "gone"
    ask(database, server)
    assert len(server.requests) == sent + 1


def test_known_name_outlives_a_look_up_that_finds_nothing(database: Path, server: SpotifyServer) -> None:
    """After a refresh 404s come for all that is known: nothing of it is lost."""
    ask(database, server)
    before = filed(database)
    with open_store(database) as connection:
        answers.refresh_cache(connection, "spotify", KINDS, older_than_days=0)
    server.gone = set(before)
    refused(database, server)
    assert filed(database) == before
    forget_parking(database)
    server.gone = set(list(before)[:3])
    for _ in range(3):
        ask(database, server)
    assert {item: (status, name) for item, (status, _, name) in filed(database).items()} == {
        item: (status, name) for item, (status, _, name) in before.items()
    }


@pytest.mark.parametrize(
    ("fault", "requests", "words"),
    [
        (NGINX, 6, r"cannot be reached \(404 text/html"),
        (
            Fault(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Log in"),
            6,
            "a page in place",
        ),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/login"}, body=b""), 6, "a redirection"),
        (Fault(status=403, body=b"<html>blocked by policy</html>"), 6, "cannot be reached"),
        (server_module.RESET, 6, "refused or reset"),
        (NOT_FOUND, 20, "20 answers and none but: 404"),
    ],
    ids=["nginx", "login page", "redirection", "firewall", "reset", "other server"],
)
def test_what_the_service_did_not_say_is_nobodys_fault(
    database: Path, server: SpotifyServer, fault: Fault, requests: int, words: str
) -> None:
    """Nothing is filed; the run parks soon, says what to check, and goes on when the way is free again."""
    server.script = lambda _: fault
    error = refused(database, server)
    assert error.exit_code == ExitCode.PARKED
    assert "ETL_SPOTIFY_URL" in str(error)
    assert "refuses further requests" not in str(error)
    assert re.search(words, str(error))
    assert filed(database) == {}
    assert len(server.requests) <= requests
    forget_parking(database)
    server.script = lambda _: None
    ask(database, server)
    assert statuses(database) == {"found"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://nowhere.invalid", "no server is known by the name nowhere.invalid"),
        ("https://127.0.0.1:{port}", "the secure connection to 127.0.0.1 failed"),
        ("http://127.0.0.1:9", "the connection was refused or reset"),
    ],
)
def test_wrong_address_is_called_that(database: Path, server: SpotifyServer, url: str, words: str) -> None:
    """Not a wish of the service for fewer requests."""
    error = refused(database, server, url.format(port=server.server_address[1]))
    assert error.exit_code == ExitCode.PARKED
    assert f"Spotify cannot be reached ({words})" in str(error)


def test_address_that_ends_in_the_version_works_too(database: Path, server: SpotifyServer) -> None:
    """A slip that everybody makes."""
    ask(database, server, f"{server.url}/v1/")
    assert statuses(database) == {"found"}


@pytest.mark.parametrize(
    "message",
    [
        "Active premium subscription required for the owner of the app.",
        "Insufficient client scope",
        "Quota of this app is exhausted",
        "User not registered in the Developer Dashboard",
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_what_is_about_the_app_ends_the_run_at_once(
    database: Path, server: SpotifyServer, message: str, *, plain: bool
) -> None:
    """One request, exit code 69, what to do; and no id loses a chance."""
    body = message.encode() if plain else json.dumps({"error": {"status": 403, "message": message}}).encode()
    server.script = lambda _: Fault(status=403, body=body)
    error = refused(database, server)
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert message in str(error)
    assert "dashboard" in str(error)
    assert len(server.requests) == 1
    assert filed(database) == {}


def test_app_that_may_ask_for_nothing_is_told_so(database: Path, server: SpotifyServer) -> None:
    """Batches forbidden, and single look-ups as well: three requests, exit code 69."""
    server.script = lambda _: server_module.FORBIDDEN
    error = refused(database, server)
    assert (error.exit_code, len(server.requests), filed(database)) == (ExitCode.UNAVAILABLE, 3, {})


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"{}",
        b'{"access_token": "x", "expires_in": "3600"}',
        b'{"access_token": "x", "expires_in": 0}',
        b'{"access_token": 7, "expires_in": 3600}',
        b'{"access_token": "x\\ny", "expires_in": 3600}',
    ],
)
def test_token_endpoint_without_a_token_ends_the_run(
    database: Path, server: SpotifyServer, body: bytes
) -> None:
    """One request for a token, none for an id."""
    server.token_script = lambda _: Fault(status=200, body=body)
    error = refused(database, server)
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert "no usable access token" in str(error)
    assert (server.token_requests, len(server.requests)) == (1, 0)


def test_tokens_that_are_refused_at_once_are_not_the_ids_fault(database: Path, server: SpotifyServer) -> None:
    """Six attempts with six tokens, then exit code 69."""
    server.script = lambda _: server_module.UNAUTHORIZED
    error = refused(database, server)
    assert (error.exit_code, len(server.requests), filed(database)) == (ExitCode.UNAVAILABLE, 6, {})


def test_stray_refusal_of_a_batch_changes_nothing(database: Path, server: SpotifyServer) -> None:
    """A page of a firewall is asked past; batches go on."""
    server.batches = True
    page = Fault(status=403, headers={"Content-Type": "text/html"}, body=b"<html>WAF</html>")
    server.script = lambda request: page if request.number == 1 else None
    ask(database, server)
    assert all(request.batch for request in server.requests)
    assert statuses(database) == {"found"}


def test_firewall_that_blocks_every_batch_leaves_single_look_ups(
    database: Path, server: SpotifyServer
) -> None:
    """Nothing about batches is remembered, for Spotify has not said anything."""
    server.batches = True
    page = Fault(status=403, headers={"Content-Type": "text/html"}, body=b"<html>WAF</html>")
    server.script = lambda request: page if request.batch else None
    ask(database, server)
    assert statuses(database) == {"found"}
    with read_store(database) as connection:
        kept = connection.execute("SELECT key FROM service_state").fetchall()
    assert not [key for (key,) in kept if key.startswith("batches")]


def test_refused_batches_are_remembered_once_a_single_look_up_works(
    database: Path, server: SpotifyServer
) -> None:
    """Not when that one is refused as well; `etl cache refresh --batches` forgets it."""
    key = "SELECT count(*) FROM service_state WHERE starts_with(key, 'batches')"
    server.script = lambda request: None if request.batch else server_module.UNAVAILABLE
    refused(database, server)
    with read_store(database) as connection:
        assert connection.execute(key).fetchall() == [(0,)]
    forget_parking(database)
    server.script = lambda _: None
    ask(database, server, budget=5)
    with open_store(database) as connection:
        assert connection.execute(key).fetchall() == [(1,)]
        assert answers.forget_batches(connection) == 1
    server.batches = True
    sent = len(server.requests)
    ask(database, server)
    assert all(request.batch for request in server.requests[sent:])


@pytest.mark.parametrize(
    ("fault", "most"), [(server_module.SERVER_ERROR, 20), (server_module.RESET, 32)], ids=["500", "reset"]
)
def test_one_bad_id_in_a_batch_is_found_soon(
    database: Path, server: SpotifyServer, fault: Fault, most: int
) -> None:
    """By halving, and all others are found."""
    server.batches = True
    bad = server_module.spotify_id("track", 20)
    server.script = lambda request: fault if bad in request.ids else None
    ask(database, server)
    assert [item for item, (status, _, _) in filed(database).items() if status != "found"] == [bad]
    assert len(server.requests) <= most
    assert max(server.asked.values()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "x", "id": "\\ud800", "type": "track"}',
        b'{"error": {"status": 400, "message": "bad \\ud83d id"}}',
        b'{"name": ' + b"[" * 200_000,
        b'{"name": "x", "popularity": ' + b"9" * 5000 + b"}",
    ],
    ids=["surrogate in an id", "surrogate in a message", "nested", "huge number"],
)
def test_odd_answer_about_one_id_costs_no_other_id_anything(
    database: Path, server: SpotifyServer, body: bytes
) -> None:
    """No traceback, in this run or the next; whatever it is stays with the id."""
    odd = server_module.spotify_id("track", 4)
    fault = Fault(status=400 if b"error" in body else 200, body=body)
    server.script = lambda request: fault if request.ids == (odd,) else None
    for _ in range(2):
        ask(database, server)
    others = filed(database)
    status, reason, name = others.pop(odd)
    assert {status for status, _, _ in others.values()} == {"found"}
    if b"ud800" in body:
        assert (status, name) == ("found", "x")
    else:
        assert (status, name) == ("error", None)
        assert reason.split(":")[0] in {"rejected", "garbled", "not the service"}


def test_unexpected_exception_about_one_id_is_that_ids_error(
    database: Path, server: SpotifyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours must not end each run at the same id."""
    odd = server_module.spotify_id("track", 4)
    judge = Spotify.judge

    def stumble(self: Spotify, response: Any) -> Any:
        if odd in response.request.url:
            raise KeyError(odd)
        return judge(self, response)

    monkeypatch.setattr(Spotify, "judge", stumble)
    result = ask(database, server)
    assert filed(database)[odd][:2] == ("error", "unexpected: KeyError")
    assert result.answers["found"] == result.ids - 1


def test_token_that_cannot_be_got_is_no_ids_fault(database: Path, server: SpotifyServer) -> None:
    """Six attempts park the run, and all that was to be asked is as open as before."""
    server.script = lambda request: server_module.UNAUTHORIZED if request.number == 10 else None
    wanted: list[int] = []

    def without_token(number: int) -> Fault | None:
        wanted.append(number)
        return server_module.UNAVAILABLE if 2 <= len(wanted) <= 8 else None

    server.token_script = without_token
    error = refused(database, server)
    assert (error.exit_code, statuses(database)) == (ExitCode.PARKED, {"found"})
    assert (len(server.requests), len(wanted)) == (10, 1 + 6)


def test_record_of_requests_that_breaks_is_no_ids_fault(
    database: Path, server: SpotifyServer, limits_file: Path
) -> None:
    """The run ends and says so, rather than that the service is parked."""

    def spoil(request: server_module.Request) -> None:
        if request.number == 5:
            with closing(sqlite3.connect(limits_file)) as record:
                record.execute("DROP TABLE permits")

    server.script = spoil
    error = refused(database, server)
    assert "cannot use the record of requests" in str(error)
    assert len(server.requests) == 5
    assert statuses(database) == {"found"}


def test_outage_in_mid_run_costs_no_id_a_chance(database: Path, server: SpotifyServer) -> None:
    """What failed before the run parked is as open as before."""
    server.script = lambda request: server_module.BAD_GATEWAY_HTML if request.number > 10 else None
    error = refused(database, server)
    assert error.exit_code == ExitCode.PARKED
    assert "Spotify does not work for now (502)" in str(error)
    assert statuses(database) == {"found"}
    assert len(server.requests) == 10 + 20


@pytest.mark.parametrize("is_new", [False, True])
def test_a_service_that_is_down_costs_the_last_ids_no_chance(
    database: Path, server: SpotifyServer, *, is_new: bool
) -> None:
    """So few are left that no run of failures parks it; an id that was found before tells who is to blame."""
    if not is_new:
        ask(database, server)
    with open_store(database) as connection:
        if is_new:
            connection.execute("DELETE FROM songs WHERE song_id > 1")
        connection.execute("DELETE FROM spotify_tracks WHERE id = (SELECT min(id) FROM spotify_tracks)")
    before = filed(database)
    server.script = lambda _: server_module.BAD_GATEWAY_HTML
    error = refused(database, server)
    assert error.exit_code == ExitCode.PARKED
    assert "nothing came through" in str(error)
    assert filed(database) == before


def test_secrets_in_any_spelling_stay_out_of_errors_and_store(database: Path, server: SpotifyServer) -> None:
    """A token endpoint that echoes the header, whole and packed, shows nothing of it."""
    server.token_script = lambda _: Fault(
        status=400,
        body=json.dumps(
            {
                "error": "invalid_client",
                "error_description": f"{server_module.CLIENT_ID}:{server_module.CLIENT_SECRET}",
            }
        ).encode(),
    )
    error = refused(database, server)
    assert error.exit_code == ExitCode.UNAVAILABLE
    with read_store(database) as connection:
        ((told,),) = connection.execute("SELECT error FROM runs ORDER BY run_id DESC LIMIT 1").fetchall()
    for text in (str(error), told):
        assert "***" in text
        assert server_module.CLIENT_ID not in text
        assert server_module.CLIENT_SECRET not in text


def test_failures_wait_for_proof() -> None:
    """A failure counts after a later success, about an item after any, and not at all when the run parks."""
    filing = Filing()
    network, rejected = failed(TRACK, "a", "network", "cut"), failed(TRACK, "b", "rejected", "400")
    assert filing.file([network, rejected], 0) == ([], [])
    assert filing.file([found(TRACK, "c", {})], 1)[0] == [network, rejected, found(TRACK, "c", {})]
    assert filing.file([network, rejected], 1) == ([rejected], [])
    assert filing.rest(ParkedError("Spotify", 0.0, "down")) == []
    doubted = gone(TRACK, "d", "404", is_certain=False)
    assert filing.file([doubted], 2) == ([failed(TRACK, "d", "not found", "404")], [(TRACK, "d")])
    assert filing.file([doubted], 2) == ([], [])
    assert Filing({(TRACK, "d")}).file([doubted], 1) == ([doubted], [])
    assert replace(doubted, is_certain=True) != doubted
