"""Lists in the store: kept by each run, shown with their curves, avoided by later ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from etl.cli.playlist_summary import sparkline
from etl.pipelines.playlists.kept import list_playlists, show_playlist
from etl.pipelines.playlists.make import make_playlist
from etl.pipelines.playlists.request import PlaylistRequest
from etl.runtime.errors import EtlError
from etl.store.database import read_store
from etl.store.journal import waiting_bursts
from etl.store.run_lock import run_lock
from tests.support.command_line import run_here
from tests.support.playlist_store import store_of_tracks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Store tracks."""
    return store_of_tracks(tmp_path / "music.duckdb")


def test_no_track_comes_again_in_successive_lists(stored: Path) -> None:
    """`last:N` avoids the N lists before, a number one of them; other versions of their tracks too."""
    for _ in range(3):
        made = make_playlist(stored, PlaylistRequest(seeds=("id050",), count=12, avoid=("last:5",), gap=2))
    lists = [show_playlist(stored, str(number)) for number in (1, 2, 3)]
    heard = [track.track_id for shown in lists for track in shown.tracks if track.track_id != "id050"]
    assert len(heard) == len(set(heard)) >= 33
    assert not {"id000", "id001"} <= set(heard)
    assert made.left_out["--avoid"] >= 22
    second = {track.track_id for track in lists[1].tracks}
    again = make_playlist(stored, PlaylistRequest(count=12, avoid=("2",), gap=2))
    assert not second & {track.track_id for track in again.tracks}
    with pytest.raises(EtlError, match="there is no stored list 9"):
        make_playlist(stored, PlaylistRequest(count=12, avoid=("9",)))


def test_what_is_shown_is_what_was_made(stored: Path) -> None:
    """Tracks, costs and terms come back; curves are one value a track."""
    made = make_playlist(stored, PlaylistRequest(seeds=("id007",), count=9, gap=2))
    shown = show_playlist(stored, "last")
    assert [track.track_id for track in shown.tracks] == [track.track_id for track in made.tracks]
    assert shown.edge == pytest.approx([track.transition for track in made.tracks], abs=1e-6)
    assert shown.tracks[3].terms == pytest.approx(made.tracks[3].terms, abs=1e-6)
    assert len(shown.energy) == len(shown.key) == len(shown.bpm) == 9
    (kept,) = list_playlists(stored)
    assert (kept.number, kept.count, kept.request["seeds"]) == (1, 9, ["id007"])
    assert kept.seconds == pytest.approx(made.seconds)


def test_list_waits_while_a_run_writes_to_the_store(stored: Path) -> None:
    """It is made all the same, and is there once the run has ended."""
    with run_lock(stored, "etl library sonic"):
        made = make_playlist(stored, PlaylistRequest(count=5, gap=2))
        assert made.number is None
        assert len(waiting_bursts(stored)) == 1
    with read_store(stored) as connection:
        assert connection.sql("SELECT count(*) FROM playlist_tracks").fetchall() == [(5,)]


def test_commands_list_show_and_draw(stored: Path, tmp_path: Path) -> None:
    """Each has words and JSON; a store without lists says so."""
    assert "no playlist is stored yet" in run_here("playlist", "list", "--db", stored)
    assert "no playlist is stored yet" in run_here("playlist", "show", "--db", stored, expect=2)
    run_here("playlist", "make", "--seed", "id005", "-n", "6", "--gap", "1", "--db", stored)
    assert "like id005" in run_here("playlist", "list", "--db", stored)
    said = run_here("playlist", "show", "last", "--db", stored)
    assert all(f"\n{name}" in said for name in ("energy", "key", "bpm", "edge"))
    document = json.loads(run_here("playlist", "show", "1", "--db", stored, "--json"))
    assert document["edge"][0] is None
    assert len(document["tracks"]) == 6
    run_here("playlist", "plot", "-o", tmp_path / "list.png", "--db", stored)
    assert (tmp_path / "list.png").read_bytes().startswith(b"\x89PNG")


def test_sparkline_has_a_bar_a_value() -> None:
    """From the least to the greatest; nothing known is a dot, and equal values are equal."""
    assert sparkline([0, 7, None, 3.5]) == "▁█·▅"
    assert sparkline([2, 2]) == "▁▁"
    assert sparkline([]) == ""
