"""Chord songs in Parquet: columns of any type are read as the text of a CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.exports.data3 import SOURCE_COLUMNS
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_limit_takes_the_first_rows_of_a_parquet_file(chords, limit):
    """Within its blocks of rows, too."""
    chords.cut(64, parquet_rows=2)
    columns = {"id": ["1", "2", "3", "4"], "chords": ["C F G"] * 4}
    pl.DataFrame(columns).write_parquet(chords.folder / "in.parquet")
    chords.build(chords.folder / "in.parquet", limit=limit)
    assert chords.ids() == ["1", "2", "3", "4"][:limit]


def _parquet(chords, columns: dict[str, pa.Array], rows: int, name: str = "in.parquet") -> Path:
    absent = {column: pa.nulls(rows) for column in SOURCE_COLUMNS}
    path: Path = chords.folder / name
    pq.write_table(pa.table({**absent, **columns}), path, row_group_size=max(rows // 2, 1))
    return path


@pytest.mark.usefixtures("small_blocks")
def test_parquet_of_any_scalar_type_is_read_as_text(chords):
    """Integers, floats, dates, categories, bytes and all-null columns become text."""
    path = _parquet(
        chords,
        {
            "id": pa.array([1, 2, 3]),
            "chords": pa.array(["C F", "C F", None]).dictionary_encode(),
            "decade": pa.array([2000.0, None, 1990.0]),
            "release_date": pa.array([0, 1, None], pa.date32()),
            "genres": pa.array([b"pop", None, b"'rock'"]),
            "mood": pa.array([[1], [2], [3]]),
        },
        3,
    )
    assert chords.build(path).unread == ("mood",)
    rows = chords.table()
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["decade"] for row in rows] == ["2000.0", "", "1990.0"]
    assert [row["release_date"] for row in rows] == ["1970-01-01", "1970-01-02", ""]
    assert [row["genres"] for row in rows] == ["pop", "", "'rock'"]
    assert [row["key"] for row in rows][2] == "No Harmony"


@pytest.mark.usefixtures("small_blocks")
def test_parquet_and_csv_of_the_same_songs_give_the_same(chords):
    """The file format does not show in the output."""
    plain = chords.file("in.csv", *(chords.row(i) for i in range(20)), ',"",,,,,,,,')
    chords.build(plain)
    expected = chords.output.read_bytes()
    frame = pl.read_csv(plain, infer_schema=False)
    frame.write_parquet(chords.folder / "in.parquet")
    assert chords.build(chords.folder / "in.parquet").rejected == 1
    assert chords.output.read_bytes() == expected


@pytest.mark.usefixtures("small_blocks")
def test_parquet_with_invalid_bytes_or_repeated_ids_refuses_rows(chords):
    """Rows are refused one by one, by row number."""
    ids = pa.array([b"a", b"\xff", b"b", b"a", None, b"c"])
    chords.build(_parquet(chords, {"id": ids}, 6))
    assert chords.ids() == ["a", "b", "c"]
    assert chords.rejects() == [(2, "binary value"), (4, "duplicate id"), (5, "missing id")]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.string()), pa.large_list(pa.string()), pa.list_(pa.string(), 2)]
)
def test_lists_of_texts_are_read_as_the_text_of_them(chords, kind):
    """Chords one by one, in Parquet or JSON, are the song; other lists are joined as genres are."""
    columns = {
        "chords": pa.array([["C", "G7"], ["Am", "F"]], kind),
        "genres": pa.array([["rock", "pop"]] * 2),
    }
    chords.build(_parquet(chords, {**columns, "id": pa.array(["a", "b"])}, 2))
    rows = list(csv.DictReader(chords.output.read_text().splitlines()))
    assert [(row["chords"], row["genres"]) for row in rows] == [("C G7", "rock; pop"), ("Am F", "rock; pop")]
    lines = chords.folder / "in.jsonl"
    lines.write_text(
        '{"id": "a", "chords": ["C", "G7"], "genres": ["rock", "pop"]}\n'
        '{"id": "b", "chords": ["Am", "F"], "genres": ["rock", "pop"]}\n'
    )
    chords.build(lines)
    assert list(csv.DictReader(chords.output.read_text().splitlines())) == rows


def test_parquet_with_other_lists_says_so(chords):
    """Lists of numbers are not guessed into text."""
    with pytest.raises(EtlError, match=r"column `chords` .* has the type list<"):
        chords.build(_parquet(chords, {"chords": pa.array([[1]])}, 1))


def test_corrupt_parquet_leaves_the_former_output(chords):
    """A broken row group is an error, not a crash and not half a data set."""
    path = _parquet(chords, {"id": pa.array([str(i) for i in range(50_000)])}, 50_000)
    data = bytearray(path.read_bytes())
    middle = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    chords.output.write_text("former")
    with pytest.raises(EtlError, match="is damaged") as raised:
        chords.build(path)
    assert raised.value.exit_code == ExitCode.BAD_DATA
    assert chords.output.read_text() == "former"
