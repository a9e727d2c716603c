"""Playlists as they are read: each format that is written, others' files, and what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.exports.playlist import check_new, placed_path, write_playlist
from etl.playlists.listed import PlaylistEntry
from etl.runtime.errors import EtlError, ExitCode
from etl.sources.playlists.read import read_playlist

TRACKS = [
    PlaylistEntry("a", "/music/A & B/#1 ü.flac", "Anna", "Blue", isrc="X", musicbrainz_recordingid="m-1"),
    PlaylistEntry(
        "b", "/music/b\udcff.mp3", None, None, duration_s=61.5, transition=0.25, terms={"key": 0.5}
    ),
    PlaylistEntry("c", "/else/c.mp3", "Cy", None, transition=0.1, terms={"key": 0.125}),
]
PATHS = [track.path for track in TRACKS]


@pytest.mark.parametrize("ending", ["m3u8", "jspf", "json", "csv"])
@pytest.mark.parametrize("absolute", [False, True])
def test_what_is_written_is_read(tmp_path: Path, ending: str, absolute: bool) -> None:
    """Whole paths come back from every format, whatever is in a name; ids from all but M3U8."""
    tracks = TRACKS if ending != "csv" else [TRACKS[0], TRACKS[2]]  # a CSV is UTF-8 throughout
    target = tmp_path / f"list.{ending}"
    write_playlist(tracks, target, absolute=absolute)
    read = read_playlist(target)
    assert list(read.paths) == [track.path for track in tracks]
    assert list(read.track_ids) == ([] if ending == "m3u8" else [track.track_id for track in tracks])


@pytest.mark.parametrize("ending", ["m3u8", "jspf"])
def test_paths_are_written_for_another_machine_and_found_again(tmp_path: Path, ending: str) -> None:
    """The longest beginning that fits becomes the other machine's; the rest stays as it is."""
    maps = [("/music", "Z:\\Music"), ("/", "Y:\\")]
    target = tmp_path / f"list.{ending}"
    write_playlist([TRACKS[0], TRACKS[2]], target, maps=maps[:1])
    text = target.read_text(encoding="utf-8")
    assert ("Z:\\Music\\A & B\\#1 ü.flac" in text) == (ending == "m3u8")
    assert ("file:///Z:/Music/A%20%26%20B/%231%20%C3%BC.flac" in text) == (ending == "jspf")
    assert list(read_playlist(target, maps[:1]).paths) == [PATHS[0], PATHS[2]]
    assert placed_path("/music/x.mp3", target, maps=maps) == "Z:\\Music\\x.mp3"
    assert placed_path("/musical/x.mp3", target, maps=maps) == "Y:\\musical\\x.mp3"


def test_jspf_has_all_scores(tmp_path: Path) -> None:
    """Creator, identifier, milliseconds, and each term of each transition."""
    target = tmp_path / "list.jspf"
    write_playlist(TRACKS, target, title="Blue", summary={"mean": 0.2})
    playlist = json.loads(target.read_text(encoding="utf-8"))["playlist"]
    assert playlist["title"] == "Blue"
    assert playlist["track"][0]["identifier"] == ["https://musicbrainz.org/recording/m-1"]
    assert playlist["track"][1]["duration"] == 61500
    (scores,) = playlist["track"][1]["extension"]["urn:music-etl:transition"]
    assert (scores["transition"], scores["terms"]) == (0.25, {"key": 0.5})


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    """A list that is there stays."""
    target = tmp_path / "list.m3u8"
    check_new(target, force=False)
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(EtlError, match="already exists") as caught:
        check_new(target, force=False)
    assert caught.value.exit_code == ExitCode.CANNOT_WRITE
    check_new(target, force=True)
    check_new(Path("/dev/null"), force=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", b"{"),
        ("x.json", b"7"),
        ("x.jspf", b'{"playlist": 3}'),
        ("x.jspf", b"{}"),
        ("x.json", b"[" * 100_000),
    ],
)
def test_what_is_no_playlist_is_said(tmp_path: Path, name: str, content: bytes) -> None:
    """Hostile files are an error of the data, not of the program."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EtlError, match="is not a playlist") as caught:
        read_playlist(tmp_path / name)
    assert caught.value.exit_code == ExitCode.BAD_DATA
    with pytest.raises(EtlError, match="cannot read"):
        read_playlist(tmp_path)


def test_other_programs_lists_are_read(tmp_path: Path) -> None:
    """Comments, byte order mark, line ends of Windows, paths beside the list."""
    target = tmp_path / "x.m3u"
    target.write_bytes("\ufeff#EXTM3U\r\n#EXTINF:1,x\r\na/b.mp3\r\n\r\n/c.mp3".encode())
    assert read_playlist(target).paths == (str(tmp_path / "a" / "b.mp3"), "/c.mp3")
