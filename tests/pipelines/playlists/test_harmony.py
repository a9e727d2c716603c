"""Lists of chord songs: near by their chords, whatever their keys; kept and avoided like any other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from etl.pipelines.playlists.make import make_playlist
from etl.pipelines.playlists.request import Basis, PlaylistRequest, Quality
from etl.runtime.errors import EtlError
from tests.support.command_line import run_here

if TYPE_CHECKING:
    from pathlib import Path

SEQUENCES = (
    "C F G C",
    "Amin Dmin Emin Amin",
    "C Amin F G",
    "C7 F7 G7 F7",
    "Dmin7 G7 Cmaj7 Amin7",
    "C Bb F C",
)
KEYS = {"C": "D", "F": "G", "G": "A", "Amin": "Bmin", "Dmin": "Emin", "Emin": "Fsmin", "Bb": "C"}


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> Path:
    """Build a store of 48 songs by 12 artists over six progressions, half of them a tone higher."""
    folder: Path = tmp_path_factory.mktemp("harmony")
    lines = ["id,chords,artist,title,main_genre"]
    for number in range(48):
        chords = SEQUENCES[number % 6].split() * (1 + number // 12)
        if number % 12 >= 6:
            chords = [KEYS.get(chord, chord) for chord in chords]
        lines.append(f"s{number},{' '.join(chords)},Artist {number % 12},Title {number},pop")
    (folder / "songs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run_here("build", "data3", folder / "songs.csv", "-o", folder / "d.csv", "--db", folder / "m.duckdb")
    return folder / "m.duckdb"


def test_songs_of_like_chords_are_listed(songs: Path, tmp_path: Path) -> None:
    """The progression of the seed, in either key; terms of harmony; JSON, not M3U8."""
    request = PlaylistRequest(seeds=("s0",), count=6, gap=1, basis=Basis.HARMONY, output=tmp_path / "x.jspf")
    made = make_playlist(songs, request)
    assert len({track.track_id for track in made.tracks}) == 6
    assert sum(int(track.track_id[1:]) % 6 == 0 for track in made.tracks) >= 4
    assert set(made.tracks[1].terms or {}) == {"harmony", "key", "genre", "complexity"}
    assert len(json.loads((tmp_path / "x.jspf").read_text(encoding="utf-8"))["playlist"]["track"]) == 6
    again = make_playlist(songs, PlaylistRequest(count=6, gap=1, basis=Basis.HARMONY, avoid=("last",)))
    assert not {track.track_id for track in again.tracks} & {track.track_id for track in made.tracks}
    with pytest.raises(EtlError, match="no files"):
        make_playlist(songs, PlaylistRequest(count=5, basis=Basis.HARMONY, output=tmp_path / "x.m3u8"))


def test_songs_are_named_filtered_and_led(songs: Path) -> None:
    """By artist and title; a condition; a way from one to another; what is of tracks alone is refused."""
    made = make_playlist(
        songs,
        PlaylistRequest(
            first="artist 3 - title 3", last="s4", count=5, where="n_chords > 4", gap=0, basis=Basis.HARMONY
        ),
    )
    assert (made.tracks[0].track_id, made.tracks[-1].track_id) == ("s3", "s4")
    assert made.left_out["--where"] > 0
    with pytest.raises(EtlError, match="no chord song is called"):
        make_playlist(songs, PlaylistRequest(seeds=("nothing",), basis=Basis.HARMONY))
    with pytest.raises(EtlError, match="--minutes"):
        make_playlist(songs, PlaylistRequest(minutes=9, basis=Basis.HARMONY))
    with pytest.raises(EtlError, match="--duration"):
        make_playlist(songs, PlaylistRequest(quality=Quality(seconds=(1, 9)), basis=Basis.HARMONY))
    with pytest.raises(EtlError, match="--where is not a valid condition"):
        make_playlist(songs, PlaylistRequest(where="bpm > 3", basis=Basis.HARMONY))
    with pytest.raises(EtlError, match="of 48 chord songs"):
        make_playlist(songs, PlaylistRequest(count=60, basis=Basis.HARMONY))
