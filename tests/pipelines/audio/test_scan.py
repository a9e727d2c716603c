"""Scans: what they say of files that move, vanish, cannot be looked at, or are not what a list says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import mutagen
import numpy as np
import polars as pl
import pytest
import soundfile as sf

from etl.pipelines.audio.library import check
from etl.pipelines.audio.scan import ScanSummary, compare, scan
from etl.runtime.disk.hashing import content_hash
from etl.runtime.errors import EtlError
from etl.runtime.progress import Progress
from etl.store.database import open_store
from etl.store.library import put_hashes
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, seed: int = 0, **tags: str) -> Path:
    """Write a short tagged file whose content and length follow the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, np.random.default_rng(seed).normal(0, 0.1, 3000 + 100 * seed), 22_050)
    file: Any = mutagen.File(path)
    for name, value in tags.items():
        file[name] = value
    file.save()
    return path


@pytest.fixture
def library(tmp_path):
    """Give an open store with a function that scans, and a folder of three tracks."""
    for seed in range(3):
        write(tmp_path / "music" / f"album{seed}" / f"{seed}.flac", seed, title=f"Song {seed}")
    with open_store(tmp_path / "s.duckdb") as connection, recorded_run(connection, "test", {}) as run:

        def scan_now(*sources: Path, **options: Any) -> ScanSummary:
            with Progress("files") as progress:
                return scan(connection, run, sources or [tmp_path / "music"], progress, **options)

        yield connection, scan_now


def hash_all(connection: Any) -> None:
    """Give every file its content hash, as a sonic run does."""
    paths = [path for (path,) in connection.sql("SELECT path FROM files WHERE gone_at IS NULL").fetchall()]
    hashes = [content_hash(path) for path in paths]
    put_hashes(connection, pl.DataFrame({"path": paths, "content_hash": hashes}))


def rejects(connection: Any) -> list[str]:
    """Give the reasons of all rejects."""
    return [reason for (reason,) in connection.sql("SELECT reason FROM rejects ORDER BY ALL").fetchall()]


def test_digits_of_any_script_do_not_stop_a_scan(library, tmp_path):
    """A year in Arabic digits is missing; the other files of the batch are tagged."""
    connection, scan_now = library
    write(tmp_path / "music" / "3.flac", 3, title="Arabic", date="١٩٩٩")
    assert scan_now().tracks == 4
    rows = connection.sql("SELECT year FROM tracks WHERE title = 'Arabic'").fetchall()
    assert rows == [(None,)]


def test_a_folder_that_cannot_be_listed_loses_no_track(library, tmp_path, monkeypatch):
    """Its files are not gone, the folder is a reject, and all others are scanned."""
    connection, scan_now = library
    scan_now()
    real = os.scandir

    def refuse(path: str) -> Any:
        if str(path).endswith("album1"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    write(tmp_path / "music" / "album2" / "new.flac", 5)
    found = scan_now()
    assert (found.gone, found.new, found.rejected) == (0, 1, 1)
    assert rejects(connection) == ["cannot be looked at: Permission denied"]


def test_one_file_that_cannot_be_looked_at_costs_only_itself(library, tmp_path, monkeypatch):
    """The rest of its folder is scanned, and it is not gone."""
    connection, scan_now = library
    write(tmp_path / "music" / "album0" / "zz.flac", 7)
    scan_now()
    real = os.scandir

    class Entry:
        def __init__(self, entry: Any) -> None:
            self.path = entry.path
            self.is_dir = entry.is_dir
            self.is_file = entry.is_file
            self.stat = entry.stat if "0.flac" not in entry.path else self.fail

        def fail(self) -> Any:
            raise OSError(5, "Input/output error")

    class Entries(list[Any]):
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", lambda path: Entries(map(Entry, real(path))))
    found = scan_now()
    assert (found.unchanged, found.gone) == (3, 0)
    assert rejects(connection) == ["cannot be looked at: Input/output error"]


def test_a_folder_has_one_name_whichever_way_it_is_given(library, tmp_path):
    """`music/../music` is `music`: no track is there twice."""
    connection, scan_now = library
    scan_now()
    found = scan_now(tmp_path / "music" / "album0" / ".." / ".." / "music")
    assert (found.unchanged, found.new) == (3, 0)
    assert connection.sql("SELECT count(*) FROM library").fetchall() == [(3,)]


def test_a_file_moved_to_the_place_of_one_that_is_gone_leaves_no_orphan(library, tmp_path):
    """The earlier file's tags go with its place, and the moved one keeps its identity."""
    connection, scan_now = library
    scan_now()
    hash_all(connection)
    first, second = tmp_path / "music" / "album0" / "0.flac", tmp_path / "music" / "album1" / "1.flac"
    before = connection.sql("SELECT track_id FROM library WHERE title = 'Song 1'").fetchall()
    first.unlink()
    assert scan_now().gone == 1
    second.rename(first)
    assert scan_now().moved == 1
    assert connection.sql("SELECT track_id FROM library WHERE title = 'Song 1'").fetchall() == before
    assert check(connection) == []


def test_a_picture_that_is_gone_is_no_problem_of_the_library(library, tmp_path):
    """Only tracks are missed by the check."""
    connection, scan_now = library
    (tmp_path / "music" / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 picture")
    scan_now()
    (tmp_path / "music" / "cover.jpg").unlink()
    (tmp_path / "music" / "album0" / "0.flac").unlink()
    assert [line.split("/")[-1] for line in check(connection)] == ["0.flac: gone since the last scan"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_inventory_is_checked_against_the_disk(library, tmp_path, form):
    """Wrong sizes, folders, pipes and missing files are rejects; a known file that is missing is gone."""
    connection, scan_now = library
    scan_now()
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
    found = scan_now(inventory)
    assert (found.unchanged, found.new, found.gone, found.rejected) == (1, 1, 1, 4)
    size = (music / "album0" / "0.flac").stat().st_size
    assert rejects(connection) == [
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
    _, scan_now = library
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(EtlError, match=words):
        scan_now(tmp_path / "list.csv")


def test_comparing_changes_nothing(library, tmp_path):
    """A comparison counts what a scan would do, and does none of it."""
    connection, scan_now = library
    scan_now()
    hash_all(connection)
    music = tmp_path / "music"
    (music / "album0" / "0.flac").rename(music / "moved.flac")
    (music / "album1" / "1.flac").unlink()
    write(music / "album2" / "2.flac", 9)
    write(music / "new.flac", 8)
    before = connection.sql("SELECT path, mtime_ns, gone_at IS NULL FROM files ORDER BY path").fetchall()
    would = compare(connection, [music]).summary()
    assert (would.unchanged, would.new, would.changed, would.moved, would.gone) == (0, 1, 1, 1, 1)
    assert (
        connection.sql("SELECT path, mtime_ns, gone_at IS NULL FROM files ORDER BY path").fetchall() == before
    )
