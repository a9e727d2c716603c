"""Tags of artists from ListenBrainz: whom it is asked about, what it answers, what is filed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from etl.cli.enrich import describe
from etl.pipelines.enrich.estimate import estimate
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.pipelines.status import status
from etl.runtime.errors import EtlError, ExitCode
from etl.services.listenbrainz import BATCH_SIZE, ListenBrainz, judge_entry
from etl.services.musicbrainz import MusicBrainz
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from tests.support.listenbrainz_server import LONGEST_ADDRESS, ListenBrainzServer, entry, error, too_many
from tests.support.loopback import Loopback, Reply
from tests.support.musicbrainz_server import MusicBrainzServer
from tests.support.stored import stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.services.contract import Service

HURRY = Patience(first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.0001, longest_delay=0.001)


@pytest.fixture
def server() -> Iterator[ListenBrainzServer]:
    """Serve on the loopback."""
    with ListenBrainzServer() as running:
        yield running


@pytest.fixture(scope="module")
def known_once(built_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have MusicBrainz give the MBIDs of the nine artists; not to be changed."""
    folder = tmp_path_factory.mktemp("known")
    database = Path(shutil.copy(built_store, folder))
    with MusicBrainzServer() as server:
        run(database, MusicBrainz(settings(server)), limits_file=folder / "limits.sqlite")
    return database


@pytest.fixture
def known_artists(known_once: Path, tmp_path: Path) -> Path:
    """Give a store of nine artists whose MBIDs are known."""
    return Path(shutil.copy(known_once, tmp_path))


def settings(server: Loopback) -> ServiceSettings:
    """Ask a server as fast as it goes."""
    return ServiceSettings(url=server.url, per_second=5000)


def run(database: Path, service: Service, **options: Any) -> EnrichmentResult:
    """Run an enrichment in a hurry."""
    request = Enrichment(database=database, command="etl", folder=database.parent, patience=HURRY, **options)
    return enrich(request, service)


def ask(database: Path, server: ListenBrainzServer) -> EnrichmentResult:
    """Ask for tags."""
    return run(database, ListenBrainz(settings(server)))


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Query the store."""
    return stored_rows(database, sql)


def mbids(database: Path) -> list[str]:
    """List the MBIDs of the artists."""
    return [mbid for (mbid,) in rows(database, "SELECT mbid FROM musicbrainz_artists ORDER BY mbid")]


def test_artists_are_tagged_with_one_request(known_artists: Path, server: ListenBrainzServer) -> None:
    """Songs have the tags of their artist, most votes first, and the source; the next run sends nothing."""
    ids = mbids(known_artists)
    server.unknown = {ids[3]}
    result = ask(known_artists, server)
    assert (len(server.requests), result.answers) == (1, {"found": 8, "gone": 1, "error": 0})
    found = {
        mbid: (tags, votes, are_genres)
        for mbid, tags, votes, are_genres in rows(
            known_artists, "SELECT id, tags, votes, are_genres FROM listenbrainz_artists"
        )
    }
    assert found == {mbid: ([f"röck {mbid[:4]}", "seen live"], [9, 2], [True, False]) for mbid in ids} | {
        ids[3]: (None, None, None)
    }
    (tag,) = rows(
        known_artists,
        "SELECT DISTINCT tag, votes, is_genre, source FROM song_tags "
        f"WHERE artist_mbid = '{ids[0]}' AND is_genre",
    )
    assert tag == (f"röck {ids[0][:4]}", 9, True, "listenbrainz")
    ask(known_artists, server)
    assert len(server.requests) == 1


def test_songs_without_an_mbid_are_not_asked_about(sixty_songs: Path, server: ListenBrainzServer) -> None:
    """Before MusicBrainz has said who the artists are, there is nothing to ask, and the estimate says so."""
    assert estimate(sixty_songs, ListenBrainz(ServiceSettings()), {}).ids == {"artist": 0}
    result = ask(sixty_songs, server)
    assert (server.requests, result.ids) == ([], 0)
    assert "`etl enrich musicbrainz` finds the MBIDs" in describe(result, None)


def test_tags_are_called_tags(known_artists: Path, server: ListenBrainzServer) -> None:
    """What a run and `etl status` say is not about names, of which ListenBrainz gives none."""
    assert describe(ask(known_artists, server), None).splitlines()[-1].startswith("tags: 60 of 60 songs")
    names = status(known_artists).names
    assert names is not None
    assert {name: covered.gives for name, covered in names.items()} == {
        "spotify": "names",
        "musicbrainz": "names",
        "listenbrainz": "tags",
    }


def test_estimate_counts_the_artists(known_artists: Path) -> None:
    """Fifty to a request, one request a second."""
    ahead = estimate(known_artists, ListenBrainz(ServiceSettings()), {})
    assert (ahead.ids, ahead.portions, ahead.requests(50), ahead.per_second) == ({"artist": 9}, (50,), 1, 1.0)


@pytest.mark.parametrize(
    ("fault", "troubles"),
    [
        (too_many(0), {"rate limit": 2}),
        (error(500, "oops"), {"server": 2}),
        (error(503, "Service unavailable"), {"server": 2}),
        (error(200, "oops"), {"garbled": 2}),
        (Reply(200, b"<html>maintenance</html>"), {"not the service": 2}),
        (Reply(404, b"<html>nginx</html>"), {"not the service": 2}),
        (Reply(414, b"<html>Request-URI Too Large</html>"), {"not the service": 2}),
        (Reply(502, b"<html>bad gateway</html>"), {"server": 2}),
        (Reply(200, b"null"), {"garbled": 2}),
        (Reply(200, b'{"payload": []}'), {"garbled": 2}),
        (Reply(200, json.dumps([entry("00000000-0000-0000-0000-000000000000")]).encode()), {"garbled": 2}),
        (Reply(200, b"[null, 7]"), {"garbled": 2}),
    ],
)
def test_passing_faults_leave_no_trace(
    known_artists: Path, server: ListenBrainzServer, fault: Reply, troubles: dict[str, int]
) -> None:
    """Whatever goes wrong twice ends as found, and counts as what it was."""
    server.script = lambda number, _: fault if number <= 2 else None
    result = ask(known_artists, server)
    assert rows(known_artists, "SELECT DISTINCT status FROM listenbrainz_artists") == [("found",)]
    assert result.errors == troubles
    assert len(server.requests) <= 5


def test_told_limit_is_kept(known_artists: Path, server: ListenBrainzServer) -> None:
    """After the last request that is left nothing goes out before the reset."""
    arrivals: list[float] = []

    def script(number: int, _ids: list[str]) -> Reply | None:
        arrivals.append(time.monotonic())
        return too_many(2) if number == 1 else None

    server.script = script
    ask(known_artists, server)
    assert len(arrivals) == 2
    assert arrivals[1] - arrivals[0] >= 1.0  # times are in whole seconds


def test_one_bad_artist_is_found_by_halving(known_artists: Path, server: ListenBrainzServer) -> None:
    """The others are tagged, and asked about once."""
    bad = mbids(known_artists)[5]
    server.script = lambda _, ids: error(400, f"artist mbid {bad} is not valid.") if bad in ids else None
    ask(known_artists, server)
    failed = rows(known_artists, "SELECT id, reason FROM listenbrainz_artists WHERE status <> 'found'")
    assert failed == [(bad, f"rejected: 400 artist mbid {bad} is not valid.")]
    assert len(server.requests) <= 9
    assert max(server.asked.values()) == 1


def test_refused_program_ends_the_run_with_advice(known_artists: Path, server: ListenBrainzServer) -> None:
    """One request, exit code 69, what to do; nothing is filed."""
    server.script = lambda _number, _ids: error(403, "Your client is blocked")
    with pytest.raises(EtlError, match=r"Your client is blocked\nSet ETL_CONTACT") as caught:
        ask(known_artists, server)
    assert (caught.value.exit_code, len(server.requests)) == (ExitCode.UNAVAILABLE, 1)
    assert rows(known_artists, "FROM listenbrainz_artists") == []


def test_parked_run_leaves_no_csv(known_artists: Path, server: ListenBrainzServer) -> None:
    """Tags are not in the CSV, so that a partial one would say nothing new."""
    server.script = lambda _number, _ids: error(429, "Too many", **{"Retry-After": "5000"})
    with pytest.raises(EtlError, match="0 of 60 songs have tags") as caught:
        ask(known_artists, server)
    assert caught.value.exit_code == ExitCode.PARKED
    assert not list(known_artists.parent.glob("data3_partial_*"))


def test_longest_request_is_taken() -> None:
    """The address of a full request is shorter than what servers refuse."""
    assert (
        len("/1/metadata/artist/?artist_mbids=&inc=tag") + BATCH_SIZE * len(f"{uuid4()},") < LONGEST_ADDRESS
    )


def test_odd_tags_are_left_out() -> None:
    """A tag that comes twice counts once; what is no tag, or has no number, does not count."""
    odd: list[Any] = [
        None,
        7,
        {"tag": 1, "count": 2},
        {"tag": "x", "count": "2"},
        {"tag": "y", "count": True},
        {"tag": "z", "count": 2**70},
    ]
    good: list[Any] = [{"tag": "b", "count": 1}, {"tag": "a", "count": 1}, {"tag": "a", "count": 5}]
    value = judge_entry("m", entry("m", odd + good)).value
    assert value == {"tags": ["a", "b"], "votes": [1, 1], "are_genres": [False, False]}
    empty: tuple[dict[str, Any], ...] = (
        {},
        {"tag": None},
        {"tag": {"artist": None}},
        {"tag": {"artist": []}},
    )
    for nothing in empty:
        assert judge_entry("m", nothing).value["tags"] == []
    for senseless in (
        {"tag": [1]},
        {"tag": "x"},
        {"tag": {"artist": "x"}},
        {"tag": {"artist": {"tag": "x"}}},
    ):
        assert judge_entry("m", senseless).category == "garbled"
