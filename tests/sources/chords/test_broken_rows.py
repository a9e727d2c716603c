"""Rows that cannot be read: each is a reject with its line, and costs no other row."""

from __future__ import annotations

import pytest

from etl.runtime.errors import EtlError, ExitCode


@pytest.mark.parametrize("block", [64, 1 << 20])
def test_repeated_ids_are_refused_within_blocks_and_across_blocks_and_files(chords, block):
    """The first row with an id stays; every later one is a reject with its own line."""
    chords.cut(block)
    first = chords.file("a.csv", *(chords.row(i) for i in (1, 2, 1, 3, 2)))
    second = chords.file("b.csv", *(chords.row(i) for i in (3, 4, 4)))
    chords.build(first, second)
    assert chords.ids() == ["1", "2", "3", "4"]
    assert chords.rejects() == [(line, "duplicate id") for line in (4, 6, 2, 4)]


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
