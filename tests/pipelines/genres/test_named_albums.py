"""Albums that files have no MBID of: who is asked about them by name, and when the answer is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.pipelines.genres.plan import plan_questions
from etl.services.musicbrainz_genres import judge_album
from tests.support.genre_servers import BODIES, mbid_of

if TYPE_CHECKING:
    from typing import Any

    from tests.pipelines.genres.conftest import World

QUEEN, BOWIE, SEATTLE, LONDON = map(mbid_of, ("queen", "bowie", "seattle", "london"))
JAZZ, SPACE, NEVERMIND = map(mbid_of, ("jazz", "hot space", "nevermind"))


def know_queen(world: World) -> None:
    """Let MusicBrainz know a band and two of its albums."""
    world.musicbrainz.artists = {"queen": [QUEEN]}
    world.musicbrainz.albums = {JAZZ: ("Jazz", [(QUEEN, "Queen")]), SPACE: ("Hot Space", [(QUEEN, "Queen")])}
    world.musicbrainz.tags = {QUEEN: {"rock": 3}, JAZZ: {"hard rock": 9}, SPACE: {"funk rock": 4}}


def albums(world: World) -> dict[str, str]:
    """Give what became of the albums that were asked about by name."""
    return dict(world.rows("SELECT id, status FROM genre_answers WHERE kind = 'album'"))


def of_albums(world: World) -> list[tuple[Any, ...]]:
    """Give what counts for albums."""
    return world.rows("SELECT DISTINCT name FROM track_genres WHERE weight BETWEEN 0.7 AND 0.9 ORDER BY ALL")


def test_album_is_asked_about_once_when_its_artist_is_known(world: World) -> None:
    """Editions, discs, case and guests are the same album; another run asks nothing."""
    know_queen(world)
    for title in (
        "Jazz",
        "JAZZ",
        "Jazz (Deluxe Edition)",
        "Jazz [2011 Remaster]",
        "Jazz, CD 2",
        "Jazz (Disc 1)",
    ):
        world.track("Queen", "Rock", album=title)
    world.track("Queen feat. Somebody", "Rock", album="Hot  Space")
    result = world.fetch()
    assert albums(world) == {f"{QUEEN}\tjazz": "found", f"{QUEEN}\thot space": "found"}
    assert of_albums(world) == [("funk rock",), ("hard rock",)]
    assert [source.found for source in result.sources][:1] == [3]
    assert world.requests()[0] == 3
    world.ask()
    assert world.requests()[0] == 3


def test_mbid_of_the_artist_in_the_files_is_asked_with(world: World) -> None:
    """Then no artist is asked about by name; files that have an MBID of the album are asked by that."""
    know_queen(world)
    world.musicbrainz.genres = {QUEEN: {"rock": 1}, SPACE: {"disco": 1}}
    world.track("Queen", "Rock", album="Jazz", artistid=QUEEN)
    world.track("Queen", "Rock", album="Hot Space", artistid=QUEEN, releasegroupid=SPACE)
    world.fetch()
    assert set(world.musicbrainz.asked) == {QUEEN, SPACE, f"{QUEEN}\tjazz"}
    assert of_albums(world) == [("disco",), ("funk rock",), ("hard rock",)]


def test_album_says_which_artist_of_a_name_is_meant(world: World) -> None:
    """Of two artists of a name only one has an album of that title; of two such albums neither counts."""
    world.musicbrainz.artists = {"nirvana": [SEATTLE, LONDON]}
    world.musicbrainz.albums = {
        NEVERMIND: ("Nevermind", [(SEATTLE, "Nirvana")]),
        mbid_of("tribute"): ("Nevermind", [(mbid_of("band"), "Nirvana Tribute Band")]),
        mbid_of("one"): ("Nirvana", [(SEATTLE, "Nirvana")]),
        mbid_of("two"): ("Nirvana", [(LONDON, "Nirvana")]),
    }
    world.musicbrainz.tags = {NEVERMIND: {"grunge": 9}, mbid_of("one"): {"noise": 1}}
    world.track("Nirvana", "Rock", album="Nevermind")
    world.track("Nirvana", "Rock", album="Nirvana")
    world.fetch()
    assert albums(world) == {"nirvana\tnevermind": "found", "nirvana\tnirvana": "ambiguous"}
    assert of_albums(world) == [("grunge",)]
    assert world.rows("SELECT reason FROM genre_answers WHERE kind = 'album' AND status = 'ambiguous'") == [
        ("MusicBrainz knows 2 albums of this name",)
    ]


def test_album_far_from_the_genres_of_its_files_is_kept_and_not_used(world: World) -> None:
    """However often genres are fetched; the artist still counts."""
    know_queen(world)
    world.musicbrainz.tags[JAZZ] = {"house": 5}
    world.track("Queen", "Hard Rock", album="Jazz")
    for _ in range(2):
        world.fetch()
        assert albums(world) == {f"{QUEEN}\tjazz": "ambiguous"}
        assert of_albums(world) == []
    assert ("rock",) in world.rows("SELECT name FROM track_genres")
    assert world.requests()[0] == 2


def test_album_by_several_is_asked_about_as_it_is_credited(world: World) -> None:
    """MusicBrainz knows no artist of the whole name, but an album that is credited so."""
    know_queen(world)
    world.musicbrainz.artists["david bowie"] = [BOWIE]
    world.musicbrainz.albums[NEVERMIND] = ("Pressure", [(QUEEN, "Queen"), (BOWIE, "David Bowie")])
    world.musicbrainz.tags[NEVERMIND] = {"pop rock": 2}
    world.track("Queen & David Bowie", "Rock", album="Pressure")
    world.fetch()
    assert albums(world) == {"queen & david bowie\tpressure": "found"}
    assert world.requests()[0] == 4


@pytest.mark.parametrize("albumartist", ["Various Artists", None])
def test_compilations_are_not_asked_about(world: World, albumartist: str | None) -> None:
    """Whether files say so, or nobody has more than half of the tracks in the folder."""
    know_queen(world)
    for artist in ("Queen", "David Bowie", "Nobody Else"):
        world.track(artist, "Rock", album="Hits", albumartist=albumartist, folder="/hits")
    world.track("Queen", "Rock", album="Hits", times=2, folder="/queen")
    world.track("Somebody", "Rock", album="Hits", folder="/queen")
    world.ask()
    assert albums(world) == {f"{QUEEN}\thits": "none"}


def test_albums_of_artists_who_are_not_known_are_not_asked_about(world: World) -> None:
    """Nobody of the name could have made one; the artist of an album need not play on the track."""
    know_queen(world)
    world.track("Nobody Else", "Rock", album="Jazz")
    world.track("Brian May", "Rock", album="Hot Space", albumartist="Queen")
    world.ask()
    assert albums(world) == {"queen\thot space": "found"}
    assert set(world.musicbrainz.asked) == {"nobody else", "brian may", "queen\thot space"}


def test_plan_counts_albums_before_their_artists_are_known(world: World) -> None:
    """No more is sent than it said; forced, all is counted again."""
    know_queen(world)
    world.track("Queen", "Rock", album="Jazz", times=3)
    world.track("Queen", "Rock", album="Hot Space")
    plan = plan_questions(world.written(), world.questions())
    assert plan.sources[0].requests == 3
    assert plan.sources[0].ids["named_release_group"] == 2
    assert plan_questions(world.written(), world.questions(limit=2)).sources[0].requests == 2
    world.ask()
    assert world.requests()[0] == 3
    assert plan_questions(world.written(), world.questions()).requests == 0
    assert plan_questions(world.written(), world.questions(force=True)).sources[0].requests == 3


def test_albums_that_are_not_known_are_asked_about_after_90_days(world: World) -> None:
    """Not before."""
    know_queen(world)
    world.track("Queen", "Rock", album="Unheard Of", artistid=QUEEN)
    world.musicbrainz.genres = {QUEEN: {"rock": 1}}
    world.ask()
    for days, sent in ((89, 2), (91, 3)):
        world.age("musicbrainz_named_release_groups", days)
        world.ask()
        assert world.requests()[0] == sent


def test_passing_faults_leave_no_trace_on_albums(world: World) -> None:
    """Whatever comes in place of one answer, the next is taken."""
    for number in range(len(BODIES)):
        artist, group = mbid_of(f"artist {number}"), mbid_of(f"group {number}")
        world.track(f"Artist {number}", "Pop", album="First", artistid=artist, folder=f"/{number}")
        world.musicbrainz.genres[artist] = world.musicbrainz.tags[group] = {"pop": 1}
        world.musicbrainz.albums[group] = ("First", [(artist, "x")])
    faults = dict(zip(range(len(BODIES) + 1, 3 * len(BODIES) + 1, 2), BODIES.values(), strict=True))
    world.musicbrainz.script = lambda number, _item: faults.get(number)
    world.ask(workers=1)
    assert set(albums(world).values()) == {"found"}
    assert len(world.musicbrainz.requests) == 3 * len(BODIES)


def test_odd_titles_are_asked_about_as_they_are(world: World) -> None:
    """Quotes, operators and signs are part of the title; each artist has one, which only it is asked with."""
    titles = ['quo"te\\', "a AND arid:b", "日本語", "!!!", "' OR 1=1 --", "x" * 200, "( )", "Jazz (CD)"]
    for number, title in enumerate(titles):
        artist, group = mbid_of(f"artist {number}"), mbid_of(f"group {number}")
        world.track("Queen", "Rock", album=title, artistid=artist, folder=f"/{number}")
        world.musicbrainz.genres[artist] = world.musicbrainz.tags[group] = {"rock": 1}
        world.musicbrainz.albums[group] = (title.removesuffix(" (CD)"), [(artist, "Queen")])
    world.ask()
    assert albums(world) == {
        f"{mbid_of(f'artist {number}')}\t{title.removesuffix(' (CD)').lower()}": "found"
        for number, title in enumerate(titles)
    }


@pytest.mark.parametrize(
    "group",
    [
        *(7, None, {}, {"id": "x", "title": "Jazz"}, {"id": JAZZ, "title": 1}),
        *(
            {"id": JAZZ, "title": "Jazz", "artist-credit": credit}
            for credit in (5, [7, {"artist": 7}, {"name": 3}], [{"artist": {"id": 7}}])
        ),
    ],
)
def test_hits_that_are_garbled_are_no_hits(group: Any) -> None:
    """Neither by MBID nor by name."""
    for artist in (QUEEN, "queen"):
        assert judge_album(f"{artist}\tjazz", [group]).status == "gone"
