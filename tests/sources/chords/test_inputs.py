"""Files of chord songs as a whole: which are read, by which columns, in which order, and up to which size."""

from __future__ import annotations

import gzip
import os
import random

import pytest

from etl.cli.build import expand
from etl.exports.data3 import COLUMNS, SOURCE_COLUMNS
from etl.runtime.errors import EtlError, ExitCode


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


def test_nul_bytes_come_out_as_they_went_in(chords):
    """NUL is a character like any other."""
    chords.build(chords.file("in.csv", "1\0,C\0 F,\0,,,,,,,"))
    output = chords.output.read_bytes().splitlines()[1]
    assert output.startswith(b"1\0,C\0 F,\0,,,,,,,,Unknown Artist,")
