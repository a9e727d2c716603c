"""Scans: what they say of files that move, vanish, cannot be looked at, or are not what a list says."""

from __future__ import annotations

import os
from typing import Any

import mutagen
import polars as pl
import pytest

from etl.pipelines.audio.check import Fault, Finding
from etl.runtime.errors import EtlError
from tests.support.library import write


def test_digits_of_any_script_do_not_stop_a_scan(library, tmp_path):
    """A year in Arabic digits is missing; the other files of the batch are tagged."""
    write(tmp_path / "music" / "3.flac", 3, title="Arabic", date="١٩٩٩")
    assert library.scan().tracks == 4
    rows = library.rows("SELECT year FROM tracks WHERE title = 'Arabic'")
    assert rows == [(None,)]


def test_a_folder_that_cannot_be_listed_loses_no_track(library, tmp_path, monkeypatch):
    """Its files are not gone, the folder is a reject, and all others are scanned."""
    library.scan()
    real = os.scandir

    def refuse(path: str) -> Any:
        if str(path).endswith("album1"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    write(tmp_path / "music" / "album2" / "new.flac", 5)
    found = library.scan()
    assert (found.gone, found.new, found.rejected) == (0, 1, 1)
    assert library.rejects() == ["cannot be looked at: Permission denied"]


def test_one_file_that_cannot_be_looked_at_costs_only_itself(library, tmp_path, monkeypatch):
    """The rest of its folder is scanned, and it is not gone."""
    write(tmp_path / "music" / "album0" / "zz.flac", 7)
    library.scan()
    real = os.scandir

    class Entry:
        def __init__(self, entry: Any) -> None:
            self.name = entry.name
            self.path = entry.path
            self.is_dir = entry.is_dir
            self.is_symlink = entry.is_symlink
            self.stat = entry.stat if "0.flac" not in entry.path else self.fail

        def fail(self) -> Any:
            raise OSError(5, "Input/output error")

    class Entries(list[Any]):
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    def scandir(path: str) -> Any:
        return Entries(map(Entry, real(path))) if str(path).startswith(str(library.folder)) else real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = library.scan()
    assert (found.unchanged, found.gone) == (3, 0)
    assert library.rejects() == ["cannot be looked at: Input/output error"]


def test_a_folder_has_one_name_whichever_way_it_is_given(library, tmp_path):
    """`music/../music` is `music`: no track is there twice."""
    library.scan()
    found = library.scan(tmp_path / "music" / "album0" / ".." / ".." / "music")
    assert (found.unchanged, found.new) == (3, 0)
    assert library.rows("SELECT count(*) FROM library") == [(3,)]


def test_a_file_moved_to_the_place_of_one_that_is_gone_leaves_no_orphan(library, tmp_path):
    """The earlier file's tags go with its place, and the moved one keeps its identity."""
    library.scan()
    library.hash_all()
    first, second = tmp_path / "music" / "album0" / "0.flac", tmp_path / "music" / "album1" / "1.flac"
    before = library.rows("SELECT track_id FROM library WHERE title = 'Song 1'")
    first.unlink()
    assert library.scan().gone == 1
    second.rename(first)
    assert library.scan().moved == 1
    assert library.rows("SELECT track_id FROM library WHERE title = 'Song 1'") == before
    assert library.findings() == []


def test_a_picture_that_is_gone_is_no_problem_of_the_library(library, tmp_path):
    """Only tracks are missed by the check."""
    (tmp_path / "music" / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 picture")
    library.scan()
    (tmp_path / "music" / "cover.jpg").unlink()
    (tmp_path / "music" / "album0" / "0.flac").unlink()
    assert library.findings() == [Finding(str(tmp_path / "music" / "album0" / "0.flac"), Fault.GONE)]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_inventory_is_checked_against_the_disk(library, tmp_path, form):
    """Wrong sizes, folders, pipes and missing files are rejects; a known file that is missing is gone."""
    library.scan()
    music = tmp_path / "music"
    (music / "album1" / "1.flac").unlink()
    os.mkfifo(music / "pipe.mp3")
    write(music / "album2" / "3.flac", 3)
    names = ["album0/0.flac", "album1/1.flac", "album2", "pipe.mp3", "album2/3.flac", None]
    inventory = music / f"list.{form}"
    listed = pl.DataFrame({"path": names, "size": [5, 5, 5, 5, None, 5], "mtime": [1.5] * 6})
    if form == "csv":
        listed.write_csv(inventory)
    else:
        listed.write_parquet(inventory)
    found = library.scan(inventory)
    assert (found.unchanged, found.new, found.gone, found.rejected) == (1, 1, 1, 4)
    size = (music / "album0" / "0.flac").stat().st_size
    assert library.rejects() == [
        f"listed with 5 bytes, has {size:,}; taken as it is",
        "listed, but not a file",
        "listed, but not a file",
        "listed, but there is no such file",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file\nx.mp3\n", "no column `path`"),
        (b"path\n\xff\xfe\n", "cannot read the inventory"),
        (b"", "cannot"),
    ],
)
def test_what_is_no_inventory_is_refused(library, tmp_path, content, words):
    """A CSV without paths, with bytes that are no text, or empty, is named with what is wrong."""
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(EtlError, match=words):
        library.scan(tmp_path / "list.csv")


def test_comparing_changes_nothing(library, tmp_path):
    """A comparison counts what a scan would do, and does none of it."""
    library.scan()
    library.hash_all()
    music = tmp_path / "music"
    (music / "album0" / "0.flac").rename(music / "moved.flac")
    (music / "album1" / "1.flac").unlink()
    write(music / "album2" / "2.flac", 9)
    write(music / "new.flac", 8)
    before = library.rows("SELECT path, mtime_ns, gone_at IS NULL FROM files ORDER BY path")
    would = library.compare(music)
    assert (would.unchanged, would.new, would.changed, would.moved, would.gone) == (0, 1, 1, 1, 1)
    assert library.rows("SELECT path, mtime_ns, gone_at IS NULL FROM files ORDER BY path") == before


def test_names_of_any_script_are_scanned(library, tmp_path):
    """One that is in no encoding is a reject that says so."""
    library.scan()
    for number, name in enumerate(["Café.flac", "日本の歌.flac", "שיר.flac", os.fsdecode(b"caf\xe9.flac")]):
        write(tmp_path / "new.flac", 10 + number, title=f"Script {number}")
        (tmp_path / "new.flac").rename(tmp_path / "music" / name)
    found = library.scan()
    assert (found.new, found.rejected) == (3, 1)
    assert library.rejects() == ["the name is not valid UTF-8; rename it"]
    titles = library.rows("SELECT title FROM tracks WHERE starts_with(title, 'Script ') ORDER BY title")
    assert [title for (title,) in titles] == ["Script 0", "Script 1", "Script 2"]


def test_what_describes_is_loaded_for_sound_that_may_be_new_alone(library):
    """A first scan asks for it once; one of unchanged files, a known track elsewhere, a picture does not."""
    asked: list[int] = []

    def on_new() -> None:
        asked.append(len(library.rows("SELECT * FROM tracks")))

    library.scan(on_new=on_new)
    assert asked == [0], "before tags are read"
    library.hash_all()
    path = library.folder / "album0" / "0.flac"
    moved = path.rename(library.folder / "elsewhere.flac")
    (library.folder / "cover.jpg").write_bytes(b"a picture")
    file: Any = mutagen.File(moved)
    file["title"] = "Another title"
    file.save()
    found = library.scan(on_new=on_new)
    assert (found.moved, found.unchanged, asked) == (1, 2, [0])
