"""Chord symbols and section tags: the spellings, what they mean, and the way back."""

from __future__ import annotations

import ast
import csv
from itertools import product

import pytest
from hypothesis import given, strategies as st

from etl.chords.symbols import ChordSymbol, parse_chord, parse_section
from etl.music.pitch_classes import note_pitch_class
from etl.music.qualities import QUALITIES, QUALITY_BY_SUFFIX
from tests.support.chord_songs import DATA, NOTES

with (DATA / "chordonomicon" / "chords_mapping.csv").open(encoding="utf-8") as _file:
    MAPPING = {
        row["Chords"]: {pc for pc, has in enumerate(ast.literal_eval(row["Degrees"])) if has}
        for row in csv.DictReader(_file)
    }
with (DATA / "chordonomicon" / "suffixes.csv").open(encoding="utf-8") as _file:
    SUFFIXES = {row["suffix"]: {int(pc) for pc in row["pcs"].split()} for row in csv.DictReader(_file)}

MAPPED_ROOTS = (
    "C",
    "Cs",
    "Db",
    "D",
    "Ds",
    "Eb",
    "E",
    "Es",
    "F",
    "Fs",
    "Gb",
    "G",
    "Gs",
    "Ab",
    "A",
    "As",
    "Bb",
    "B",
)

# The mapping keeps the third beside the suspended note, and gives dim and aug a perfect fifth besides theirs.
SUS_SUFFIXES = (
    *("7sus2", "maj7sus2", "7sus4", "maj7sus4"),
    *("min7sus2", "minmaj7sus2", "min7sus4", "minmaj7sus4"),
    *("dim7sus2", "dimmaj7sus2", "dim7sus4", "dimmaj7sus4"),
    *("aug7sus2", "augmaj7sus2", "aug7sus4", "augmaj7sus4"),
)
# A natural root with b9, b7b9 or b11b9 is spelled like a flat root with 9, 7b9 or 11b9. The mapping means the
# first, we read the second, as people write it.
AMBIGUOUS = (
    *("Cb9", "Db9", "Eb9", "Fb9", "Gb9", "Ab9", "Bb9"),
    *("Cb7b9", "Db7b9", "Eb7b9", "Fb7b9", "Gb7b9", "Ab7b9", "Bb7b9"),
    *("Cb11b9", "Db11b9", "Eb11b9", "Fb11b9", "Gb11b9", "Ab11b9", "Bb11b9"),
)

symbols = st.builds(
    ChordSymbol,
    st.sampled_from(NOTES),
    st.sampled_from(list(QUALITY_BY_SUFFIX.values())),
    st.sampled_from(("", *NOTES)),
)


def test_all_mapped_symbols_have_the_mapped_pitch_classes() -> None:
    """All 2,793 symbols but 288 suspended and 21 ambiguous ones, neither more nor less."""
    parsed = {symbol: parse_chord(symbol) for symbol in MAPPING}
    assert len(parsed) == 2793
    assert [symbol for symbol, chord in parsed.items() if chord is None] == []
    differing = {
        symbol for symbol, pcs in MAPPING.items() if (c := parsed[symbol]) and c.pitch_classes != pcs
    }
    suspended = {root + suffix for root, suffix in product(MAPPED_ROOTS, SUS_SUFFIXES)}
    assert differing == suspended | set(AMBIGUOUS)


@pytest.mark.parametrize("symbol", AMBIGUOUS)
def test_a_flat_root_wins_where_the_rest_is_a_suffix(symbol: str) -> None:
    """``Bb9`` is B flat 9, though the mapping has B with a flat 9 there."""
    chord = parse_chord(symbol)
    assert chord is not None
    assert (chord.root, chord.quality.suffix) == (symbol[:2], symbol[2:])
    natural = QUALITY_BY_SUFFIX[symbol[1:]]
    assert ChordSymbol(symbol[0], natural).pitch_classes == MAPPING[symbol]


def test_suffixes_mean_what_the_table_says() -> None:
    """All 157 suffixes, the suspended ones without their third."""
    assert {name: quality.pitch_classes for name, quality in QUALITY_BY_SUFFIX.items()} == SUFFIXES
    assert list(QUALITY_BY_SUFFIX.values()) == list(QUALITIES[:157])
    assert [quality.index for quality in QUALITIES] == list(range(len(QUALITIES)))


@pytest.mark.parametrize(
    ("token", "root", "suffix", "bass"),
    [
        ("Csus4", "C", "sus4", ""),
        ("Cssus4", "Cs", "sus4", ""),
        ("Cssus2/Gs", "Cs", "sus2", "Gs"),
        ("Cs", "Cs", "", ""),
        ("Bb9", "Bb", "9", ""),
        ("Bb7", "Bb", "7", ""),
        ("Bbb9", "Bb", "b9", ""),
        ("Bb79", "B", "b79", ""),
        ("Bb711b9", "B", "b711b9", ""),
        ("Bsb9", "Bs", "b9", ""),
        ("Cb", "Cb", "", ""),
        ("Fb7", "Fb", "7", ""),
        ("Esmin", "Es", "min", ""),
        ("Bsdimb7", "Bs", "dimb7", ""),
        ("C♯min7/G♯", "Cs", "min7", "Gs"),
        ("E♭maj7/B♭", "Eb", "maj7", "Bb"),
        ("F#/A#", "Fs", "", "As"),
        ("C#sus4", "Cs", "sus4", ""),
        ("C11#", "C", "11s", ""),
        ("C/Cb", "C", "", "Cb"),
        ("Amaj9sus4", "A", "maj9sus4", ""),
    ],
)
def test_grammar(token: str, root: str, suffix: str, bass: str) -> None:
    """Root, suffix and bass of spellings that could be read otherwise."""
    chord = parse_chord(token)
    assert chord is not None
    assert (chord.root, chord.quality.suffix, chord.bass) == (root, suffix, bass)


@pytest.mark.parametrize(
    "token",
    [
        *(
            "Cs/",
            "sC",
            '"G/',
            '"',
            "C/",
            "/C",
            "C//G",
            "C/G/E",
            "C/H",
            "C/gs",
            "C/Gss",
            "C/G7",
            "c",
            "cmin",
            "H",
        ),
        *(
            "Css",
            "Cbb",
            "C##",
            "Cm",
            "Cmajor",
            "Cmaj",
            "C6",
            "Csus",
            "C5",
            "CMIN",
            "C79",
            "C713",
            "Amin ",
            " A",
            "N",
            "",
            "s",
            "b",
        ),
        *("<verse_1>", "C\n", "С", "C7\u200b", "?"),  # noqa: RUF001 - a Cyrillic letter
    ],
)
def test_what_is_no_symbol_is_unknown(token: str) -> None:
    """Nothing is guessed, not even where a person would."""
    assert parse_chord(token) is None


def test_half_and_fully_diminished_sevenths_follow_the_data_set() -> None:
    """``dim7`` is half-diminished, ``dimb7`` diminished, ``add13`` a sixth, ``no3d`` a power chord."""
    found = {suffix: QUALITY_BY_SUFFIX[suffix].pitch_classes for suffix in ("dim7", "dimb7", "add13", "no3d")}
    assert found == {"dim7": {0, 3, 6, 10}, "dimb7": {0, 3, 6, 9}, "add13": {0, 4, 7, 9}, "no3d": {0, 7}}


@given(symbols)
def test_a_spelled_symbol_parses_back(symbol: ChordSymbol) -> None:
    """Any of 21 roots with any suffix over any bass; of natural roots with 3 suffixes the flat root wins."""
    chord = parse_chord(str(symbol))
    if str(ChordSymbol(symbol.root, symbol.quality)) in AMBIGUOUS and len(symbol.root) == 1:
        symbol = ChordSymbol(symbol.root + "b", QUALITY_BY_SUFFIX[symbol.quality.suffix[1:]], symbol.bass)
    assert chord == symbol


def test_every_root_and_suffix_parses_back() -> None:
    """All 21 times 157 of them, without a bass."""
    for root, quality in product(NOTES, QUALITY_BY_SUFFIX.values()):
        symbol = ChordSymbol(root, quality)
        assert parse_chord(str(symbol)) == symbol or (str(symbol) in AMBIGUOUS and len(root) == 1)


@given(symbols)
def test_enharmonic_symbols_sound_the_same(symbol: ChordSymbol) -> None:
    """Other names for root and bass change neither pitch classes nor bass."""
    for flats in (False, True):
        other = symbol.transposed(0, flats=flats)
        assert other.pitch_classes == symbol.pitch_classes
        assert (other.root_pc, other.bass_pc) == (symbol.root_pc, symbol.bass_pc)


@given(symbols, st.integers(-24, 24), st.integers(-24, 24), st.booleans())
def test_transposition_moves_every_note_alike(
    symbol: ChordSymbol, first: int, second: int, flats: bool
) -> None:
    """Pitch classes and bass move together, and two steps are one."""
    moved = symbol.transposed(first, flats=flats)
    assert moved.pitch_classes == {(pc + first) % 12 for pc in symbol.pitch_classes}
    assert moved.bass_pc == (symbol.bass_pc + first) % 12
    assert bool(moved.bass) == bool(symbol.bass)
    assert moved.transposed(second, flats=flats) == symbol.transposed(first + second, flats=flats)


@given(symbols)
def test_signs_may_be_written_with_ascii_or_music_characters(symbol: ChordSymbol) -> None:
    """``s # ♯`` and ``b ♭`` are the same."""

    def respelled(sharp: str, flat: str) -> str:
        names = [name.replace("s", sharp).replace("b", flat) for name in (symbol.root, symbol.bass)]
        return names[0] + symbol.quality.suffix + (f"/{names[1]}" if symbol.bass else "")

    assert parse_chord(respelled("♯", "♭")) == parse_chord(respelled("#", "b")) == parse_chord(str(symbol))


@given(st.text(alphabet="ABCGsb♯♭#/7913majindusg4 <_>", max_size=10))
def test_any_text_parses_or_is_unknown(text: str) -> None:
    """Whatever parses is spelled canonically from then on."""
    chord = parse_chord(text)
    if chord is not None:
        assert parse_chord(str(chord)) == chord


@pytest.mark.parametrize(("name", "pc"), [("Cb", 11), ("Fb", 4), ("Es", 5), ("Bs", 0), ("F#", 6), ("Bb", 10)])
def test_note_pitch_class(name: str, pc: int) -> None:
    """Notes beyond the piano's usual names wrap round the octave."""
    assert note_pitch_class(name) == pc


@pytest.mark.parametrize(
    ("tag", "section"),
    [
        ("<verse_1>", ("verse", 1)),
        ("<chorus_12>", ("chorus", 12)),
        ("<intro_riff_2>", ("intro_riff", 2)),
        ("<pre-chorus_1>", ("pre-chorus", 1)),
        *(
            (tag, None)
            for tag in ("<verse>", "<verse_>", "<_1>", "<1_1>", "verse_1", "<verse_1", "<verse_1>x")
        ),
        *((tag, None) for tag in ("<>", "C", "", "<verse 1>", "<verse_1 >", "<verse_-1>", "<verse_1234567>")),
    ],
)
def test_section_tags(tag: str, section: tuple[str, int] | None) -> None:
    """A name, an underscore and a number in angle brackets; the last underscore parts them."""
    assert parse_section(tag) == section
