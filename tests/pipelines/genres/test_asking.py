"""Genres from services: who is asked what, what counts, what is doubted, and what goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from etl.cli.genres import fetch_lines
from etl.pipelines.genres.fetch import FetchResult
from etl.pipelines.genres.plan import plan_questions
from etl.runtime.resources import resource
from etl.services.catalog import GENRE_SOURCES, unidentified_source
from etl.services.settings import ServiceSettings
from etl.store.answers import table as answers_of
from etl.store.genres import opens_questions
from tests.support.genre_servers import BODIES, lastfm_error, mbid_of
from tests.support.listenbrainz_server import error as listenbrainz_error
from tests.support.loopback import Reply
from tests.support.musicbrainz_server import TOO_MANY, error

if TYPE_CHECKING:
    from tests.pipelines.genres.conftest import World

BJORK, QUEEN, BOWIE, ALBUM, GROUP = map(mbid_of, ("björk", "queen", "bowie", "album", "group"))


def answers(world: World) -> dict[tuple[str, str, str], str]:
    """Give what became of each question."""
    return {
        (source, kind, item): status
        for source, kind, item, status in world.rows("SELECT source, kind, id, status FROM genre_answers")
    }


def genres(world: World) -> list[tuple[str, str, float]]:
    """Give the genres of all tracks: name, source, weight."""
    found = world.rows("SELECT DISTINCT name, source, weight FROM track_genres ORDER BY ALL")
    return [(name, source, round(weight, 1)) for name, source, weight in found]


def said(world: World) -> set[tuple[str, str, float]]:
    """Give what services say that counts: raw tag, source, weight."""
    found = world.rows("SELECT raw, source, weight FROM raw_genres WHERE source <> 'file'")
    return {(raw, source, round(weight, 1)) for raw, source, weight in found}


def test_files_weigh_1_albums_0_8_artists_0_5(world: World) -> None:
    """One request for each artist and release group; what is neither called a genre nor known is left out."""
    world.track("Björk", "Electronica", times=3, artistid=BJORK, releasegroupid=GROUP, albumid=ALBUM)
    world.musicbrainz.genres = {BJORK: {"art pop": 9}, GROUP: {"trip hop": 3, "no votes": 0}}
    world.musicbrainz.tags = {BJORK: {"icelandic": 4, "zorblax": 5, "downtempo": 1, "seen live": 9}}
    world.lastfm.tags = {BJORK: {"Experimental": 100, "electropop": 9}}
    result = world.fetch()
    assert genres(world) == [
        ("art pop", "musicbrainz", 0.5),
        ("downtempo", "musicbrainz", 0.5),
        ("electronica", "file", 1.0),
        ("experimental", "lastfm", 0.5),
        (f"röck {BJORK[:4]}", "listenbrainz", 0.5),
        ("trip hop", "musicbrainz", 0.8),
    ]
    assert world.requests() == (2, 1, 1)
    assert [source.found for source in result.sources] == [2, 1, 1]
    assert world.ask() == []
    assert world.requests() == (2, 1, 1)


def test_release_is_asked_about_where_the_file_does_not_say_its_group(world: World) -> None:
    """Its tags and those of its group count for the album."""
    world.track("Björk", artistid=BJORK, albumid=ALBUM)
    world.musicbrainz.genres = {BJORK: {}, ALBUM: {"dub": 1}, GROUP: {"trip hop": 3}}
    world.musicbrainz.groups = {ALBUM: GROUP}
    world.ask()
    assert {row for row in said(world) if row[1] == "musicbrainz"} == {
        ("dub", "musicbrainz", 0.8),
        ("trip hop", "musicbrainz", 0.8),
    }
    assert world.rows("SELECT release_group FROM musicbrainz_releases") == [(GROUP,)]


def test_one_artist_of_a_name_is_that_artist(world: World) -> None:
    """The MBID that MusicBrainz tells is what the other services are asked by; similar names do not count."""
    world.track("BJÖRK", "Electronica")
    world.musicbrainz.artists = {"björk": [BJORK], "björk tribute band": [mbid_of("tribute")]}
    world.musicbrainz.tags = {BJORK: {"electronic": 4}}
    world.lastfm.tags = {BJORK: {"downtempo": 100}}
    world.ask()
    assert world.requests() == (1, 1, 1)
    assert ("electronic", "musicbrainz", 0.5) in said(world)
    assert ("downtempo", "lastfm", 0.5) in said(world)


def test_two_artists_of_a_name_are_ambiguous(world: World) -> None:
    """No service is asked any further, and nothing is used."""
    world.track("Nirvana", "Grunge")
    world.musicbrainz.artists = {"nirvana": [mbid_of("seattle"), mbid_of("london")]}
    world.lastfm.tags = {"nirvana": {"grunge": 100}}
    world.ask()
    assert answers(world) == {("musicbrainz", "name", "nirvana"): "ambiguous"}
    assert world.requests() == (1, 0, 0)


def test_answer_far_from_the_genres_of_the_files_is_kept_and_not_used(world: World) -> None:
    """It stays ambiguous however often genres are fetched, and is used once the files say otherwise."""
    world.track("Bush", "Black Metal")
    world.musicbrainz.artists = {"bush": [QUEEN]}
    world.musicbrainz.tags = {QUEEN: {"house": 5}}
    world.lastfm.tags = {QUEEN: {"deep house": 100}}
    world.listenbrainz.unknown = {QUEEN}
    for _ in range(2):
        world.fetch()
        assert answers(world)["musicbrainz", "name", "bush"] == "ambiguous"
        assert genres(world) == [("black metal", "file", 1.0)]
    assert world.requests() == (1, 1, 1)
    world.track("Bush", "Techno")
    world.fetch()
    assert answers(world)["musicbrainz", "name", "bush"] == "found"
    assert ("deep house", "lastfm", 0.5) in genres(world)


def test_ensembles_are_asked_about_whole_and_collaborations_in_parts(world: World) -> None:
    """The parts only where MusicBrainz knows no such ensemble; guests are left out."""
    world.track("Simon & Garfunkel")
    world.track("Queen & David Bowie")
    world.track("Björk feat. Somebody")
    world.musicbrainz.artists = {
        "simon & garfunkel": [mbid_of("s&g")], "queen": [QUEEN], "david bowie": [BOWIE], "björk": [BJORK],
    }  # fmt: skip
    world.musicbrainz.tags = {QUEEN: {"glam rock": 1}, BOWIE: {"art rock": 1}, BJORK: {"art pop": 1}}
    world.ask()
    assert {item for source, _, item in answers(world) if source == "musicbrainz"} == {
        "simon & garfunkel", "queen & david bowie", "queen", "david bowie", "björk",
    }  # fmt: skip
    names = world.rows("SELECT raw FROM raw_genres WHERE track_id = 't1' AND source = 'musicbrainz'")
    assert sorted(names) == [("art rock",), ("glam rock",)]
    assert world.requests()[0] == 5


def test_last_fm_is_asked_by_name_where_nobody_can_be_meant_by_mistake(world: World) -> None:
    """Of an artist whom MusicBrainz does not know, or knows once and Last.fm does not know by MBID."""
    world.track("Nobody Else", "Rock")
    world.track("Queen", "Rock")
    world.track("By File", "Rock", artistid=BOWIE)
    world.musicbrainz.artists = {"queen": [QUEEN]}
    world.lastfm.tags = {name: {"hard rock": 100} for name in ("nobody else", "queen", "by file")}
    world.ask()
    assert answers(world)["lastfm", "name", "nobody else"] == "found"
    assert answers(world)["lastfm", "name", "queen"] == "found"
    assert ("lastfm", "name", "by file") not in answers(world)


def test_nobody_is_not_asked_about(world: World) -> None:
    """Various artists and unknown ones are no artists."""
    world.track("Various Artists", "Rock", artistid="89ad4ac3-39f7-470e-963a-56509c546377")
    world.track("[unknown]", "Rock")
    world.track(None, "Rock")
    assert world.ask() == []
    assert world.requests() == (0, 0, 0)


def test_what_can_be_asked_depends_on_the_answers_that_are_said_to_open_questions() -> None:
    """Only they have it read again: those that its view reads, and the views that it stands on."""
    views = {path.stem: path.read_text(encoding="utf-8") for path in resource("sql/views").glob("*.sql")}
    read: set[str] = set()
    left = {"library_questions"}
    while left:
        words = {word for view in left for word in re.findall(r"\w+", re.sub("--.*", "", views[view]))}
        left = words & set(views) - read
        read |= words
    kinds = [
        (name, kind) for name in GENRE_SOURCES for kind in unidentified_source(name, ServiceSettings()).kinds
    ]
    assert {(name, kind) for name, kind in kinds if answers_of(name, kind) in read} == {
        (name, kind) for name, kind in kinds if opens_questions(name, kind)
    }


def test_what_is_not_known_is_asked_again_after_90_days(world: World) -> None:
    """Not before; what was found is never asked again, unless forced."""
    world.track("Björk", "Pop", artistid=BJORK)
    world.listenbrainz.unknown = {BJORK}
    world.ask()
    assert set(answers(world).values()) == {"none"}
    for days, sent in ((89, 1), (91, 2)):
        for table in ("musicbrainz_tagged_artists", "listenbrainz_artists", "lastfm_artists"):
            world.age(table, days)
        world.ask()
        assert world.requests() == (sent, sent, sent)
    world.ask(force=True)
    assert world.requests() == (3, 3, 3)


def test_limit_bounds_what_each_service_is_asked(world: World) -> None:
    """What stands on most tracks first; the next run goes on."""
    for number in range(4):
        world.track("x", "Pop", times=number + 1, artistid=mbid_of(str(number)))
    world.ask(limit=2, workers=1)
    assert set(world.musicbrainz.asked) == {mbid_of("3"), mbid_of("2")}
    assert world.requests() == (2, 1, 2)
    world.ask(limit=2)
    assert world.requests() == (4, 2, 4)
    assert max(world.musicbrainz.asked.values()) == 1


def test_plan_counts_requests_and_sends_none(world: World) -> None:
    """An artist who is known by name so far counts for the services that will be asked by MBID."""
    world.track("Queen", "Rock")
    world.track("x", "Pop", artistid=[BJORK, BOWIE], releasegroupid=GROUP)
    world.musicbrainz.artists = {"queen": [QUEEN]}
    world.lastfm.tags = {QUEEN: {"rock": 100}}
    plan = plan_questions(world.written(), world.questions())
    assert [(source.requests, source.skipped) for source in plan.sources] == [(4, ""), (1, ""), (3, "")]
    assert plan.requests == 8
    assert world.requests() == (0, 0, 0)
    world.ask()
    assert plan_questions(world.written(), world.questions()).requests == 0
    assert plan_questions(world.written(), world.questions(force=True)).requests == 8


def test_source_without_key_or_contact_is_skipped_and_the_rest_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a line that says what to set."""
    monkeypatch.delenv("LASTFM_API_KEY")
    world.track("x", "Pop", artistid=BJORK)
    world.musicbrainz.genres = {BJORK: {"art pop": 1}}
    result = FetchResult(world.ask())
    assert ("art pop", "musicbrainz", 0.5) in said(world)
    assert "Last.fm: skipped: no key is set for Last.fm. Set LASTFM_API_KEY" in fetch_lines(result)
    assert world.requests() == (1, 1, 0)


def test_dead_service_is_skipped_and_the_rest_goes_on(world: World) -> None:
    """A storm of 503 parks it: nothing is filed, and it is not asked before its rest is over."""
    for number in range(5):
        world.track("x", "Pop", artistid=mbid_of(str(number)))
    world.musicbrainz.script = lambda _n, _item: TOO_MANY
    skipped = [source for source in world.ask() if source.skipped]
    assert [source.requests > 0 for source in skipped] == [True]
    assert "parked until" in skipped[0].skipped
    assert re.search(r"parked until .*[^.]\. What was answered is kept", fetch_lines(FetchResult(skipped)))
    assert {source for source, _, _ in answers(world)} == {"listenbrainz", "lastfm"}
    sent = world.requests()
    world.ask()
    assert world.requests() == sent


def test_rest_that_is_asked_for_in_another_form_is_kept(world: World) -> None:
    """A gateway before Last.fm that wants no requests gets none, whatever its body says."""
    world.track("x", "Pop", artistid=BJORK)
    world.lastfm.script = lambda _n, _item: Reply(429, b'{"error": "Too many"}', {"Retry-After": "5000"})
    world.ask()
    assert len(world.lastfm.requests) == 1


@pytest.mark.parametrize("service", ["musicbrainz", "lastfm"])
def test_passing_faults_leave_no_trace(world: World, service: str) -> None:
    """Whatever comes in place of one answer (HTML, XML, nothing, 50 MB ...), the next is taken."""
    for number in range(2 * len(BODIES)):
        world.track("x", "Pop", artistid=mbid_of(str(number)))
        world.musicbrainz.genres[mbid_of(str(number))] = world.lastfm.tags[mbid_of(str(number))] = {"pop": 20}
    faults = dict(zip(range(2, 4 * len(BODIES), 3), BODIES.values(), strict=False))
    server = world.server(service)
    server.script = lambda number, _item: faults.get(number)  # type: ignore[attr-defined]
    world.ask(workers=1)
    assert set(answers(world).values()) == {"found"}
    assert len(server.requests) == 3 * len(BODIES)


def test_artists_whose_answers_are_never_right_are_errors(world: World) -> None:
    """The others are found; the next run asks again, and about one of these: it is not Last.fm."""
    bad = {mbid_of(body): BODIES[body] for body in ("list", "latin-1", "gateway")}
    for number in range(8):
        world.track("x", "Pop", times=1 + number % 2 * 2, artistid=mbid_of(str(number)))
        world.lastfm.tags[mbid_of(str(number))] = {"pop": 20}
    for mbid in bad:
        world.track("x", "Pop", times=2, artistid=mbid)
    world.lastfm.script = lambda _number, item: bad.get(item)
    for _ in range(2):
        world.ask(workers=1)
    of_lastfm = {item: status for (source, _, item), status in answers(world).items() if source == "lastfm"}
    assert {item for item, status in of_lastfm.items() if status == "error"} == set(bad)
    assert set(of_lastfm.values()) == {"found", "error"}
    assert world.requests()[2] == 8 + 2 * 6 * len(bad) + 1


def test_last_fm_is_asked_again_after_errors_that_pass(world: World) -> None:
    """29 (too many), 8, 11 and 16 come with a status of 200."""
    for number in range(4):
        world.track("x", "Pop", artistid=mbid_of(str(number)))
        world.lastfm.tags[mbid_of(str(number))] = {"pop": 100}
    passing = {1: 29, 2: 8, 4: 11, 6: 16}
    world.lastfm.script = lambda n, _item: lastfm_error(passing[n], "Try again") if n in passing else None
    world.ask(workers=1)
    assert {status for (source, _, _), status in answers(world).items() if source == "lastfm"} == {"found"}
    assert world.requests()[2] == 8


def test_refused_key_stops_last_fm_and_is_quoted_nowhere(world: World) -> None:
    """After one request, with advice; the others have answered."""
    for each in range(3):
        world.track("x", "Pop", artistid=mbid_of(str(each)))
    world.lastfm.script = lambda *_: lastfm_error(26, f"Suspended API key {'k' * 32}")
    said = fetch_lines(FetchResult(world.ask(workers=1)))
    assert "Last.fm does not accept the key" in said
    assert "LASTFM_API_KEY" in said
    assert "k" * 32 not in said
    assert world.requests()[2] == 1


def test_bad_question_is_an_error_of_its_own(world: World) -> None:
    """MusicBrainz and ListenBrainz call one MBID wrong; the others are found."""
    for number in range(3):
        world.track("x", "Pop", artistid=mbid_of(str(number)))
        world.musicbrainz.genres[mbid_of(str(number))] = {"pop": 1}
    bad = mbid_of("1")
    world.musicbrainz.script = lambda _n, item: error(400, "Invalid mbid.") if item == bad else None
    world.listenbrainz.script = lambda _n, ids: listenbrainz_error(400, "not valid") if bad in ids else None
    world.ask()
    for source in ("musicbrainz", "listenbrainz"):
        assert {item: status for (known, _, item), status in answers(world).items() if known == source} == {
            mbid_of("0"): "found", bad: "error", mbid_of("2"): "found",
        }  # fmt: skip


def test_what_a_broken_connection_left_open_is_said(world: World) -> None:
    """It is nobody's fault, so nothing is filed; the next run asks again."""
    for number in range(3):
        world.track("x", "Pop", artistid=mbid_of(str(number)))
        world.lastfm.tags[mbid_of(str(number))] = {"pop": 100}

    def hang_up(_number: int, item: str) -> Reply | None:
        if item == mbid_of("1"):
            raise ConnectionResetError
        return None

    world.lastfm.script = hang_up
    lastfm = world.ask(workers=1)[-1]
    assert (lastfm.found, lastfm.none, lastfm.errors, lastfm.left, lastfm.skipped) == (2, 0, 0, 1, "")
    assert "Last.fm: 2 found, 0 none, 0 failed, 1 left for the next run" in fetch_lines(FetchResult([lastfm]))
    world.lastfm.script = lambda _number, _item: None
    assert [(source.source, source.found, source.left) for source in world.ask()] == [("Last.fm", 1, 0)]
