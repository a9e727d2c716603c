"""The Spotify client against a server that behaves like Spotify, faults and all."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from etl.services.contract import Answer, Kind, Status
from etl.services.credentials import Credentials
from etl.services.errors import BadCredentialsError, BatchesRefusedError, BudgetSpentError, ParkedError
from etl.services.politeness.gate import Gate
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.services.spotify import BATCH_SIZE, Spotify
from etl.services.spotify_items import ARTIST, KINDS, TRACK, judge_batch, judge_item
from etl.services.state import MemoryState
from etl.store.answers import answer_schema, put_answers
from etl.store.database import open_store
from tests.support import spotify_server as server_module
from tests.support.permits import permits_of
from tests.support.spotify_server import Fault, SpotifyServer, name_of, seldom, serving, spotify_id, too_many

if TYPE_CHECKING:
    from collections.abc import Iterator

ARTISTS = [spotify_id("artist", n) for n in range(400)]
TRACKS = [spotify_id("track", n) for n in range(400)]
OWN_500 = b'{"error": {"status": 500, "message": "oops"}}'
CREDENTIALS = Credentials(server_module.CLIENT_ID, server_module.CLIENT_SECRET)
HURRY = Patience(first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.001, longest_delay=0.01)


@pytest.fixture
def server() -> Iterator[SpotifyServer]:
    """Serve on the loopback."""
    with serving() as running:
        yield running


def client_of(
    server: SpotifyServer,
    *,
    credentials: Credentials = CREDENTIALS,
    budget: int | None = None,
    state: MemoryState | None = None,
    timeout: float = 2.0,
) -> Spotify:
    """Build a client in a hurry."""
    client = Spotify(credentials, ServiceSettings(url=server.url, per_second=10_000))
    client.connect(
        Gate(
            client.title,
            permits_of(client),
            state or MemoryState(),
            threading.Event(),
            budget=budget,
            patience=replace(HURRY, connect=timeout, read=timeout),
        )
    )
    return client


def all_of(client: Spotify, kind: Kind, ids: list[str]) -> dict[str, Answer]:
    """Collect the answers by id; each id must come once."""
    answers: list[Answer] = []
    rest = ids
    while rest:
        portion, rest = rest[: client.portion], rest[client.portion :]
        try:
            answers += [answer for group in client.look_up(kind, portion) for answer in group]
        except BatchesRefusedError:
            rest = portion + rest
    assert len(answers) == len({answer.id for answer in answers})
    return {answer.id: answer for answer in answers}


@pytest.mark.parametrize(("kind", "ids"), [(ARTIST, ARTISTS[:50]), (TRACK, TRACKS[:50])])
def test_fifty_ids_cost_one_request(server: SpotifyServer, kind: Kind, ids: list[str]) -> None:
    """Names come as Spotify gives them, quotes, line ends, emoji and formula prefixes included."""
    answers = all_of(client_of(server), kind, ids)
    assert {item: answer.value.get("name") for item, answer in answers.items()} == {
        i: name_of(kind.name, i) for i in ids
    }
    assert len(server.requests) == 1


def test_details_fill_the_columns_of_the_store(server: SpotifyServer) -> None:
    """What Spotify says beyond the name is kept too."""
    client = client_of(server)
    artist = all_of(client, ARTIST, ARTISTS[:1])[ARTISTS[0]].value
    track = all_of(client, TRACK, TRACKS[:1])[TRACKS[0]].value
    assert (artist["genres"], artist["followers"]) == (["rock", "art rock"], 1234)
    assert (track["album_name"], track["duration_ms"], track["isrc"]) == ("Album", 201_000, "USRC17607839")


def test_refused_batch_falls_back_to_single_look_ups_and_is_remembered(server: SpotifyServer) -> None:
    """After one 403 the app asks for one id at a time, in later runs too."""
    server.batches = False
    memory = MemoryState()
    answers = all_of(client_of(server, state=memory), TRACK, TRACKS[:50])
    assert all(answer.status is Status.FOUND for answer in answers.values())
    assert len(server.requests) == 1 + 50
    all_of(client_of(server, state=memory), ARTIST, ARTISTS[:50])
    assert [request.batch for request in server.requests].count(True) == 1


def test_permission_for_batches_that_is_withdrawn_leaves_single_look_ups(server: SpotifyServer) -> None:
    """Two refusals in a row are believed, and remembered; a single one passes."""
    memory = MemoryState()
    all_of(client_of(server, state=memory), TRACK, TRACKS[:50])
    server.script = lambda request: server_module.FORBIDDEN if request.number == 2 else None
    client = client_of(server, state=memory)
    all_of(client, TRACK, TRACKS[:50])
    assert client.portion == BATCH_SIZE
    server.batches = False
    server.script = lambda _: None
    client, server.delay = client_of(server, state=memory), 0.02
    with ThreadPoolExecutor(4) as pool:
        parts = [TRACKS[number : number + 10] for number in range(0, 40, 10)]
        answers = [job.result() for job in [pool.submit(all_of, client, TRACK, part) for part in parts]]
    assert all(answer.status is Status.FOUND for part in answers for answer in part.values())
    assert client_of(server, state=memory).portion == 1
    assert 3 + 2 <= [request.batch for request in server.requests].count(True) <= 3 + 5


def test_only_one_thread_finds_out_that_batches_are_refused(server: SpotifyServer) -> None:
    """Eight threads that start at once cost one refused request, not eight."""
    server.batches, server.delay = False, 0.02
    client = client_of(server)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(all_of, client, TRACK, TRACKS[n : n + 2]) for n in range(0, 16, 2)]
        assert sum(len(job.result()) for job in jobs) == 16
    assert [request.batch for request in server.requests].count(True) == 1


@pytest.mark.parametrize("batches", [True, False])
def test_unknown_ids_are_gone(server: SpotifyServer, *, batches: bool) -> None:
    """A null in a batch and a 404 alone both mean that Spotify has no such item."""
    server.batches = batches
    server.gone = {TRACKS[1]}
    answers = all_of(client_of(server), TRACK, TRACKS[:3])
    assert [answers[item].status for item in TRACKS[:3]] == [Status.FOUND, Status.GONE, Status.FOUND]


@pytest.mark.parametrize("batches", [True, False])
def test_relinked_track_is_filed_under_the_id_that_was_asked(server: SpotifyServer, *, batches: bool) -> None:
    """The answer carries another id; the row keeps the one in the data set and names the other."""
    server.batches = batches
    server.relinked = {TRACKS[0]: spotify_id("track", 9999)}
    answer = all_of(client_of(server), TRACK, TRACKS[:2])[TRACKS[0]]
    assert (answer.status, answer.value["answered_id"]) == (Status.FOUND, spotify_id("track", 9999))


@pytest.mark.parametrize("fault", server_module.TRANSIENT, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("batch", [True, False])
def test_passing_faults_leave_no_trace(server: SpotifyServer, fault: Fault, *, batch: bool) -> None:
    """Whatever goes wrong twice and then right ends as found; batches are halved if items may be why."""
    server.script = lambda request: fault if request.number <= 2 else None
    ids = ARTISTS[:50] if batch else ARTISTS[:1]
    answers = all_of(client_of(server), ARTIST, ids)
    assert {answer.status for answer in answers.values()} == {Status.FOUND}
    is_internal = batch and fault.kind == "status" and fault.status == 500
    is_page = batch and fault == server_module.HTML_200
    is_network = batch and fault.kind in {"reset", "short"}
    assert len(server.requests) == (5 if is_internal or is_page else 4 if is_network else 3)


def test_hanging_server_is_given_up_and_asked_again(server: SpotifyServer) -> None:
    """A request without an answer ends with the timeout, and the next attempt counts."""
    server.script = lambda request: Fault("hang", seconds=20) if request.earlier == 0 else None
    answers = all_of(client_of(server, timeout=0.3), ARTIST, ARTISTS[:50])
    assert {answer.status for answer in answers.values()} == {Status.FOUND}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (server_module.SERVER_ERROR, "server: 500 scripted"),
        (server_module.BAD_GATEWAY_HTML, "server: 502"),
        (server_module.STRING_ERROR, "server: 500"),
        (server_module.TRUNCATED_JSON, "garbled: the answer is not JSON"),
        (server_module.SHORT_BODY, "network: the answer was cut short"),
        (server_module.RESET, "network: the connection was refused or reset"),
        (server_module.HTML_200, "not the service: 200 a page in place of JSON"),
        (Fault(status=404, body=b"<h1>nginx</h1>"), "not the service: 404 application/json, not in the form"),
        (Fault(status=200, body=OWN_500), "server: 500 oops"),
        (Fault(status=200, body=b'{"error": "x"}'), "garbled: an error inside a successful answer: x"),
        (Fault(status=408, body=b""), "server: 408"),
        (server_module.FORBIDDEN, "forbidden: 403 Forbidden"),
        (server_module.UNAUTHORIZED, "token: 401 The access token expired"),
        (Fault(status=400), "rejected: 400 scripted"),
        (Fault(status=200, body=b"{}"), "garbled: the answer has no name"),
        (Fault(status=200, body=b"[1]"), "garbled: the answer is not a JSON object"),
        (Fault(status=200, body=b'{"name": 7}'), "garbled: the answer has no name"),
        (Fault(status=200, body=b'{"name": "x", "type": "album"}'), "garbled: the answer is of type 'album'"),
    ],
)
def test_lasting_faults_end_as_an_error_with_a_reason(
    server: SpotifyServer, fault: Fault, reason: str
) -> None:
    """An id that never gets a usable answer is filed with what was wrong, and the run goes on."""
    server.script = lambda request: fault if request.ids == (TRACKS[0],) else None
    client = client_of(server)
    assert all_of(client, TRACK, TRACKS[2:3])[TRACKS[2]].status is Status.FOUND
    answer = all_of(client, TRACK, TRACKS[:1])[TRACKS[0]]
    assert answer.status is Status.ERROR
    assert answer.reason.startswith(reason)
    assert all_of(client, TRACK, TRACKS[1:2])[TRACKS[1]].status is Status.FOUND


def test_lasting_null_means_gone(server: SpotifyServer) -> None:
    """A single look-up that is answered null time after time has nothing behind it."""
    server.script = lambda _: server_module.NULL_BODY
    assert all_of(client_of(server), TRACK, TRACKS[:1])[TRACKS[0]].status is Status.GONE


@pytest.mark.parametrize(
    "fault",
    [Fault(status=400), server_module.TRUNCATED_JSON, server_module.SERVER_ERROR, server_module.RESET],
)
@pytest.mark.parametrize("bad", [0, 17, 49])
def test_one_bad_item_does_not_spoil_its_batch(server: SpotifyServer, fault: Fault, bad: int) -> None:
    """The batch is halved until the bad item stands alone; the other 49 are found."""
    server.script = lambda request: fault if TRACKS[bad] in request.ids else None
    answers = all_of(client_of(server), TRACK, TRACKS[:50])
    assert [item for item in TRACKS[:50] if answers[item].status is not Status.FOUND] == [TRACKS[bad]]


def test_expired_token_is_replaced_once_for_all_threads(server: SpotifyServer) -> None:
    """When the token dies in mid-run, one new token serves every thread."""
    client = client_of(server)
    all_of(client, TRACK, TRACKS[:50])
    server.expire_tokens()
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(all_of, client, TRACK, TRACKS[n : n + 25]) for n in range(50, 250, 25)]
        found = [answer for job in jobs for answer in job.result().values()]
    assert {answer.status for answer in found} == {Status.FOUND}
    assert server.token_requests == 2


def test_short_retry_after_is_waited_out(server: SpotifyServer) -> None:
    """Retry-After 1 costs a second and one more request."""
    server.script = lambda request: too_many("1") if request.earlier == 0 else None
    answers = all_of(client_of(server), TRACK, TRACKS[:50])
    assert {answer.status for answer in answers.values()} == {Status.FOUND}
    assert len(server.requests) == 2


@pytest.mark.parametrize("header", [None, "soon", "-1"])
def test_missing_and_senseless_retry_after_are_retried_with_growing_pauses(
    server: SpotifyServer, header: str | None
) -> None:
    """Without a usable time the client backs off by itself."""
    server.script = lambda request: too_many(header) if request.earlier < 2 else None
    answers = all_of(client_of(server), TRACK, TRACKS[:50])
    assert {answer.status for answer in answers.values()} == {Status.FOUND}


@pytest.mark.parametrize(
    ("fault", "at_least"),
    [
        (too_many("85327"), 85_300),
        (too_many("31"), 30),
        (too_many("40000", "QUOTA_EXCEEDED"), 39_900),
        (too_many(None, "QUOTA_EXCEEDED"), 3600),
        (too_many("1", "QUOTA_EXCEEDED"), 3600),
    ],
)
@pytest.mark.parametrize("at_token", [True, False])
def test_long_retry_after_and_used_up_quota_park_the_service(
    server: SpotifyServer, fault: Fault, at_least: float, *, at_token: bool
) -> None:
    """The client gives up at once, remembers until when, and sends nothing more."""
    if at_token:
        server.token_script = lambda _: fault
    else:
        server.script = lambda _: fault
    client = client_of(server)
    with pytest.raises(ParkedError) as caught:
        all_of(client, TRACK, TRACKS[:50])
    assert caught.value.not_before > time.time() + at_least
    sent = len(server.requests)
    with pytest.raises(ParkedError):
        all_of(client, TRACK, TRACKS[:50])
    assert len(server.requests) == sent <= 1


def test_service_that_is_down_is_parked_and_not_blamed_on_every_id(server: SpotifyServer) -> None:
    """Failures in a row open the breaker long before all ids were asked for in vain."""
    server.script = lambda _: server_module.UNAVAILABLE
    client = client_of(server)

    def ask_for_all() -> None:
        for item in TRACKS:
            all_of(client, TRACK, [item])

    with pytest.raises(ParkedError, match="503"):
        ask_for_all()
    assert len(server.requests) == 20


def test_budget_bounds_the_requests(server: SpotifyServer) -> None:
    """Retries are requests too."""
    server.batches = False
    server.script = seldom(0.3, (server_module.SERVER_ERROR,))
    with pytest.raises(BudgetSpentError):
        all_of(client_of(server, budget=10), TRACK, TRACKS[:50])
    assert len(server.requests) == 10


def test_wrong_credentials_are_named_and_not_quoted(server: SpotifyServer) -> None:
    """The message says what is wrong; the secret is in no part of it."""
    with pytest.raises(BadCredentialsError, match="does not accept the client id") as caught:
        all_of(client_of(server, credentials=Credentials("idididid", "hush-hush")), TRACK, TRACKS[:1])
    assert "hush" not in repr(caught.value)
    assert "idididid" not in repr(caught.value)


@pytest.mark.parametrize("ids", [["short"], [f"{TRACKS[0][:-1]}-"], [f"{TRACKS[0]}\n"], TRACKS[:51]])
def test_invalid_ids_are_never_sent(server: SpotifyServer, ids: list[str]) -> None:
    """The client refuses what is not 22 base-62 characters, and more than 50 at once."""
    with pytest.raises(ValueError, match="22 base-62"):
        list(client_of(server).look_up(TRACK, ids))
    assert not server.requests


def test_no_log_line_holds_credentials_or_tokens(
    server: SpotifyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Even with every logger at its most talkative, through tokens, faults and retries."""
    caplog.set_level(logging.DEBUG)
    for name in ("spotipy", "spotipy.client", "spotipy.oauth2", "urllib3", "stamina"):
        caplog.set_level(logging.DEBUG, logger=name)
    server.script = lambda request: (
        server_module.TRANSIENT[request.number % 11] if request.earlier < 1 else None
    )
    client = client_of(server)
    for n in range(22):
        all_of(client, TRACK, TRACKS[n : n + 1])
    assert caplog.records
    secrets = [server_module.CLIENT_ID, server_module.CLIENT_SECRET, "Basic ", "Bearer ", *server.tokens]
    assert not [record for record in caplog.records if any(s in record.getMessage() for s in secrets)]


def test_failures_hold_no_credentials_in_texts_or_causes(server: SpotifyServer) -> None:
    """No exception in the chain carries a request, whose headers would hold the token."""
    server.script = lambda _: server_module.RESET
    client = client_of(server)
    with pytest.raises(Exception, match="refused or reset") as caught:
        client._with_token(client._spotipy.track, TRACKS[0])
    error: BaseException | None = caught.value
    while error is not None:
        assert not hasattr(error, "request")
        error = error.__cause__
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("\ud83d\ude00", "😀"),
        ("broken \ud83d", "broken �"),
        ("nul\0l", "nul�l"),
        ("=cmd", "=cmd"),
        (" x\r\n", " x\r\n"),
    ],
)
def test_names_that_no_file_could_hold_are_mended(name: str, stored: str) -> None:
    """Lone surrogates and null characters are replaced; everything else stays as it is."""
    assert judge_item(ARTIST, ARTISTS[0], {"name": name}).value["name"] == stored


def item(item_id: str) -> dict[str, str]:
    """Describe a track."""
    return {"id": item_id, "name": item_id[:3], "type": "track"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ("id", "name", "type", "genres", "followers", "total", "artists", "album", "linked_from")
            )
            | st.text(max_size=3),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, dict[str, Any]]:
    """Columns of the store's tables."""
    with open_store(tmp_path_factory.mktemp("store") / "music.duckdb") as connection:
        return {kind: answer_schema(connection, "spotify", kind) for kind in KINDS}


@given(kind=st.sampled_from(KINDS), items=st.lists(JSON, min_size=2, max_size=4))
def test_whatever_the_answer_holds_it_is_judged_and_can_be_stored(
    schemas: dict[Kind, dict[str, Any]], kind: Kind, items: list[Any]
) -> None:
    """Any JSON gives one answer per id, with a reason unless found, in columns of the right type."""
    ids = TRACKS[: len(items)]
    for answers in (judge_batch(kind, ids, items), [judge_item(kind, ids[0], items[0])]):
        assert {answer.id for answer in answers} <= set(ids)
        assert all(bool(answer.reason) == (answer.status is not Status.FOUND) for answer in answers)
        assert all(bool(answer.value.get("name")) == (answer.status is Status.FOUND) for answer in answers)
        for write in put_answers("spotify", answers, schemas):
            names = [answer.value.get("name") for answer in answers]
            assert write.frames["answers"]["name"].to_list() == names


def test_items_in_another_order_are_told_by_their_ids() -> None:
    """A batch answer that is shuffled gives every id its own name."""
    answers = judge_batch(TRACK, TRACKS[:5], [item(each) for each in TRACKS[4::-1]])
    assert [answer.value.get("name") for answer in answers] == [item[:3] for item in TRACKS[:5]]


def test_merged_item_is_taken_by_position() -> None:
    """An item that carries neither the id asked for nor a link to it stands in that id's place."""
    items = [{"id": TRACKS[0], "name": "a"}, {"id": TRACKS[9], "name": "b"}, None]
    answers = judge_batch(TRACK, TRACKS[:3], items)
    assert [(a.status, a.value.get("name"), a.value.get("answered_id")) for a in answers] == [
        (Status.FOUND, "a", None),
        (Status.FOUND, "b", TRACKS[9]),
        (Status.GONE, None, None),
    ]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        (None, []),
        ({}, []),
        ([], []),
        ([None], []),
        ("x", []),
        ([item(TRACKS[2])], [TRACKS[2]]),
        ([*map(item, TRACKS[:3]), item(TRACKS[7])], TRACKS[:3]),
        ([item(TRACKS[7]), item(TRACKS[8]), item(TRACKS[9])], []),
        ([item(TRACKS[0]), item(TRACKS[0]), item(TRACKS[2])], [TRACKS[0], TRACKS[2]]),
        ([item(TRACKS[0]), {"id": TRACKS[1]}, None], [TRACKS[0], TRACKS[2]]),
    ],
)
def test_of_a_batch_that_does_not_match_only_what_is_right_is_taken(items: object, told: list[str]) -> None:
    """Fewer, more or other items: nothing is guessed, and nothing that can be told is lost."""
    assert [answer.id for answer in judge_batch(TRACK, TRACKS[:3], items)] == told


@pytest.mark.parametrize("loss", ["fewer", "more", "others", "an error"])
def test_batches_that_do_not_match_are_asked_for_again(server: SpotifyServer, loss: str) -> None:
    """What is right is kept, the rest is asked for once more, and the answer counts as a failure."""
    items: list[Any] = [server.item("track", each) for each in TRACKS[:50]]
    bodies = {
        "fewer": {"tracks": items[:40]},
        "more": {"tracks": [*items, server.item("track", TRACKS[60])]},
        "others": {"tracks": [server.item("track", each) for each in TRACKS[100:150]]},
        "an error": {"error": {"status": 503, "message": "busy"}},
    }
    body = json.dumps(bodies[loss]).encode()
    server.script = lambda request: Fault(status=200, body=body) if request.number == 1 else None
    client = client_of(server)
    answers = all_of(client, TRACK, TRACKS[:50])
    assert {answer.status for answer in answers.values()} == {Status.FOUND}
    assert {each: answer.value["name"] for each, answer in answers.items()} == {
        each: name_of("track", each) for each in TRACKS[:50]
    }
    assert len(server.requests) == {"fewer": 2, "more": 1, "others": 3, "an error": 2}[loss]
    assert sum(client.gate.traffic.troubles.values()) == (loss != "more")


def test_ids_are_asked_concurrently_without_mixing_answers(server: SpotifyServer) -> None:
    """Eight threads with faults between them give every id its own name."""
    server.batches = False
    server.script = seldom(0.05)
    client = client_of(server)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(all_of, client, TRACK, TRACKS[n : n + 25]) for n in range(0, 400, 25)]
        names = {item: answer.value.get("name") for job in jobs for item, answer in job.result().items()}
    assert names == {item: name_of("track", item) for item in TRACKS}
    assert max(server.asked.values()) == 1


def test_names_are_asked_for_in_the_language_of_the_user(server: SpotifyServer) -> None:
    """Spotify spells some names by Accept-Language."""
    client = Spotify(CREDENTIALS, ServiceSettings(url=server.url, per_second=10_000, language="ja"))
    client.connect(Gate(client.title, permits_of(client), MemoryState(), threading.Event()))
    all_of(client, ARTIST, ARTISTS[:1])
    assert server.headers[-1]["Accept-Language"] == "ja"


def test_apps_of_one_developer_share_limits_but_not_the_permission_for_batches() -> None:
    """The quota counts per developer, over all client ids; another account is another developer."""
    one, other = (Spotify(Credentials(name, "x"), ServiceSettings()) for name in ("one", "two"))
    assert one.account == other.account != Spotify(CREDENTIALS, ServiceSettings(account="friend")).account
    refused = MemoryState(**{f"batches {Credentials('one', 'x').app}": {"allowed": False, "at": time.time()}})
    assert (one.portions(refused), other.portions(refused)) == ((1,), (50, 1))
