"""Numbers for the symbols, numerals and tags of a whole build."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings, strategies as st

from etl.chords.categories import CATEGORIES
from etl.chords.lexicon import Lexicon
from etl.chords.symbols import parse_chord, parse_section
from tests.support.chord_songs import harmony, sample, songs, written


def spelled(lexicon: Lexicon, row: dict[str, list[int]]) -> list[str]:
    """Write a song out again from its numbers."""
    chords = lexicon.chord_table()["symbol"]
    tags = lexicon.section_table()["tag"]
    words: list[str] = []
    starts = list(zip(row["section_starts"], row["section_ids"], strict=True))
    for position in range(len(row["chord_ids"]) + 1):
        words += [tags[tag] for start, tag in starts if start == position]
        words += [chords[row["chord_ids"][position]]] if position < len(row["chord_ids"]) else []
    return words


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(songs, max_size=3), min_size=1, max_size=3))
def test_numbers_spell_the_songs(batches: list[list[str]]) -> None:
    """Over several batches, tags in their place, and numerals beside the chords."""
    lexicon = Lexicon()
    analyzed = [harmony(*batch) for batch in batches]
    encoded = [lexicon.encode(batch).with_columns(written(batch)["roman_numerals"]) for batch in analyzed]
    numerals = lexicon.numeral_table()["numeral"]
    for batch, frame in zip(batches, encoded, strict=True):
        for song, row in zip(batch, frame.iter_rows(named=True), strict=True):
            assert spelled(lexicon, row) == song.split()
            assert len(row["numeral_ids"]) == len(row["chord_ids"])
            if row["n_chords"]:
                words = [w for w in row["roman_numerals"].split(" ") if not parse_section(w)]
                assert [numerals[n] for n in row["numeral_ids"]] == words


def test_numbers_depend_on_the_songs_not_on_the_batches() -> None:
    """One batch or many: the same numbers in the same tables."""
    chords = sample()["chords"][:60].to_list()
    whole, parts = Lexicon(), Lexicon()
    columns = ["chord_ids", "numeral_ids", "section_starts", "section_ids"]
    together = whole.encode(harmony(*chords))
    apart = pl.concat([parts.encode(harmony(*chords[i : i + 11])) for i in range(0, 60, 11)])
    assert together.select("chord_ids", "section_starts", "section_ids").equals(
        apart.select("chord_ids", "section_starts", "section_ids")
    )
    assert whole.chord_table().equals(parts.chord_table())
    assert whole.section_table().equals(parts.section_table())
    for lexicon, frame in ((whole, together), (parts, apart)):
        assert frame.select(columns).null_count().sum_horizontal().item() == 0
        assert lexicon.numeral_table()["numeral_id"].to_list() == list(range(len(lexicon.numerals)))
    texts = [
        [lexicon.numeral_table()["numeral"][n] for n in song]
        for lexicon, frame in ((whole, together), (parts, apart))
        for song in frame["numeral_ids"][:60]
    ]
    assert texts[:60] == texts[60:]


def test_the_chord_table_says_what_symbols_mean() -> None:
    """Known symbols have root, quality, bass and notes; unknown tokens have nulls."""
    lexicon = Lexicon()
    lexicon.encode(harmony("<verse_1> Csmin7/Gs H C <verse_1> Csmin7/Gs"))
    table = lexicon.chord_table()
    assert table["chord_id"].to_list() == [0, 1, 2]
    assert table["symbol"].to_list() == ["Csmin7/Gs", "H", "C"]
    first = table.row(0, named=True)
    chord = parse_chord("Csmin7/Gs")
    assert chord is not None
    assert (first["root_pc"], first["quality"], first["bass_pc"]) == (1, "min7", 8)
    assert first["pitch_classes"] == sorted(chord.pitch_classes)
    unknown = table.row(1, named=True)
    assert not unknown.pop("is_known")
    assert {name for name, value in unknown.items() if value is None} == {*unknown} - {
        "chord_id",
        "symbol",
        "notation",
    }


def test_the_other_tables() -> None:
    """Numerals carry their category, tags their name and number; each stands once."""
    lexicon = Lexicon()
    lexicon.encode(harmony("<intro_riff_2> C F G7 C H <verse_1> C"))
    assert lexicon.numeral_table().rows() == [
        (0, "I", "I"),
        (1, "IV", "IV"),
        (2, "V7", "V7"),
        (3, "?", "Other"),
    ]
    assert lexicon.section_table().rows() == [
        (0, "<intro_riff_2>", "intro_riff", 2),
        (1, "<verse_1>", "verse", 1),
    ]
    assert set(lexicon.numeral_table()["category"]) <= set(CATEGORIES)


def test_an_empty_lexicon_has_tables_of_the_right_types() -> None:
    """A build without a song writes empty tables."""
    empty, full = Lexicon(), Lexicon()
    full.encode(harmony("<verse_1> C"))
    empty.encode(harmony())
    for name in ("chord_table", "numeral_table", "section_table"):
        assert getattr(empty, name)().height == 0
        assert getattr(empty, name)().schema == getattr(full, name)().schema
