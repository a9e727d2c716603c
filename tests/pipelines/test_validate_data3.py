"""`etl validate --schema data3` computes each row again: whatever one edit makes untrue is found."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from etl.exports.data3 import COLUMNS, SOURCE_COLUMNS
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from etl.pipelines.validate import validate
from etl.runtime.table_schema import load_schema, shipped_schemas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from etl.chords.romantext import RomanStyle
    from etl.pipelines.validate import Report

ARTIST, TRACK, OTHER = "0123456789ABCDEFGHIJkl", "abcdefghijKLMNOPQRST01", "9876543210ABCDEFGHIJkl"
SOURCE = [
    ["rich", "<verse_1> C E7 Amin F/A D7 G7 <chorus_1> C xx Fmin G C", "1980", "pop", "1980.0", "", "a",
     "pop", TRACK, ARTIST],
    ["minor", "Amin Dmin E7 Amin G C Amin E7 Amin", *[""] * 8],
    ["silent", *[""] * 9],
    ["noise", "<intro_1> xx yy", *[""] * 8],
    ["plain", "G D Emin C <bridge_1> G Cmaj7 D G", *[""] * 8],
]  # fmt: skip

Row = dict[str, str]


def write(path: Path, columns: tuple[str, ...], rows: list[list[str]]) -> Path:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return path


def built(folder: Path, style: RomanStyle | str = "house") -> list[Row]:
    """Build data3 from the songs."""
    from etl.chords.romantext import RomanStyle

    source = write(folder / "songs.csv", SOURCE_COLUMNS, SOURCE)
    output = folder / f"{style}.csv"
    build(Data3Build(inputs=(source,), output=output, database=None, style=RomanStyle(style), workers=1))
    with output.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> dict[str, Row]:
    """Give the rows of a sound file by id."""
    return {row["id"]: row for row in built(tmp_path_factory.mktemp("built"))}


def checked(folder: Path, rows: list[Row]) -> Report:
    """Validate rows."""
    path = write(folder / "checked.csv", COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    schema = load_schema(shipped_schemas()["data3"])
    return validate(path, schema, folder / "rejects.csv", workers=1)


def put(**values: str) -> Callable[[Row], Row]:
    """Replace whole values."""
    return lambda row: row | values


def swap(column: str, old: str, new: str) -> Callable[[Row], Row]:
    """Replace a piece of a value, once."""

    def change(row: Row) -> Row:
        assert old in row[column], row[column]
        return row | {column: row[column].replace(old, new, 1)}

    return change


def part(column: str, place: int, new: str | None) -> Callable[[Row], Row]:
    """Replace one part of a value, or take it out."""

    def change(row: Row) -> Row:
        separator = "|" if column == "harmonic_fingerprint" else " "
        parts = row[column].split(separator)
        parts[place : place + 1] = [] if new is None else [new]
        return row | {column: separator.join(parts)}

    return change


def vector(change: Callable[[list[str]], list[str]], place: int = 1) -> Callable[[Row], Row]:
    """Change the weights of one chord."""

    def edit(row: Row) -> Row:
        parts = row["harmonic_fingerprint"].split("|")
        parts[place] = ",".join(change(parts[place].split(",")))
        return row | {"harmonic_fingerprint": "|".join(parts)}

    return edit


def turned(column: str) -> Callable[[Row], Row]:
    """Put the parts of a value into the opposite order."""
    separator = "|" if column == "harmonic_fingerprint" else " "
    return lambda row: row | {column: separator.join(row[column].split(separator)[::-1])}


def of_row(other: str, *columns: str) -> Callable[[Row], Row]:
    """Take values of another song; they are filled in by the test."""
    return lambda row: row | dict.fromkeys(columns, f"@{other}")


N, F, C = "roman_numerals", "harmonic_fingerprint", "chords"

DAMAGE: dict[str, tuple[str, Callable[[Row], Row]]] = {
    "a chord of another root": ("rich", swap(C, "Amin", "Bmin")),
    "a chord of another quality": ("plain", swap(C, "Emin", "E")),
    "another bass": ("rich", swap(C, "F/A", "F/C")),
    "a seventh left out": ("rich", swap(C, "G7", "G")),
    "a chord left out of the chords": ("plain", part(C, 1, None)),
    "a chord too many": ("plain", swap(C, "Emin", "Emin Emin")),
    "two chords in the opposite order": ("plain", swap(C, "D Emin", "Emin D")),
    "all chords gone": ("plain", put(chords="")),
    "an unknown token made a chord": ("rich", swap(C, "xx", "D")),
    "a chord made an unknown token": ("rich", swap(C, "Fmin", "Fmim")),
    "a tag renamed in the chords": ("rich", swap(C, "chorus_1", "bridge_1")),
    "a tag renumbered in the chords": ("rich", swap(C, "chorus_1", "chorus_2")),
    "a tag of the chords cut": ("rich", swap(C, "<chorus_1>", "<chorus_1")),
    "chords of another song": ("plain", of_row("minor", C)),
    "another key": ("rich", put(key="G Major")),
    "the parallel key": ("rich", put(key="C Minor")),
    "the relative key": ("minor", put(key="C Major")),
    "a key in unusual spelling": ("rich", put(key="Cb Major")),
    "a key in small letters": ("rich", put(key="c major")),
    "no key": ("rich", put(key="")),
    "No Harmony beside chords": (
        "rich", put(key="No Harmony", roman_numerals="empty", harmonic_fingerprint=""),
    ),
    "Parse Error beside chords": (
        "rich", put(key="Parse Error", roman_numerals="parse_error", harmonic_fingerprint=""),
    ),
    "Parse Error without tokens": ("silent", put(key="Parse Error", roman_numerals="parse_error")),
    "No Harmony beside tokens": ("noise", put(key="No Harmony", roman_numerals="empty")),
    "a key without chords": ("silent", put(key="C Major")),
    "numerals without chords": ("silent", put(roman_numerals="I")),
    "a fingerprint without chords": ("noise", put(harmonic_fingerprint=",".join(["0.083"] * 12))),
    "empty numerals beside a key": ("rich", put(roman_numerals="empty")),
    "another numeral": ("plain", part(N, 1, "IV")),
    "a numeral in the other case": ("plain", part(N, 1, "v")),
    "two numerals run together": ("plain", part(N, 1, "IIIVIV")),
    "a degree that there is not": ("plain", part(N, 1, "IIII")),
    "a numeral with a letter behind it": ("plain", part(N, 1, "Vx")),
    "a seventh added to a numeral": ("plain", part(N, 1, "V7")),
    "a figure of another inversion": ("rich", swap(N, "IV/6", "IV/64")),
    "an applied dominant read as a plain one": ("rich", swap(N, "V7/vi", "III7")),
    "a numeral left out": ("plain", part(N, 1, None)),
    "a numeral doubled": ("plain", part(N, 1, "V V")),
    "two spaces between numerals": ("plain", part(N, 1, "V ")),
    "numerals in the opposite order": ("plain", turned(N)),
    "? for a chord that is known": ("plain", part(N, 1, "?")),
    "a numeral for a chord that is unknown": ("rich", swap(N, "?", "I")),
    "a tag moved among the numerals": ("rich", swap(N, "V7 <chorus_1>", "<chorus_1> V7")),
    "a tag renamed among the numerals": ("rich", swap(N, "chorus_1", "verse_2")),
    "numerals of another song of that length": ("minor", of_row("plain", N)),
    "one numeral in RomanText": ("rich", swap(N, "V7/V ", "V7/V[add9] ")),
    "no numerals": ("rich", put(roman_numerals="")),
    "weights that sum to 2": ("plain", vector(lambda w: [f"{2 * float(x):.3f}" for x in w])),
    "weights of another chord": ("plain", vector(lambda w: w[1:] + w[:1])),
    "weights that differ in the third decimal": ("plain", vector(lambda w: [*w[:2], "0.477", *w[3:]])),
    "all weights 0": ("plain", vector(lambda _: ["0.000"] * 12)),
    "a negative weight": ("plain", vector(lambda w: ["-0.100", *w[1:]])),
    "eleven weights": ("plain", vector(lambda w: w[1:])),
    "two decimals": ("plain", vector(lambda w: [x[:-1] for x in w])),
    "nan for a weight": ("plain", vector(lambda w: ["nan", *w[1:]])),
    "a chord known to the fingerprint alone": ("rich", vector(lambda w: ["0.476", *w[1:]], 9)),
    "a vector left out": ("plain", part(F, 1, None)),
    "vectors in the opposite order": ("plain", turned(F)),
    "a tag moved in the fingerprint": (
        "plain", lambda row: row | {F: "|".join(sorted(row[F].split("|"), reverse=True))},
    ),
    "a tag renamed in the fingerprint": ("plain", swap(F, "<bridge_1>", "<bridge_2>")),
    "a tag lost in the fingerprint": ("plain", swap(F, "<bridge_1>", ",".join(["0.083"] * 12))),
    "no fingerprint": ("plain", put(harmonic_fingerprint="")),
    "a fingerprint cut short": ("plain", lambda row: row | {F: row[F][:200]}),
    "page of another artist": ("rich", put(artist_url=f"https://open.spotify.com/artist/{OTHER}")),
    "page of another track": ("rich", put(song_url=f"https://open.spotify.com/track/{OTHER}")),
    "the artist's page for the track": ("rich", put(song_url=f"https://open.spotify.com/artist/{ARTIST}")),
    "no page beside an id": ("rich", put(artist_url="N/A")),
    "a page without an id": ("plain", put(song_url=f"https://open.spotify.com/track/{OTHER}")),
    "another id": ("rich", put(spotify_song_id=OTHER)),
    "an id cut short": ("rich", put(spotify_artist_id=ARTIST[:-1])),
    "an empty page": ("rich", put(artist_url="")),
    "n/a in small letters": ("plain", put(song_url="n/a")),
    "an empty name": ("rich", put(artist_name="")),
    "a name of spaces": ("rich", put(song_name="  ")),
    "the artist's word for the track": ("plain", put(song_name="Unknown Artist")),
    "the track's word for the artist": ("plain", put(artist_name="Unknown Track")),
    "a sentinel in small letters": ("plain", put(artist_name="unknown artist")),
    "a sentinel with a space": ("plain", put(song_name="Unknown Track ")),
    "an id that another row has": ("plain", put(id="rich")),
    "an empty id": ("plain", put(id="")),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_one_edit_is_found(rows, tmp_path, damage):
    """Any value changed alone contradicts the others; the row is told, and no other."""
    name, change = DAMAGE[damage]
    edited = {
        key: rows[value[1:]][key] if value.startswith("@") else value
        for key, value in change(rows[name]).items()
    }
    assert edited != rows[name]
    report = checked(tmp_path, [edited if row is rows[name] else row for row in rows.values()])
    assert report.bad == 1, damage
    place = 2 + list(rows).index(name)
    assert {example.line for rule in report.broken for example in rule.examples} == {place}


@pytest.mark.parametrize("style", ["house", "romantext"])
def test_what_a_build_writes_is_good(tmp_path, style):
    """In either style of numerals."""
    assert checked(tmp_path, built(tmp_path, style)).bad == 0


def test_the_first_difference_is_told(rows, tmp_path):
    """Which part of a long value is wrong, and what belongs there."""
    report = checked(tmp_path, [part(N, 1, "IV")(rows["plain"])])
    assert [(each.rule, each.examples[0].value) for each in report.broken] == [
        ("roman_numerals.follow_chords", "part 2 is IV, should be V")
    ]
