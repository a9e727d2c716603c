"""Playlists of files with names that a line cannot hold, or that players would misread."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

from etl.exports.batch import ENDINGS, write_results
from etl.exports.m3u8 import write_m3u8
from etl.exports.playlist import write_playlist
from etl.playlists.listed import PlaylistEntry
from etl.store.database import open_store
from tests.support.command_line import run_here
from tests.support.playlist_store import TRACKS, store_of_tracks


@dataclass
class Track:
    """A line."""

    path: str | None
    artist: str | None = None
    title: str | None = None
    duration_s: float | None = 1.0


def test_a_name_with_a_line_break_costs_that_track_alone(tmp_path):
    """The others are written, and their tags break no line either."""
    tracks = [
        Track("/a\nb.mp3"),
        Track("/c.mp3", "An\r\nna", "Blue\n"),
        Track("/d\r.mp3"),
        Track("/é\u2028.mp3"),
    ]
    assert write_m3u8(tracks, tmp_path / "x.m3u8") == ["/a\nb.mp3", "/d\r.mp3"]
    lines = (tmp_path / "x.m3u8").read_text(encoding="utf-8").split("\n")
    assert lines == ["#EXTM3U", "#EXTINF:1,An na - Blue ", "/c.mp3", "#EXTINF:1,", "/é\u2028.mp3", ""]


@pytest.mark.parametrize("ending", ENDINGS)
def test_results_of_files_with_odd_names_are_written_in_every_format(tmp_path, ending):
    """Only a playlist leaves one out; a name that looks like a comment there gets `./`."""
    names = ["a\nb.wav", "#kick.wav", " lead.wav", '"quo,te".wav', "=1+1.wav", "\t.wav"]
    rows = [{"name": str(tmp_path / name), "status": "done", "duration_s": 1.0} for name in names]
    left_out = write_results(rows, tmp_path / f"x{ending}", ending)
    assert left_out == (["a\nb.wav"] if ending == ".m3u8" else [])
    if ending == ".m3u8":
        lines = (tmp_path / "x.m3u8").read_text(encoding="utf-8").splitlines()[2::2]
        assert lines == ["./#kick.wav", "./ lead.wav", '"quo,te".wav', "=1+1.wav", "./\t.wav"]
    elif ending in {".csv", ".parquet"}:
        read = pl.read_csv if ending == ".csv" else pl.read_parquet
        assert read(tmp_path / f"x{ending}")["name"].to_list() == [row["name"] for row in rows]


@pytest.mark.parametrize("ending", [".m3u8", ".jspf", ".json", ".csv"])
def test_playlists_of_files_with_odd_names_are_written_in_every_format(tmp_path, ending):
    """A JSPF escapes what a line cannot hold."""
    tracks = [PlaylistEntry(str(at), path, None, "T") for at, path in enumerate(("/a\nb.mp3", "/c.mp3"))]
    assert len(write_playlist(tracks, tmp_path / f"x{ending}")) == (ending == ".m3u8")
    assert ("%0A" in (tmp_path / f"x{ending}").read_text(encoding="utf-8")) == (ending == ".jspf")


def test_commands_say_which_files_a_playlist_leaves_out(tmp_path):
    """`playlist make`, `library similar` and `library find` write the others, and end with 0."""
    database = store_of_tracks(tmp_path / "m.duckdb", {"title": [f"Title {at}" for at in range(TRACKS)]})
    with open_store(database) as connection:
        connection.execute("UPDATE files SET path = replace(path, 'id007', E'id\\n007')")
    for words in (
        ("playlist", "make", "--seed", "id007", "--count", "4", "--gap", "0"),
        ("library", "similar", "id022"),
        ("library", "find", "title", "7"),
    ):
        said = run_here(*words, "-o", tmp_path / f"{words[1]}.m3u8", "--db", database)
        assert "left out of the file: 1 track with a line break in the name" in said, words
        assert "\\n007" in said
        assert "#EXTM3U" in (tmp_path / f"{words[1]}.m3u8").read_text(encoding="utf-8")
