"""Playlists from a store of described tracks: rules kept, filters counted, files that players read."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from etl.pipelines.playlists.make import make_playlist
from etl.pipelines.playlists.request import PlaylistRequest, presets
from etl.playlists.rules import Curve
from etl.playlists.transitions import TERMS
from etl.runtime.errors import EtlError
from etl.sources.playlists.read import read_playlist
from etl.store.database import read_store
from tests.support.command_line import run_here
from tests.support.playlist_store import TRACKS, store_of_tracks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """Store tracks."""
    return store_of_tracks(tmp_path_factory.mktemp("playlists") / "music.duckdb")


def artists_of(made) -> list[str]:
    """Give the artists in order."""
    return [track.artist for track in made.tracks]


def test_list_has_its_count_its_gaps_and_no_song_twice(stored: Path) -> None:
    """Near a seed, no artist within eight tracks, a live version is the same song."""
    made = make_playlist(stored, PlaylistRequest(seeds=("Artist 0 - Song",), count=30))
    assert len({track.track_id for track in made.tracks}) == 30
    assert made.broken == 0
    artists = artists_of(made)
    assert all(artists[at] not in artists[max(0, at - 8) : at] for at in range(30))
    assert {"id000", "id001"} - {track.track_id for track in made.tracks}
    assert made.tracks[0].terms is None
    for track in made.tracks[1:]:
        assert track.terms is not None
        assert set(track.terms) == set(TERMS)
        weighted = sum(presets()["balanced"][term] * cost for term, cost in track.terms.items())
        assert track.transition == pytest.approx(weighted, abs=2e-3)


def test_same_request_gives_the_same_list(stored: Path) -> None:
    """Byte for byte."""
    request = PlaylistRequest(seeds=("id004", "id007"), count=20, preset="dj")
    lists = [make_playlist(stored, request) for _ in range(2)]
    assert lists[0].tracks == lists[1].tracks
    assert lists[0].number is not None
    assert lists[1].number == lists[0].number + 1


def test_list_goes_from_one_track_to_another(stored: Path) -> None:
    """Both stand at their ends."""
    made = make_playlist(stored, PlaylistRequest(first="id003", last="id100", count=12))
    assert (made.tracks[0].track_id, made.tracks[-1].track_id) == ("id003", "id100")
    for request in (
        PlaylistRequest(first="id003", last="id003", count=5),
        PlaylistRequest(first="id003", last="id100", count=1),
    ):
        with pytest.raises(EtlError, match="begin and end with the same track"):
            make_playlist(stored, request)


def test_filters_say_what_they_leave_out(stored: Path) -> None:
    """A condition and a list to avoid; too few tracks left is an error that tells the same."""
    made = make_playlist(stored, PlaylistRequest(where="bpm > 100", count=20))
    with read_store(stored) as connection:
        slow = connection.sql("SELECT count(*) FROM library WHERE bpm <= 100").fetchall()[0][0]
    assert made.left_out == {"--where": slow}
    assert 0 < slow < TRACKS
    assert all((track.bpm or 0) > 100 for track in made.tracks)
    with pytest.raises(EtlError, match=r"--where left out 120"):
        make_playlist(stored, PlaylistRequest(where="bpm > 1000", count=5))
    with pytest.raises(EtlError, match="--where is not a valid condition"):
        make_playlist(stored, PlaylistRequest(where="no such thing", count=5))
    with pytest.raises(EtlError, match="no analyzed track is called Nobody"):
        make_playlist(stored, PlaylistRequest(seeds=("Nobody knows this",), count=5))


def test_an_artist_whom_nothing_is_by_gets_a_suggestion(stored: Path) -> None:
    """An empty list would say that the rules are too strict."""
    with pytest.raises(EtlError, match="no candidate is by Artst 3") as caught:
        make_playlist(stored, PlaylistRequest(artist="Artst 3", count=8))
    assert "Did you mean Artist 3 or" in caught.value.hint


def test_one_artist_alone(stored: Path) -> None:
    """Only their tracks, whatever the spelling of the name."""
    made = make_playlist(stored, PlaylistRequest(artist="the ARTIST 3", count=8, gap=0))
    assert set(artists_of(made)) == {"Artist 3"}


def test_curve_rises(stored: Path) -> None:
    """The second half is louder than the first."""
    made = make_playlist(stored, PlaylistRequest(count=20, curve=Curve.RISE))
    levels = np.array([track.loudness_lufs for track in made.tracks], np.float64)
    assert levels[10:].mean() > levels[:10].mean() + 3


def test_files_hold_the_list(stored: Path, tmp_path: Path) -> None:
    """M3U8 with paths from its folder, that a later list can avoid; JSON and CSV with all that is known."""
    target = tmp_path / "lists" / "one.m3u8"
    target.parent.mkdir()
    made = make_playlist(stored, PlaylistRequest(count=15, output=target))
    assert list(read_playlist(target).paths) == [track.path for track in made.tracks]
    assert not any(line.startswith("/") for line in target.read_text(encoding="utf-8").splitlines())
    other = make_playlist(stored, PlaylistRequest(count=15, avoid=(str(target),)))
    assert other.left_out == {"--avoid": 15}
    assert not {track.track_id for track in other.tracks} & {track.track_id for track in made.tracks}
    whole = make_playlist(stored, PlaylistRequest(count=15, output=target, absolute=True, force=True))
    assert whole.tracks[0].path in target.read_text(encoding="utf-8").splitlines()
    make_playlist(stored, PlaylistRequest(count=15, output=tmp_path / "l.json"))
    rows = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))
    assert [row["track_id"] for row in rows] == [track.track_id for track in made.tracks]
    make_playlist(stored, PlaylistRequest(count=15, output=tmp_path / "l.csv"))
    with (tmp_path / "l.csv").open(encoding="utf-8") as file:
        assert [row["track_id"] for row in csv.DictReader(file)] == [track.track_id for track in made.tracks]
    with pytest.raises(EtlError, match="missing"):
        make_playlist(stored, PlaylistRequest(count=5, avoid=(str(tmp_path / "missing.m3u8"),)))


def test_command_explains_every_transition(stored: Path) -> None:
    """A column a term, and the sums below."""
    said = run_here("playlist", "make", "--seed", "id005", "--count", "6", "--explain", "--db", str(stored))
    assert all(term in said for term in TERMS)
    assert "6 tracks, " in said
