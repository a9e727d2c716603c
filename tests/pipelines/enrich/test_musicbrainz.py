"""Names of artists from MusicBrainz: what it answers, what is filed, whose name counts."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from etl.pipelines.data3.export import write_stored_csv
from etl.pipelines.enrich.estimate import estimate
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.runtime.errors import EtlError, ExitCode
from etl.services.credentials import Credentials
from etl.services.musicbrainz import MusicBrainz, configured, judge_entry
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.services.spotify import Spotify
from etl.store.database import read_store
from etl.store.scope import use_sources
from tests.support import spotify_server
from tests.support.loopback import Reply
from tests.support.musicbrainz_server import ADDRESS, TOO_MANY, MusicBrainzServer, entry, error, name_of
from tests.support.spotify_server import spotify_id
from tests.support.stored import stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from etl.pipelines.enrich.result import EnrichmentResult

ARTISTS = [spotify_id("artist", number) for number in sorted({min(n % 12, n * 7 % 12) for n in range(60)})]
HURRY = Patience(first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.0001, longest_delay=0.001)


@pytest.fixture
def server() -> Iterator[MusicBrainzServer]:
    """Serve on the loopback."""
    with MusicBrainzServer() as running:
        yield running


def ask(database: Path, server: MusicBrainzServer, **options: Any) -> EnrichmentResult:
    """Run the enrichment in a hurry."""
    request = Enrichment(
        database=database,
        command="etl enrich musicbrainz",
        folder=database.parent,
        patience=HURRY,
        contact="somebody@example.org",
        **options,
    )
    return enrich(request, MusicBrainz(ServiceSettings(url=server.url, per_second=5000)))


def ask_spotify(database: Path, *, budget: int) -> None:
    """Ask Spotify, in batches, artists first."""
    with spotify_server.serving() as server:
        credentials = Credentials(spotify_server.CLIENT_ID, spotify_server.CLIENT_SECRET)
        request = Enrichment(
            database=database, command="etl", folder=database.parent, budget=budget, patience=HURRY
        )
        enrich(request, Spotify(credentials, ServiceSettings(url=server.url, per_second=5000)))


def filed(database: Path) -> dict[str, tuple[str, str, str | None]]:
    """Read status, reason and name by id."""
    rows = stored_rows(database, "SELECT id, status, reason, name FROM musicbrainz_artists")
    return {item: (status, reason, name) for item, status, reason, name in rows}


def sources(database: Path) -> dict[str, tuple[str | None, str | None]]:
    """Read name and source by artist."""
    rows = stored_rows(
        database,
        "SELECT DISTINCT spotify_artist_id, artist_name, artist_name_source "
        "FROM song_names JOIN songs USING (song_id)",
    )
    return {item: (name, source) for item, name, source in rows}


def csv_names(database: Path) -> dict[str, str]:
    """Read the names by artist that the data3 CSV has."""
    path = database.parent / "again.csv"
    with read_store(database) as connection:
        for _ in write_stored_csv(connection, use_sources(connection), path):
            pass
    with path.open(newline="", encoding="utf-8") as file:
        return {row["spotify_artist_id"]: row["artist_name"] for row in csv.DictReader(file)}


def test_all_artists_are_named_with_one_request(sixty_songs: Path, server: MusicBrainzServer) -> None:
    """The CSV has the names, the store knows who gave them; the next run sends nothing."""
    server.unknown = {ARTISTS[2]}
    result = ask(sixty_songs, server)
    assert len(server.requests) == 1
    assert result.answers == {"found": 8, "gone": 1, "error": 0}
    assert filed(sixty_songs)[ARTISTS[2]] == ("gone", "the address is not known", None)
    names = csv_names(sixty_songs)
    assert names == {item: name_of(item) for item in ARTISTS} | {ARTISTS[2]: "Unknown Artist"}
    assert sources(sixty_songs)[ARTISTS[0]] == (name_of(ARTISTS[0]), "musicbrainz")
    assert sources(sixty_songs)[ARTISTS[2]] == (None, None)
    assert "somebody@example.org" in server.requests[0].headers["User-Agent"]
    ask(sixty_songs, server)
    assert len(server.requests) == 1


def test_spotify_is_asked_all_the_same_and_its_name_counts(
    sixty_songs: Path, server: MusicBrainzServer
) -> None:
    """A name from MusicBrainz fills in until Spotify's own is there."""
    ask(sixty_songs, server)
    ask_spotify(sixty_songs, budget=1)
    expected = {item: spotify_server.name_of("artist", item) for item in ARTISTS}
    assert csv_names(sixty_songs) == expected
    assert sources(sixty_songs) == {item: (name, "spotify") for item, name in expected.items()}


def test_what_spotify_has_named_is_not_asked_about(sixty_songs: Path, server: MusicBrainzServer) -> None:
    """The estimate knows it too."""
    service = MusicBrainz(ServiceSettings())
    before = estimate(sixty_songs, service, {})
    assert (before.ids, before.requests(100), before.per_second) == ({"artist": 9}, 1, 1.0)
    ask_spotify(sixty_songs, budget=1)
    assert estimate(sixty_songs, service, {}).ids == {"artist": 0}
    result = ask(sixty_songs, server)
    assert not server.requests
    assert result.songs_named == result.songs_settled == 60


@pytest.mark.parametrize(
    ("fault", "troubles"),
    [
        (TOO_MANY, {"rate limit": 2}),
        (error(503, "The MusicBrainz web server is currently busy."), {"rate limit": 2}),
        (error(500, "oops"), {"server": 2}),
        (error(200, "Your requests are exceeding the allowable rate limit"), {"rate limit": 2}),
        (Reply(200, b"<html>maintenance</html>"), {"not the service": 2}),
        (Reply(404, b"<html>nginx</html>"), {"not the service": 2}),
        (Reply(502, b"<html>bad gateway</html>"), {"server": 2}),
        (Reply(200, b"null"), {"garbled": 2}),
        (Reply(200, json.dumps({"urls": [entry(spotify_id("artist", 99), "X")]}).encode()), {"garbled": 2}),
        (Reply(200, json.dumps({"url-count": 9, "urls": [entry(ARTISTS[0], "X")]}).encode()), {"garbled": 2}),
    ],
)
def test_passing_faults_leave_no_trace(
    sixty_songs: Path, server: MusicBrainzServer, fault: Reply, troubles: dict[str, int]
) -> None:
    """Whatever goes wrong twice ends as found, and counts as what it was."""
    server.script = lambda number, _: fault if number <= 2 else None
    result = ask(sixty_songs, server)
    assert {status for status, _, _ in filed(sixty_songs).values()} == {"found"}
    assert result.errors == troubles
    assert len(server.requests) <= 5


def test_refused_program_ends_the_run_with_advice(sixty_songs: Path, server: MusicBrainzServer) -> None:
    """One request, exit code 69, whom to tell who asks; nothing is filed."""
    server.script = lambda _number, _ids: error(403, "Your client is blocked")
    with pytest.raises(EtlError, match=r"Your client is blocked\nSet ETL_CONTACT") as caught:
        ask(sixty_songs, server)
    assert (caught.value.exit_code, len(server.requests)) == (ExitCode.UNAVAILABLE, 1)
    assert filed(sixty_songs) == {}


def test_one_bad_address_is_found_by_halving(sixty_songs: Path, server: MusicBrainzServer) -> None:
    """The others are named, and asked about once."""
    server.script = lambda _, ids: error(400, "Invalid url") if ARTISTS[5] in ids else None
    ask(sixty_songs, server)
    assert {item for item, (status, _, _) in filed(sixty_songs).items() if status != "found"} == {ARTISTS[5]}
    assert filed(sixty_songs)[ARTISTS[5]][1] == "rejected: 400 Invalid url"
    assert len(server.requests) <= 9
    assert max(server.asked.values()) == 1


def test_contact_is_asked_for_before_anything_is_sent() -> None:
    """Exit code 2, and where to write it; another server may do without."""
    with pytest.raises(EtlError, match="ETL_CONTACT") as caught:
        configured(ServiceSettings())
    assert caught.value.exit_code == ExitCode.USAGE
    assert configured(ServiceSettings(url="http://127.0.0.1:1")).rates.interval == 1.0


def test_artist_whose_link_has_not_ended_counts() -> None:
    """Two artists at one address: the choice is always the same, and their number is kept."""
    item = ARTISTS[0]
    answer = judge_entry(item, entry(item, "Old", "New", ended=["Old"]))
    assert (answer.value["name"], answer.value["artists"]) == ("New", 2)
    both = [judge_entry(item, entry(item, *names)).value["name"] for names in (("A", "B"), ("B", "A"))]
    assert both[0] == both[1]
    without: list[dict[str, Any]] = [
        {},
        {"relations": []},
        {"relations": [{"label": {}}, {"artist": {"id": "a", "name": ""}}]},
    ]
    for none in without:
        answer = judge_entry(item, {"resource": f"{ADDRESS}{item}"} | none)
        assert answer.reason == "no artist has the address"


def test_entry_that_makes_no_sense_says_nothing_about_its_address(
    sixty_songs: Path, server: MusicBrainzServer
) -> None:
    """Else a slip of the service would be kept for good; what is right in the answer is taken."""
    odd: list[Any] = [
        7,
        [None],
        [{"artist": 3}],
        [{"artist": {"id": "a", "name": None}}],
        [{"artist": {"id": 1}}],
    ]
    for relations in odd:
        assert judge_entry(ARTISTS[0], {"relations": relations}).category == "garbled"
    asked: list[Sequence[str]] = []

    def odd_once(number: int, ids: Sequence[str]) -> Reply | None:
        asked.append(ids)
        entries = [
            entry(item, name_of(item)) | ({} if place else {"relations": odd[3]})
            for place, item in enumerate(ids)
        ]
        return Reply(200, json.dumps({"urls": entries}).encode()) if number == 1 else None

    server.script = odd_once
    ask(sixty_songs, server)
    kept = stored_rows(sixty_songs, "SELECT status, count(*) FROM musicbrainz_artists GROUP BY ALL")
    assert kept == [("found", 9)]
    assert [len(ids) for ids in asked] == [9, 1]
