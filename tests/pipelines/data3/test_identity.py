"""Inputs are known by their content: renamed, copied, re-compressed, cut off or changed behind one's back."""

from __future__ import annotations

import bz2
import gzip
import os
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.pipelines.data3.estimate import Known, estimate
from etl.pipelines.data3.identity import Likeness, Recognized
from etl.sources.chords.parquet_content import hash_values
from etl.store.database import read_store
from etl.store.integrity import check_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "copy": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
}


@pytest.fixture
def songs(chords):
    """Give a file that the store has."""
    path = chords.file("songs.csv", *(chords.row(i) for i in range(50)), "bad")
    chords.build(path, database=chords.database)
    return path


def stored(chords) -> list[tuple[str, int]]:
    """Give the path and the songs of each source in the store, which is sound."""
    with read_store(chords.database) as connection:
        assert [finding for finding in check_tables(connection) if finding.violations] == []
        found = connection.execute("SELECT path, songs FROM sources ORDER BY source_id").fetchall()
        rejects = connection.execute("SELECT DISTINCT source FROM rejects").fetchall()
    assert {source for (source,) in rejects} <= {path for path, _ in found}
    return found


@pytest.mark.parametrize("change", ["rename", "copy", "gzip", "bz2", "touch"])
def test_same_content_is_not_analyzed_again(chords, songs, change):
    """The store knows it by the new name from then on, once."""
    expected = chords.output.read_bytes()
    data = songs.read_bytes()
    path = songs if change == "touch" else chords.folder / "other"
    if change == "rename":
        songs.rename(path)
    elif change == "touch":
        os.utime(path, (1, 1))
    else:
        path.write_bytes(COMPRESSORS[change](data))
    request = chords.request(path, database=chords.database)
    assert estimate(request).known is Known.STORED
    summary = chords.build(path, database=chords.database)
    assert summary.is_stored
    assert chords.output.read_bytes() == expected
    same = Recognized(str(path), Likeness.SAME, str(songs))
    assert summary.recognized == (() if change == "touch" else (same,))
    assert stored(chords) == [(str(path), 50)]


def test_a_renamed_file_that_is_analyzed_again_is_one_source(chords, songs):
    """Under the name that it has now, as where it need not be analyzed."""
    path = songs.rename(chords.folder / "other.csv")
    assert not chords.build(path, database=chords.database, force=True).is_stored
    assert stored(chords) == [(str(path), 50)]


SONGS: Final[dict[str, list[Any]]] = {
    "id": [f"song {i}" for i in range(300)],
    "chords": [None if i % 7 == 3 else " ".join(["C", "G7"] * (i % 5)) for i in range(300)],
    "year": [None if i % 9 == 1 else 1950 + i % 60 for i in range(300)],
    "day": [date(2000, 1, 1 + i % 28) for i in range(300)],
    "lasts": [timedelta(seconds=i) for i in range(300)],
    "tags": [["a", "b"][: i % 3] for i in range(300)],
    "genre": [("rock", "jazz")[i % 2] for i in range(300)],
    "key": [bytes([i % 256] * 16) for i in range(300)],
}


def parquet(path: Path, songs: dict[str, list[Any]] = SONGS, **options: Any) -> Path:
    """Write songs, some columns in types of their own."""
    table = pa.table(songs, schema=options.pop("schema", None))
    pq.write_table(table, path, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "snappy"},
        {"compression": "none", "use_dictionary": False},
        {"compression": "zstd", "row_group_size": 37, "data_page_size": 100},
        {"data_page_version": "2.0", "version": "1.0"},
        {
            "schema": pa.schema(
                {
                    **dict.fromkeys(("id", "chords"), pa.large_string()),
                    "year": pa.int16(),
                    "day": pa.date32(),
                    "lasts": pa.duration("us"),
                    "tags": pa.large_list(pa.large_string()),
                    "genre": pa.dictionary(pa.int8(), pa.string()),
                    "key": pa.binary(16),
                }
            )
        },
    ],
)
def test_parquet_is_known_by_its_values(tmp_path, options):
    """Compressed, encoded or cut into row groups in another way, or in wider types, it is the same."""
    expected = hash_values(parquet(tmp_path / "songs.parquet", compression="gzip"))
    assert hash_values(parquet(tmp_path / "again.parquet", **options)) == expected


@pytest.mark.parametrize(
    "other",
    [
        SONGS | {"chords": [*SONGS["chords"][:-1], "C"]},
        SONGS | {"chords": ["" if chords is None else chords for chords in SONGS["chords"]]},
        SONGS | {"year": [None, *SONGS["year"][1:]]},
        SONGS | {"tags": [["a"], *SONGS["tags"][1:]]},
        {name: values[::-1] for name, values in SONGS.items()},
        {name: values[:-1] for name, values in SONGS.items()},
        {("title" if name == "genre" else name): values for name, values in SONGS.items()},
        SONGS | {"id": ["song 0s", "ong 1", *SONGS["id"][2:]]},
    ],
)
def test_parquet_of_other_values_is_another(tmp_path, other):
    """A null is not an empty text, order counts, and so do names and where values begin."""
    expected = hash_values(parquet(tmp_path / "songs.parquet"))
    assert hash_values(parquet(tmp_path / "other.parquet", other)).hash != expected.hash


def test_recompressed_parquet_is_not_analyzed_again(chords):
    """The store knows it by the new name from then on."""
    first = parquet(chords.folder / "one.parquet", compression="zstd")
    chords.build(first, database=chords.database)
    other = parquet(chords.folder / "two.parquet", compression="none", row_group_size=50)
    summary = chords.build(other, database=chords.database)
    assert summary.is_stored
    assert summary.recognized == (Recognized(str(other), Likeness.SAME, str(first)),)
    assert [path for path, _ in stored(chords)] == [str(other)]


def test_other_content_of_the_same_size_and_date_is_noticed(chords, songs):
    """What counts is what is in the file."""
    before = songs.stat()
    songs.write_bytes(songs.read_bytes().replace(b"C F G", b"D G A"))
    os.utime(songs, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not chords.build(songs, database=chords.database).is_stored
    assert {row["chords"] for row in chords.table()} == {"D G A"}
    assert stored(chords) == [(str(songs), 50)]


def test_two_files_that_change_their_names(chords):
    """Each is found by its content, with its own rejects."""
    first = chords.file("a.csv", chords.row(1), "bad")
    second = chords.file("b.csv", chords.row(2), chords.row(3))
    chords.build(first, second, database=chords.database)
    first.rename(chords.folder / "c.csv")
    second.rename(first)
    (chords.folder / "c.csv").rename(second)
    assert chords.build(second, first, database=chords.database).is_stored
    assert chords.ids() == ["1", "2", "3"]
    assert stored(chords) == [(str(second), 1), (str(first), 2)]


def test_a_file_that_takes_the_place_of_another_one_replaces_it(chords, songs):
    """What the store had under that name is gone, for it is gone from the disk."""
    other = chords.file("other.csv", chords.row("x"))
    chords.build(other, database=chords.database)
    songs.replace(other)
    assert chords.build(other, database=chords.database).is_stored
    assert stored(chords) == [(str(other), 50)]


def test_a_sample_is_recognized_in_the_whole(chords, songs):
    """The whole file says which source of the store it begins with, also when it is compressed."""
    whole = chords.folder / "whole.csv.gz"
    whole.write_bytes(gzip.compress(songs.read_bytes() + chords.row("more").encode()))
    summary = chords.build(whole, database=chords.database)
    assert summary.recognized == (Recognized(str(whole), Likeness.LONGER, str(songs)),)
    assert chords.ids() == [*map(str, range(50)), "more"]
    assert stored(chords) == [(str(songs), 50), (str(whole), 51)]


@pytest.mark.parametrize("has_store", [False, True])
def test_copies_in_one_build_are_read_once(chords, has_store):
    """Also where the numbers of rows are their ids."""
    first = chords.file("a.csv", "C", "D", header="chords")
    copy = chords.file("b.csv", "C", "D", header="chords")
    summary = chords.build(first, copy, database=chords.database if has_store else None)
    assert chords.ids() == ["1", "2"]
    assert summary.recognized == (Recognized(str(copy), Likeness.COPY, str(first)),)


def test_other_columns_of_the_same_content_are_analyzed(chords):
    """What is stored of one column of chords is no answer for another."""
    path = chords.file("in.csv", "C,D", header="chords,other")
    chords.build(path, database=chords.database)
    assert not chords.build(path, database=chords.database, chords_column="other").is_stored
    assert [row["chords"] for row in chords.table()] == ["D"]


def test_names_that_are_not_utf8_are_stored_as_escapes(chords):
    """A file's name may be any bytes."""
    path = chords.folder / os.fsdecode(b"song\xff.csv")
    path.write_text("chords\nC\nbad,row\n")
    chords.build(path, database=chords.database)
    assert chords.build(path, database=chords.database).is_stored
    assert stored(chords) == [(str(chords.folder / "song\\xff.csv"), 1)]
