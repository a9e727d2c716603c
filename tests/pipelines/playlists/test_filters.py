"""Filters of quality, rules that hold for any request, and options that are said to have changed nothing."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.pipelines.playlists.make import make_playlist
from etl.pipelines.playlists.request import PlaylistRequest, Quality
from etl.playlists.rules import Curve
from etl.runtime.errors import EtlError
from tests.support.playlist_store import TRACKS, store_of_tracks

if TYPE_CHECKING:
    from pathlib import Path


QUALIFIED = [8, 6, 7, 8, 8, 7, 7, 8, 8, 8, 7, 7, 8, 8, 8]
"""Tracks of each artist without those that are short, cut, silent, or about Christmas."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """Store tracks of which some are short, cut, unsure, of a genre, or about Christmas."""
    numbers = range(TRACKS)
    tracks = {
        "title": ["Jingle Bells (Live)" if number in {20, 21} else f"Title {number}" for number in numbers],
        "genre": ["Polka" if number < 10 else None for number in numbers],
    }
    sound = {
        "duration_s": [5.0 if number in {30, 31, 32} else 200.0 + number for number in numbers],
        "is_cut": [number == 40 for number in numbers],
        "silent_share": [0.9 if number == 41 else 0.0 for number in numbers],
        "key_confidence": [0.1 if 50 <= number < 57 else 0.8 for number in numbers],
    }
    return store_of_tracks(tmp_path_factory.mktemp("filters") / "music.duckdb", tracks, sound)


def test_each_filter_counts_what_it_leaves_out(stored: Path) -> None:
    """What an earlier filter has left out does not count again; words of a season go out of it only."""
    quality = Quality(confidence=0.5, excluded_genres=("polka",), day=date(2026, 7, 1))
    made = make_playlist(stored, PlaylistRequest(count=10, quality=quality))
    assert made.left_out == {
        "--duration": 3, "integrity": 2, "--confidence": 7, "--exclude-genre": 10, "season": 2
    }  # fmt: skip
    winter = make_playlist(stored, PlaylistRequest(count=10, quality=Quality(day=date(2026, 12, 20))))
    assert "season" not in winter.left_out
    asked_for = make_playlist(
        stored, PlaylistRequest(seeds=("id020",), count=10, quality=Quality(day=date(2026, 7, 1)))
    )
    assert "season" not in asked_for.left_out


def test_time_is_kept_within_a_minute(stored: Path) -> None:
    """As many tracks as it takes; with a count, that many."""
    made = make_playlist(stored, PlaylistRequest(seeds=("id060",), minutes=45, gap=2))
    assert made.seconds == pytest.approx(45 * 60, abs=61)
    both = make_playlist(stored, PlaylistRequest(seeds=("id060",), minutes=50, count=12, gap=2))
    assert len(both.tracks) == 12
    assert both.seconds == pytest.approx(50 * 60, abs=61)
    few = make_playlist(stored, PlaylistRequest(where="track_id < 'id003'", minutes=4))
    assert len(few.tracks) == 1
    assert few.minutes_off == 0
    with pytest.raises(EtlError, match="last 10 minutes together, but 60 are wanted; --where left out"):
        make_playlist(stored, PlaylistRequest(where="track_id < 'id003'", minutes=60))


def test_options_that_changed_nothing_are_said(stored: Path) -> None:
    """A condition that all fulfil, a cap that nobody reaches, a mapping of no path."""
    made = make_playlist(
        stored,
        PlaylistRequest(
            count=5, where="bpm > 1 -- all", per_artist=99, maps=(("/other", "Z:"),), absolute=True,
            quality=Quality(seconds=(1.0, 9999.0), day=date(2026, 12, 24), is_day_given=True),
        ),
    )  # fmt: skip
    said = "\n".join(made.unused)
    named = ("--where", "--per-artist", "--map", "--absolute", "--duration", "--day")
    assert all(option in said for option in named)
    assert "--curve" not in said


def test_gap_that_cannot_be_kept_is_relaxed_and_said(stored: Path) -> None:
    """Three artists cannot lie eight tracks apart, but two."""
    where = "artist IN ('Artist 2', 'Artist 3', 'Artist 4')"
    made = make_playlist(stored, PlaylistRequest(count=12, where=where))
    assert (made.gap, made.broken) == (2, 0)
    artists = [track.artist for track in made.tracks]
    assert all(artists[at] not in artists[max(0, at - 2) : at] for at in range(12))


def test_near_candidates_have_a_reason(stored: Path) -> None:
    """Tracks by the seed's artist that are nearest are kept out by the cap."""
    made = make_playlist(stored, PlaylistRequest(seeds=("id060",), count=6, gap=0, per_artist=1))
    assert {"cap"} <= {missed.reason for missed in made.missed}
    assert all((missed.by is not None) == (missed.reason == "dearer") for missed in made.missed)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 40),
    gap=st.integers(0, 9),
    per_artist=st.none() | st.integers(1, 4),
    artists=st.integers(1, 15),
    curve=st.sampled_from(Curve),
)
def test_rules_hold_or_a_message_says_why(
    stored: Path, count: int, gap: int, *, per_artist: int | None, artists: int, curve: Curve
) -> None:
    """The exact count, no artist nearer than said, none oftener than asked; or what filter left how many."""
    where = f"artist IN ({', '.join(repr(f'Artist {number}') for number in range(artists))})"
    request = PlaylistRequest(
        count=count, gap=gap, per_artist=per_artist, where=where, curve=curve,
        quality=Quality(day=date(2026, 7, 1)),
    )  # fmt: skip
    if count > sum(min(per_artist or count, number) for number in QUALIFIED[:artists]):
        with pytest.raises(EtlError, match=r"--where left out|--per-artist"):
            make_playlist(stored, request)
        return
    made = make_playlist(stored, request)
    names = [track.artist for track in made.tracks]
    assert len({track.track_id for track in made.tracks}) == len(names) == count
    assert made.gap <= gap
    if not made.broken:
        assert all(names[at] not in names[max(0, at - made.gap) : at] for at in range(count))
    assert per_artist is None or max(Counter(names).values()) <= per_artist
