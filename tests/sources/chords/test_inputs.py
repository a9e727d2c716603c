"""Inputs of every kind and in every condition: what can be read comes out, the rest is said."""

from __future__ import annotations

import bz2
import csv
import gzip
import os
import random
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.cli.build import expand
from etl.exports.data3 import COLUMNS, SOURCE_COLUMNS
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def small_blocks(chords):
    """Cut blocks after every few bytes."""
    chords.cut(64, parquet_rows=3)


def test_missing_columns_are_named_with_those_that_are_there(chords):
    """A missing column is an error that lists the columns, and names the option."""
    path = chords.file("in.csv", "1,C", header="id,progression")
    hint = r"has no column `chords`\.\n.*It has: id, progression\. .* --chords-column 'progression'"
    with pytest.raises(EtlError, match=hint):
        chords.build(path)
    assert not chords.output.exists()


def test_reordered_and_extra_columns_are_read_by_name(chords):
    """Columns come in any order; those that are not read are named in the summary."""
    names = ["mood", *reversed(SOURCE_COLUMNS), "id2"]
    values = {**dict.fromkeys(names, ""), "id": "7", "chords": "C F", "decade": "1990.0", "mood": "sad"}
    path = chords.file("in.csv", ",".join(values[name] for name in names), header=",".join(names))
    summary = chords.build(path)
    assert summary.unread == ("mood", "id2")
    [row] = chords.table()
    assert list(row) == list(COLUMNS)
    assert (row["id"], row["chords"], row["decade"], row["genres"]) == ("7", "C F", "1990.0", "")


def test_column_given_twice_is_an_error(chords):
    """Of two columns of one name neither is guessed."""
    header = ",".join((*SOURCE_COLUMNS, "chords"))
    with pytest.raises(EtlError, match="has the column `chords` twice"):
        chords.build(chords.file("in.csv", header=header))


@pytest.mark.parametrize("blocks", ["large", "small"])
def test_repeated_ids_are_refused_within_blocks_and_across_blocks_and_files(chords, blocks, request):
    """The first row with an id stays; every later one is a reject with its own line."""
    if blocks == "small":
        request.getfixturevalue("small_blocks")
    first = chords.file("a.csv", *(chords.row(i) for i in (1, 2, 1, 3, 2)))
    second = chords.file("b.csv", *(chords.row(i) for i in (3, 4, 4)))
    chords.build(first, second)
    assert chords.ids() == ["1", "2", "3", "4"]
    assert chords.rejects() == [(line, "duplicate id") for line in (4, 6, 2, 4)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "has no header line"),
        (gzip.compress(b"", mtime=0), "has no header line"),
        (os.urandom(3) + b"\0" + random.Random(1).randbytes(5000), "binary|not UTF-8"),
        (b"PK\x03\x04abc", "binary"),
        ((",".join(SOURCE_COLUMNS) + "\n").encode("utf-16"), "is UTF-16"),
        ((",".join(SOURCE_COLUMNS) + "\n").encode("utf-16-le"), "binary"),
        ((",".join(SOURCE_COLUMNS) + "\n").encode("utf-32"), "is UTF-32"),
        ((",".join(SOURCE_COLUMNS) + "\n").encode("utf-32-be"), "is UTF-32"),
        (b'{\n  "chords": "C"\n}\n', "is not JSON lines"),
        (b"[1, 2]", "is not JSON lines"),
        (b"[]", "no objects"),
        ((",".join(SOURCE_COLUMNS) + "\r1,C,,,,,,,,\r").encode(), "end in carriage returns"),
        (b'"id,chords\n', "header of .* cannot be read"),
        (b"\xff\xfa,chords\n", "header of .* is not UTF-8"),
        (b"PAR1 and then nothing", "broken Parquet"),
        (gzip.compress(b"id", mtime=0)[:12], "broken gzip"),
    ],
)
def test_what_is_no_chord_file_is_refused_whole(chords, tmp_path, content, message):
    """A file that cannot be chords is an error before anything is written."""
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    with pytest.raises(EtlError, match=message):
        chords.build(path)
    assert [file.name for file in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
def test_header_alone_leaves_the_former_output(chords, end):
    """Where there is nothing to read, nothing is written."""
    chords.output.write_text("former")
    with pytest.raises(EtlError, match="no rows") as raised:
        chords.build(chords.file("in.csv", end=end))
    assert raised.value.exit_code == ExitCode.FAILURE
    assert chords.output.read_text() == "former"


def test_folders_and_missing_files_are_errors(chords, tmp_path):
    """A folder's message shows a glob."""
    with pytest.raises(EtlError, match=r"is a folder(.|\n)*\*\.csv"):
        chords.build(tmp_path)
    with pytest.raises(EtlError, match="cannot read"):
        chords.build(tmp_path / "absent.csv")
    with pytest.raises(EtlError, match="matches no file"):
        expand([str(tmp_path / "*.csv")])


def test_globs_expand_in_order_and_repeated_files_count_once(chords, tmp_path):
    """A file that is given twice, also by another path, is read once."""
    for name in ("b.csv", "a.csv"):
        chords.file(name, chords.row(name))
    (tmp_path / "link.csv").symlink_to("a.csv")
    paths = expand([str(tmp_path / "[ab].csv"), str(tmp_path / "a.csv"), str(tmp_path / "link.csv")])
    assert [path.name for path in paths] == ["a.csv", "b.csv", "link.csv"]
    assert chords.build(*paths).rejected == 0
    assert chords.ids() == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("bom", "end"), [(b"", b"\n"), (b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n"), (b"", b"\r\r\n")]
)
def test_byte_order_marks_and_line_ends_do_not_show(chords, bom, end):
    """All spellings of a text file give the same output."""
    plain = chords.file("plain.csv", *(chords.row(i) for i in range(9)))
    chords.build(plain)
    expected = chords.output.read_bytes()
    path = chords.file("in.csv", *(chords.row(i) for i in range(9)), end=end)
    path.write_bytes(bom + path.read_bytes())
    chords.build(path)
    assert chords.output.read_bytes() == expected


ODD = (
    b"too few,C",
    b"too many,C,,,,,,,,,,,",
    b"invalid \xff bytes,C,,,,,,,,",
    b'open quote,"C F,,,,,,,,',
    b'text after,"C"F,,,,,,,,',
    b"bare return,C\rF,,,,,,,,",
    b",no id,,,,,,,,",
    b"x" * 201 + b",C,,,,,,,,",
)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("block", [16, 100, 1 << 20])
def test_one_broken_row_costs_no_other(chords, odd, block):
    """Each broken row is one reject on its line; all others come out, wherever blocks are cut."""
    chords.cut(block)
    path = chords.file(
        "in.csv", *(chords.row(i) for i in range(25)), odd, *(chords.row(i) for i in range(200, 225))
    )
    summary = chords.build(path)
    assert chords.ids() == [str(i) for i in (*range(25), *range(200, 225))]
    assert [line for line, _ in chords.rejects()] == [27]
    assert summary.records == 51


@pytest.mark.parametrize("block", [16, 50, 100, 1 << 20])
def test_all_broken_rows_together_with_quoted_line_breaks(chords, block):
    """Rejects keep their lines and categories among records of several lines and blank lines."""
    chords.cut(block)
    multi = b'm%d,"C\n\r\nF, ""x""\n",,,,,,,,'
    lines = [b""]
    for number, odd in enumerate(ODD):
        lines += [multi % number, odd, b"", chords.row(number).encode()]
    summary = chords.build(chords.file("in.csv", *lines))
    assert chords.ids() == [f"{kind}{i}" for i in range(len(ODD) - 1) for kind in ("m", "")] + [
        f"m{len(ODD) - 1}",
        str(len(ODD) - 1),
    ]
    assert {row["chords"] for row in chords.table()} == {'C\n\r\nF, "x"\n', "C F G"}
    assert summary.rejected == len(ODD)
    assert [line for line, _ in chords.rejects()] == [7 + 7 * i for i in range(len(ODD))]
    assert [category for _, category in chords.rejects()] == [
        "field count", "field count", "encoding", "quoting", "quoting", "line break", "missing id",
        "overlong id",
    ]  # fmt: skip


def test_quote_inside_an_unquoted_field_stands_for_itself(chords):
    """Inches and the like are no broken quotes."""
    chords.build(chords.file("in.csv", '1,C,,7" single,,,,5",,', chords.row(2)))
    assert chords.table()[0]["genres"] == '7" single'
    assert chords.ids() == ["1", "2"]


def test_many_open_quotes_take_no_longer_than_their_lines(chords):
    """A file whose every row opens a quote is refused row by row."""
    path = chords.file("in.csv", *(f'{i},"C F G,,,,,,,,' for i in range(5000)), chords.row("good"))
    chords.build(path)
    assert chords.ids() == ["good"]
    assert len(chords.rejects()) == 5000


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("block", [16, 1 << 20])
def test_limit_counts_records_of_any_shape(chords, limit, block):
    """The limit holds exactly, across files, over blank lines and quoted line breaks."""
    chords.cut(block)
    first = chords.file("a.csv", '1,"C\nF\nG",,,,,,,,', "", "bad", chords.row(2), '3,"C\n",,,,,,,,')
    second = chords.file("b.csv", chords.row(4), '5,"C\n",,,,,,,,', "bad", chords.row(6))
    summary = chords.build(first, second, limit=limit)
    assert summary.records == min(limit, 8)
    records = ["1", None, "2", "3", "4", "5", None, "6"][:limit]
    assert chords.ids() == [name for name in records if name]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_limit_takes_the_first_rows_of_a_parquet_file(chords, limit):
    """Within its blocks of rows, too."""
    chords.cut(64, parquet_rows=2)
    columns = {"id": ["1", "2", "3", "4"], "chords": ["C F G"] * 4}
    pl.DataFrame(columns).write_parquet(chords.folder / "in.parquet")
    chords.build(chords.folder / "in.parquet", limit=limit)
    assert chords.ids() == ["1", "2", "3", "4"][:limit]


@pytest.mark.parametrize("block", [16, 1 << 20])
def test_blank_lines_before_the_first_record_count_as_lines_and_as_nothing_else(chords, block):
    """Of those that are refused the line is told as an editor counts it, from the header on."""
    chords.cut(block)
    path = chords.file("in.csv", "", "", "bad", chords.row(2), "", "worse", chords.row(3))
    chords.build(path)
    assert chords.ids() == ["2", "3"]
    assert chords.rejects() == [(4, "field count"), (7, "field count")]
    chords.build(path, limit=2)
    assert (chords.ids(), chords.rejects()) == (["2"], [(4, "field count")])


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": lambda data: bz2.compress(data, 1),  # in pieces of 100 kB
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", COMPRESSORS)
def test_compressed_files_give_what_plain_ones_give(chords, kind):
    """Also where a file is several compressed parts one after the other."""
    plain = chords.file("in.csv", *(chords.row(i) for i in range(60)))
    chords.build(plain)
    expected = chords.output.read_bytes()
    data = plain.read_bytes()
    path = chords.folder / f"in.csv.{kind}"
    for content in (COMPRESSORS[kind](data), COMPRESSORS[kind](data[:999]) + COMPRESSORS[kind](data[999:])):
        path.write_bytes(content)
        chords.build(path)
        assert chords.output.read_bytes() == expected


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("harm", ["truncated", "corrupt", "followed by junk"])
@pytest.mark.parametrize("stored", [False, True])
def test_damaged_compressed_files_leave_the_former_output(chords, kind, harm, stored):
    """Half a file is no data set: nothing is written, with or without a store."""
    chords.cut(1 << 14)
    randomness = random.Random(0)
    rows = [f"{i},C F,,{randomness.randbytes(60).hex()},,,artist,,," for i in range(2_000)]
    data = COMPRESSORS[kind](chords.file("in.csv", *rows).read_bytes())
    at = len(data) * 9 // 10
    harmed = {
        "truncated": data[:at],
        "corrupt": data[:at] + b"\xff" * (len(data) - at),
        "followed by junk": data + b"junkjunkjunk",
    }[harm]
    path = chords.folder / f"in.csv.{kind}"
    path.write_bytes(harmed)
    chords.output.write_text("former")
    with pytest.raises(EtlError, match="is damaged") as raised:
        chords.build(path, database=chords.database if stored else None)
    assert raised.value.exit_code == ExitCode.BAD_DATA
    assert chords.output.read_text() == "former"


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
    assert chords.rejects() == [(2, "encoding"), (4, "duplicate id"), (5, "missing id")]


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


def test_song_of_a_hundred_thousand_chords(chords):
    """Every chord has its numeral and its vector."""
    chords.build(
        chords.file("in.csv", chords.row(1, " ".join(["C", "G", "Am in", "F"] * 25_000)), chords.row(2))
    )
    [song, _] = chords.table()
    assert len(song["roman_numerals"].split(" ")) == 125_000
    assert song["harmonic_fingerprint"].count("|") == 124_999


def test_hundred_thousand_distinct_unknown_tokens(chords):
    """Unknown tokens are counted one by one and cost no more than known ones."""
    tokens = [f"q{i}" for i in range(100_000)]
    lines = (chords.row(i, "C " + " ".join(tokens[i * 1000 : i * 1000 + 1000])) for i in range(100))
    summary = chords.build(chords.file("in.csv", *lines), database=chords.database)
    assert (summary.chords, summary.unknown) == (100_100, 100_000)


def test_very_long_lines_and_tokens(chords):
    """A line of many blocks is one record; a token may have any length."""
    chords.cut(1 << 17)
    long = "Z" * 3_000_000
    path = chords.file("in.csv", chords.row(1), chords.row(2, f"C {long}"), f'3,"{long}', chords.row(4))
    summary = chords.build(path)
    assert chords.ids() == ["1", "2", "4"]
    assert chords.rejects() == [(4, "quoting")]
    assert (summary.chords, summary.unknown) == (8, 1)


def test_file_without_line_ends_is_given_up(chords):
    """A record without an end does not fill the memory."""
    chords.cut(1 << 10, record_bytes=1 << 14)
    with pytest.raises(EtlError, match=r"from line 3 on: no line end in 16,384 bytes"):
        chords.build(chords.file("in.csv", chords.row(1), "C " * 50_000, chords.row(2)))


def test_nul_bytes_come_out_as_they_went_in(chords):
    """NUL is a character like any other."""
    chords.build(chords.file("in.csv", "1\0,C\0 F,\0,,,,,,,"))
    output = chords.output.read_bytes().splitlines()[1]
    assert output.startswith(b"1\0,C\0 F,\0,,,,,,,,Unknown Artist,")


@pytest.mark.parametrize("stored", [False, True])
def test_file_of_rejects_alone_leaves_the_former_output(chords, stored):
    """No good row at all is an error that says what to do; the store is as it was, too."""
    good = chords.file("good.csv", chords.row(1))
    database = chords.database if stored else None
    chords.build(good, database=database)
    before = chords.output.read_bytes()
    bad = chords.file("in.csv", "1,C,,\xe9,,,,,,".encode("latin-1"))
    with pytest.raises(
        EtlError, match=r"the only row of .* line 2: invalid UTF-8(.|\n)*iconv -f cp1252"
    ) as raised:
        chords.build(bad, database=database)
    assert raised.value.exit_code == ExitCode.FAILURE
    assert chords.output.read_bytes() == before
    assert chords.build(good, database=database).is_stored is stored


def test_one_of_several_inputs_that_gives_nothing_is_named(chords):
    """The others are built."""
    good, bad = chords.file("a.csv", chords.row(1)), chords.file("b.csv", "bad")
    assert chords.build(good, bad).empty == (str(bad),)
    assert chords.ids() == ["1"]
    assert chords.build(good, bad, limit=1).empty == ()


def test_rejects_file_of_an_earlier_build_goes_away(chords):
    """Rejects beside the output are those of the output."""
    chords.build(chords.file("in.csv", "bad", chords.row(1)))
    assert chords.rejects() == [(2, "field count")]
    chords.build(chords.file("in.csv", chords.row(1)))
    assert not chords.output.with_suffix(".rejects.csv").exists()


def test_rejects_show_the_raw_row_shortened(chords):
    """Enough of a refused row is kept to find it."""
    chords.build(chords.file("in.csv", "short,row " + "x" * 10_000, chords.row(1)))
    [reject] = chords.table(chords.output.with_suffix(".rejects.csv"))
    assert reject["raw"].startswith("short,row xxx")
    assert len(reject["raw"]) == 500
    assert reject["reason"] == "expected 10 fields, found 2"
