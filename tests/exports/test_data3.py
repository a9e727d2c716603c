"""The data3 CSV, byte for byte."""

from __future__ import annotations

import csv
import io
import re

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from etl.exports.data3 import COLUMNS, HEADER, SOURCE_COLUMNS, LineBuffer, write_data3
from etl.runtime.resources import resource
from tests.support.chord_songs import harmony
from tests.support.places import GOLDEN

FIRST_TEN = "1,C,,,,,,,,"


def test_header_is_fixed():
    """Seventeen columns, in this order, with a line feed."""
    assert HEADER == (
        b"id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,"
        b"spotify_artist_id,artist_name,artist_url,song_name,song_url,key,roman_numerals,"
        b"harmonic_fingerprint\n"
    )


@pytest.mark.parametrize("block", [20, 64, 300, 1 << 20])
def test_odd_songs_give_the_golden_files(chords, block):
    """Every odd spelling and broken row gives what was checked by hand, wherever blocks are cut."""
    chords.cut(block)
    path = chords.folder / "odd_songs.csv"
    path.write_bytes(resource("sample/odd_songs.csv").read_bytes())
    chords.build(path)
    assert chords.output.read_bytes() == (GOLDEN / "odd_songs.data3.csv").read_bytes()
    rejects = chords.output.with_suffix(".rejects.csv").read_bytes().decode()
    expected = (GOLDEN / "odd_songs.rejects.csv").read_bytes().decode()
    assert rejects.replace(str(path.resolve()), "etl/sample/odd_songs.csv") == expected


def test_odd_songs_from_the_store_give_the_golden_file(chords):
    """What the store keeps is enough to write the same bytes again."""
    path = resource("sample/odd_songs.csv")
    first = chords.build(path, database=chords.database)
    chords.output.unlink()
    again = chords.build(path, database=chords.database)
    assert again.is_stored
    assert chords.output.read_bytes() == (GOLDEN / "odd_songs.data3.csv").read_bytes()
    assert (again.records, again.songs, again.rejected) == (first.records, first.songs, first.rejected)
    assert again.examples == first.examples
    assert (again.chords, again.unknown, again.keys) == (first.chords, first.unknown, first.keys)


@pytest.mark.parametrize(
    ("row", "rest"),
    [
        ("1,,,,,,,,,", "Unknown Artist,N/A,Unknown Track,N/A,No Harmony,empty,"),
        ('1,"",,,,,,,,', "Unknown Artist,N/A,Unknown Track,N/A,No Harmony,empty,"),
        ("1,<a_1> x,,,,,,,,", "Unknown Artist,N/A,Unknown Track,N/A,Parse Error,parse_error,"),
        (
            "1,C x,,,,,,,0123456789abcdefABCDEF,Z123456789abcdefABCDEF",
            (
                "Unknown Artist,https://open.spotify.com/artist/Z123456789abcdefABCDEF,"
                "Unknown Track,https://open.spotify.com/track/0123456789abcdefABCDEF,C Major,I ?,"
                '"0.476,0.000,0.000,0.000,0.238,0.000,0.000,0.286,0.000,0.000,0.000,0.000|'
                '0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083"'
            ),
        ),
        (
            "1,C,,,,,,,0123456789abcdefABCDE_,123456789abcdefABCDEF",
            (
                "Unknown Artist,N/A,Unknown Track,N/A,C Major,I,"
                '"0.476,0.000,0.000,0.000,0.238,0.000,0.000,0.286,0.000,0.000,0.000,0.000"'
            ),
        ),
    ],
)
def test_last_seven_columns(chords, row, rest):
    """Sentinels, addresses and words for songs without harmony stand as the format says."""
    chords.build(chords.file("in.csv", row))
    assert chords.output.read_bytes() == HEADER + f"{row},{rest}\n".encode()


def test_null_and_empty_string_stay_apart(chords):
    """Empty stays empty and a quoted empty string stays quoted, in all ten columns."""
    rows = ["1,C" + "," * 8, '"2","",' + ",".join(['""'] * 8), '3,"",,"",,"",,"",,""']
    chords.build(chords.file("in.csv", *rows))
    lines = chords.output.read_text().splitlines()[1:]
    assert [line.split(",Unknown Artist")[0] for line in lines] == [
        rows[0],
        rows[1].replace('"2"', "2"),
        rows[2],
    ]


@pytest.mark.parametrize("lacking", [1, 2])
def test_a_value_without_a_text_is_an_error_and_never_another_text(lacking):
    """Compiled code would write what happens to stand there, to the last of them."""
    batch = harmony("C F G C", "Amin Dmin E7 Amin")
    columns = {name: pl.lit(None, pl.String) for name in SOURCE_COLUMNS if name not in batch.songs.columns}
    songs = batch.songs.with_columns(**columns)
    texts = batch.numerals.texts
    assert bytes(write_data3(songs, batch.vocabulary, texts, LineBuffer())).count(b"\n") == 2
    with pytest.raises(IndexError):
        write_data3(songs, batch.vocabulary, texts[:-lacking], LineBuffer())


def test_keys_are_spelled_as_usual(chords):
    """Each key name is one of the 24 of the format."""
    roots = ["C", "Cs", "Db", "D", "Ds", "Eb", "E", "F", "Fs", "Gb", "G", "Gs", "Ab", "A", "As", "Bb", "B"]
    songs = [chords.row(f"{r}{q}", " ".join(f"{r}{q}" for _ in range(3))) for r in roots for q in ("", "min")]
    chords.build(chords.file("in.csv", *songs))
    names = {row["key"] for row in chords.table()}
    majors = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
    minors = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"]
    assert names == {f"{name} Major" for name in majors} | {f"{name} Minor" for name in minors}
    assert all(re.fullmatch(r"[A-G][#b]? (Major|Minor)", name) for name in names)


def test_every_token_has_its_numeral_and_every_chord_its_vector(chords):
    """Numerals and vectors stand one for one beside the tokens; vectors sum to one."""
    chords.build(resource("sample/billboard_chordonomicon.csv"))
    for row in chords.table()[::20]:
        tokens = row["chords"].split()
        assert len(row["roman_numerals"].split(" ")) == len(tokens)
        vectors = row["harmonic_fingerprint"].split("|")
        assert [v if v.startswith("<") else "" for v in vectors] == [
            t if t.startswith("<") else "" for t in tokens
        ]
        for vector in vectors:
            if not vector.startswith("<"):
                assert abs(sum(map(float, vector.split(","))) - 1) < 0.007


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text('a",\r\n 🎸C', max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(texts, min_size=9, max_size=9), min_size=1, max_size=12),
    st.integers(10, 200),
    st.sampled_from(["\n", "\r\n"]),
)
@example([[""] * 8 + ["\n"]], 10, "\n")
def test_first_ten_columns_come_out_as_they_went_in(chords, fields, block, end):
    """Any text survives in any column, byte for byte wherever blocks are cut."""
    chords.cut(block)
    rows = [[f"id{number}", *row] for number, row in enumerate(fields)]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([SOURCE_COLUMNS, *rows])
    path = chords.folder / "in.csv"
    path.write_bytes(buffer.getvalue().encode())
    assert chords.build(path).rejected == 0
    written = list(csv.reader(io.StringIO(chords.output.read_bytes().decode(), newline="")))
    assert [row[:10] for row in written[1:]] == rows
    read = pl.read_csv(chords.output, infer_schema=False)
    assert read.columns == list(COLUMNS)


lines = st.lists(
    st.text('12",C\r\n ', max_size=30) | st.just(FIRST_TEN) | st.just('2,"C\n",,,,,,,,'), max_size=12
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.integers(3, 60))
def test_any_text_gives_the_same_rows_and_rejects_wherever_blocks_are_cut(chords, text, block):
    """Songs and rejects depend on the file, not on how it is read."""
    path = chords.file("in.csv", chords.row("first"), *text)
    results = []
    for size in (block, 1 << 20):
        chords.cut(size)
        summary = chords.build(path)
        results.append((chords.output.read_bytes(), chords.rejects() if summary.rejected else []))
    assert results[0] == results[1]
