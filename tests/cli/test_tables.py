"""Tables of the command line: they fit the terminal, and numbers can be compared at a glance."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl
import pytest

from etl.cli.tables import frame_table, table
from tests.support.command_line import run_here
from tests.support.empty_store import empty_store

COLUMNS = ("track", "artist", "beats_per_minute", "confidence", "path")
ROWS = (
    (1, "Bach", 121.978, 0.98765, "/music/a/rather/long/folder/goldberg.flac"),
    (12, None, 99.0, 0.05, "/music/x.flac"),
)


@pytest.fixture
def wide(monkeypatch):
    """Give a function that sets the width of the terminal."""
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def test_numbers_are_flush_right_and_have_three_or_four_digits():
    """The decimals of a column are those of its greatest number."""
    assert table(COLUMNS, ROWS).splitlines() == [
        "track  artist  beats_per_minute  confidence  path",
        "-----  ------  ----------------  ----------  -----------------------------------------",
        "    1  Bach               122.0       0.988  /music/a/rather/long/folder/goldberg.flac",
        "   12                      99.0       0.050  /music/x.flac",
    ]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1980.0, 1990.0], ["1980", "1990"]),
        ([0.000421, 0.1], ["0.000", "0.100"]),
        ([0.00042123], ["0.000421"]),
        ([12345.67], ["12346"]),
        ([-0.0001, 9.5], ["0.000", "9.500"]),
        ([Decimal("1.50"), Decimal(7)], ["1.5", "7.0"]),
        ([float("nan"), 0.5], ["nan", "0.5"]),
        ([1980, 20_000], ["1980", "20000"]),
        ([], []),
    ],
)
def test_no_more_decimals_are_shown_than_are_needed(values, shown):
    """Whole numbers stay whole; what rounds to nothing has no sign."""
    assert [line.strip() for line in table(["x"], [[value] for value in values]).splitlines()[2:]] == shown


@pytest.mark.parametrize("columns", [30, 40, 60, 80])
def test_a_table_fits_the_terminal(wide, columns):
    """Names are broken and text is cut, paths at their beginning; numbers are whole or left out."""
    wide(columns)
    *lines, last = table(COLUMNS, ROWS, full=False).splitlines()
    assert max(map(len, lines)) <= columns
    if columns >= 60:
        assert "122.0" in lines[-1]
        assert last.endswith("x.flac")
    else:
        assert last.startswith("(left out, --full shows them: ")


def lines_at(wide, columns: int, *names: str, rows=((1,) * 9, (2,) * 9)) -> list[str]:
    """Draw a table in a terminal of so many columns."""
    wide(columns)
    return table(names, [row[: len(names)] for row in rows]).splitlines()


def test_all_of_the_width_is_used_and_none_beyond(wide):
    """First for what is written in the columns, the narrowest first, then for their names."""
    wide(86)
    assert max(map(len, table(COLUMNS, ROWS).splitlines())) == 86
    wide(60)
    assert table(COLUMNS, ROWS).splitlines() == [
        "               beats_",
        "                 per_",
        "track  artist  minute  confidence  path",
        "-----  ------  ------  ----------  -------------------------",
        "    1  Bach     122.0       0.988  …ong/folder/goldberg.flac",
        "   12            99.0       0.050  /music/x.flac",
    ]
    wide(40)
    assert table(COLUMNS, ROWS, full=False).splitlines() == [
        "               beats_per_",
        "track  artist      minute  confidence",
        "-----  ------  ----------  ----------",
        "    1  Bach         122.0       0.988",
        "   12                99.0       0.050",
        "(left out, --full shows them: path)",
    ]


def test_text_keeps_eight_cells_and_its_beginning(wide):
    """What fits exactly is not cut; one letter more is cut with an ellipsis."""
    words = (("abcdefgh", "abcdefghijkl"), ("x", "y"))
    assert lines_at(wide, 18, "title", "artist", rows=words)[2] == "abcdefgh  abcdefg…"
    assert lines_at(wide, 21, "title", "artist", rows=words)[2] == "abcdefgh  abcdefghij…"
    assert lines_at(wide, 22, "title", "artist", rows=words)[2] == "abcdefgh  abcdefghijkl"
    assert (
        lines_at(wide, 17, "title", "artist", rows=words)[-1]
        == "(left out, a wider terminal shows them: artist)"
    )


def test_five_columns_that_are_left_out_are_named_and_the_others_counted(wide):
    """One column is always shown, however narrow the terminal."""
    names = "abcdefghi"
    assert lines_at(wide, 9, *names)[0] == "a  b  c"
    assert (
        lines_at(wide, 9, *names)[-1] == "(left out, a wider terminal shows them: d, e, f, g, h and 1 more)"
    )
    assert lines_at(wide, 10, *names)[-1] == "(left out, a wider terminal shows them: e, f, g, h, i)"
    assert lines_at(wide, 1, "a", "b")[0] == "a"
    assert lines_at(wide, 25, *names)[-1] == "2  2  2  2  2  2  2  2  2"


def test_without_a_terminal_values_of_sixty_cells_are_whole():
    """Longer ones are cut, the end of a path is kept."""
    rows = [("a" * 60, "b" * 60), ("a" * 61, "c" * 61)]
    title, path = table(("title", "path"), rows).splitlines()[-1].split("  ")
    assert (title, path) == ("a" * 59 + "…", "…" + "c" * 59)
    assert table(("title", "path"), rows).splitlines()[2] == "a" * 60 + "  " + "b" * 60


def test_the_end_of_a_path_is_kept(wide):
    """It says more than the beginning, which is the same in all rows."""
    wide(60)
    assert table(COLUMNS, ROWS).splitlines()[-2].endswith("…ong/folder/goldberg.flac")


def test_the_word_on_what_is_left_out_is_true(wide):
    """A command without --full does not send people to it."""
    wide(20)
    assert table(COLUMNS, ROWS).splitlines()[-1].startswith("(left out, a wider terminal shows them: ")


def test_full_cuts_rounds_and_leaves_out_nothing(wide):
    """Whatever the width."""
    wide(20)
    assert "121.978" in table(COLUMNS, ROWS, full=True)
    assert "/music/a/rather/long/folder/goldberg.flac" in table(COLUMNS, ROWS, full=True)


def test_a_row_alone_that_does_not_fit_is_a_line_per_column(wide):
    """As an overview is."""
    wide(40)
    assert table(COLUMNS, ROWS[:1]).splitlines()[1:3] == ["artist            Bach", "beats_per_minute  122.0"]
    wide(30)
    assert table(COLUMNS, ROWS[:1]).splitlines()[-1] == "path              …ldberg.flac"
    wide(10)
    assert table(COLUMNS, ROWS[:1]).splitlines()[-1] == "path              …rg.flac"


def test_letters_of_two_cells_are_counted_as_two():
    """Japanese titles do not push the next column out of line."""
    first, _, *rows = table(("title", "n"), [("日本", 1), ("abcd", 2)]).splitlines()
    assert first == "title  n"
    assert rows == ["日本   1", "abcd   2"]


def test_a_value_cannot_break_a_line():
    """Line breaks and escapes of tags are written as escapes."""
    assert table(["x"], [["a\nb\x1b[31m"]]).splitlines()[2] == r"a\nb\x1b[31m"


def test_a_frame_is_a_table_of_its_rows():
    """Lists are written with commas; what is a number is flush right by its type, not by its values."""
    frame = pl.DataFrame({"id": ["1", "22"], "tags": [["a", "b"], None], "n": [None, 5]})
    assert frame_table(frame).splitlines()[2:] == ["1   a, b", "22        5"]


def test_whole_numbers_of_every_type_are_flush_right_in_an_answer(tmp_path):
    """Signed, unsigned, small and huge; text that looks like a number is not one."""
    database = empty_store(tmp_path / "m.duckdb")
    kinds = ("TINYINT", "UTINYINT", "USMALLINT", "INTEGER", "UINTEGER", "UBIGINT", "HUGEINT")
    columns = ", ".join(f"1::{kind} AS {kind}" for kind in kinds)
    said = run_here("query", f"SELECT '1' AS words, {columns}", "--db", database)
    names, _, row = said.splitlines()[:3]
    ends = [match.end() for match in re.finditer(r"\S+", names)][1:]
    assert [match.end() for match in re.finditer(r"1", row)][1:] == ends
    assert row.startswith("1 ")
