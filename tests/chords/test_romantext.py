"""RomanText spelling: music21 reads every numeral back as the chord it was written for."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import polars as pl
import pytest
from music21 import key as m21_key, roman

from etl.chords.analysis import analyze
from etl.chords.glossary import Glossary
from etl.chords.keys import KeyMethod, with_key
from etl.chords.numerals import numeral
from etl.chords.ragged import Ragged
from etl.chords.readings import with_readings
from etl.chords.romantext import RomanStyle, romantext, styled
from etl.chords.symbols import ChordSymbol, parse_chord
from etl.chords.tokens import tokenize
from etl.music.keys import MAJOR_TONICS, MINOR_TONICS
from etl.music.qualities import QUALITY_BY_SUFFIX
from tests.support.chord_songs import written
from tests.support.reference import needs_reference, reference


def music21_key(key: int) -> m21_key.Key:
    """Spell a key as music21 does: ``-`` for flat, small letters for minor."""
    tonic = (*MAJOR_TONICS, *MINOR_TONICS)[key].replace("b", "-")
    return m21_key.Key(tonic if key < 12 else tonic.lower())


KEYS = [music21_key(key) for key in range(24)]


def check(pairs: set[tuple[str, int, bool]]) -> None:
    """Write each (symbol, key, applied), read it with music21, compare the pitch classes."""
    wrong = []
    for symbol, key, applied in sorted(pairs):
        chord = parse_chord(symbol)
        assert chord
        text = romantext(numeral(chord, key, applied=applied), minor=key >= 12)
        read = {pitch.pitchClass for pitch in roman.RomanNumeral(text, KEYS[key]).pitches}
        if read != set(chord.pitch_classes):
            wrong.append((symbol, key, text))
    assert not wrong


def occurring_pairs(chords: pl.Series) -> set[tuple[str, int, bool]]:
    """Distinct (symbol, key, applied) of a corpus."""
    tokens, vocabulary = tokenize(chords)
    read = pl.LazyFrame({"tokens": tokens}).pipe(with_key, vocabulary).pipe(with_readings, vocabulary)
    pairs = set()
    for reading in read.collect()["readings"].explode().drop_nulls().unique().to_list():
        context, token = divmod(reading, len(vocabulary.texts))
        applied, key = divmod(context, 24)
        if parse_chord(vocabulary.texts[token]):
            pairs.add((vocabulary.texts[token], key, bool(applied)))
    return pairs


def test_every_pair_of_key_and_symbol_in_billboard_is_read_back():
    """All pairs that occur in the bundled songs keep their pitch classes."""
    with files("etl").joinpath("sample", "billboard_chordonomicon.csv").open("rb") as file:
        pairs = occurring_pairs(pl.read_csv(file)["chords"])
    assert len(pairs) > 2000
    check(pairs)


@needs_reference("rs200")
def test_every_pair_of_key_and_symbol_in_rs200_is_read_back():
    """And those of another corpus."""
    check(occurring_pairs(pl.read_csv(reference("rs200/rs200_chordonomicon.csv"))["chords"]))


@pytest.mark.parametrize("key", [0, 12])
def test_every_quality_on_every_degree_is_read_back(key):
    """All 157 qualities over all twelve roots, in major and in minor."""
    check(
        {
            (str(ChordSymbol("C", quality).transposed(root)), key, False)
            for quality in QUALITY_BY_SUFFIX.values()
            for root in range(12)
        }
    )


@pytest.mark.parametrize(
    ("house", "minor", "text"),
    [
        ("V7", True, "V7"),
        ("I7", False, "Id7"),
        ("bVII", False, "bVII"),
        ("bVII", True, "VII"),
        ("bIII/6", True, "III6"),
        ("viiø7/65", False, "viiø65"),
        ("iv/^2", False, "iv"),
        ("V7/vi", False, "V7/vi"),
        ("V/bVI", True, "V/VI"),
        ("vii°7/V", False, "viio7/V"),
        ("viiø7/iv", True, "viiø7/iv"),
        ("Vsus4", False, "V[no3][add11]"),
        ("?", False, "?"),
    ],
)
def test_spelling(house, minor, text):
    """The spelling that analysts would write, where there is one."""
    assert romantext(house, minor=minor) == text


def test_tags_and_unknown_chords_stay_in_texts():
    """A styled text keeps section tags and question marks where they stand."""
    songs = pl.DataFrame({"chords": ["<verse_1> Amin F E7 ? <chorus_1> Amin", "C Cmaj7/E F G C", None]})
    harmony = analyze(songs, method=KeyMethod.TRAINED)
    assert written(harmony, RomanStyle.ROMANTEXT)["roman_numerals"].to_list() == [
        "<verse_1> i VI V7 ? <chorus_1> i",
        "I I65 IV V I",
        "empty",
    ]


def test_the_house_style_is_left_alone():
    """Nothing is copied where there is nothing to do."""
    numerals, texts = Ragged(np.array([0, 1]), np.array([0, 2])), ["I", "bVI"]
    assert styled(numerals, np.array([15]), texts, RomanStyle.HOUSE, Glossary()) == (numerals, texts)
