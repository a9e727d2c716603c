"""The 49 chord categories."""

from __future__ import annotations

import pytest

from etl.chords.categories import CATEGORIES, OTHER, category
from tests.support.chord_songs import analyzed, sample_harmony

NAMES = (
    "I ii iii IV V vi vii° I7 ii7 iii7 IV7 V7 vi7 vii°7 I9 V9 IV9 ii9 "
    "V/ii V/iii V/IV V/V V/vi V7/ii V7/iii V7/IV V7/V V7/vi "
    "i ii° bIII iv v bVI bVII I△7 ii-7 iiø7 IV△7 V7alt bII7 V13 I6 Isus4 Vsus4 Iadd9 vadd9 I(no3) Other"
)


def name(numeral: str, *, minor: bool = False) -> str:
    """Name the category of a numeral."""
    return CATEGORIES[category(numeral, minor=minor)]


def test_there_are_49_in_the_order_of_the_format() -> None:
    """Column order is part of the format."""
    assert " ".join(CATEGORIES) == NAMES
    assert len(set(CATEGORIES)) == 49
    assert CATEGORIES[OTHER] == "Other"


@pytest.mark.parametrize("text", [n for n in CATEGORIES if n not in {"Other", "ii-7", "V7alt"}])
def test_a_category_is_its_own(text: str) -> None:
    """An exact fit in major; in minor too, but for the second degree's seventh."""
    assert name(text) == text
    assert name(text, minor=True) == ("ii-7" if text == "ii7" else text)


@pytest.mark.parametrize(
    ("numeral", "expected"),
    [
        ("ii7", "ii7"),
        ("ii7/65", "ii7"),
        ("ii9", "ii9"),
        ("ii11", "ii9"),
        ("iiø7", "iiø7"),
        ("iiø9", "iiø7"),
        ("iiø11", "iiø7"),
        ("I13", "I9"),
        ("IV11", "IV9"),
        ("V13", "V13"),
        ("V11", "V9"),
        ("iii9", "iii7"),
        ("vi11", "vi7"),
        ("I△9", "I△7"),
        ("I△7#9", "I△7"),
        ("IV△13#11", "IV△7"),
        ("V△7", "V"),
        ("i7", "i"),
        ("i△7", "i"),
        ("i6", "i"),
        ("iv9", "iv"),
        ("v7", "v"),
        ("bIII△7", "bIII"),
        ("bVI9#11", "bVI"),
        ("bVII7", "bVII"),
        ("bII9", "bII7"),
        ("bII", "Other"),
        ("IV6", "IV"),
        ("Vadd11", "V"),
        ("I6add9", "I6"),
        ("I7sus4", "Isus4"),
        ("V7sus4", "Vsus4"),
        ("Vsus2", "Other"),
        ("IVsus4", "Other"),
        ("I7sus4b5", "Isus4"),
        ("V(no3)", "Other"),
        ("I+", "Other"),
        ("V+", "Other"),
        ("viiø7", "vii°"),
        ("vii°9", "vii°7"),
        ("ii°7", "ii°"),
        ("V9/ii", "V7/ii"),
        ("V13b9/V", "V7/V"),
        ("V7/bVI", "Other"),
        ("#IV", "Other"),
        ("bV7", "Other"),
        ("II7", "Other"),
        ("I/6", "I"),
        ("V7/42", "V7"),
        ("IV/^5", "IV"),
        ("I/^b7", "I"),
        ("V/64", "V"),
    ],
)
def test_extensions_are_dropped_until_a_category_fits(numeral: str, expected: str) -> None:
    """The exact fit first, then ever fewer extensions; the bass plays no part; else Other."""
    assert name(numeral) == expected


@pytest.mark.parametrize("numeral", ["V7b9", "V7#9/65", "V11b13", "V13#11", "V+7", "V+9", "V7b9b13", "V9#11"])
def test_altered_dominants(numeral: str) -> None:
    """A dominant with a sharp or flat, in either mode."""
    assert name(numeral) == name(numeral, minor=True) == "V7alt"


@pytest.mark.parametrize(
    "numeral", ["V7", "V9", "V+", "V△7", "Vadd9", "V7sus4", "V7b9/V", "IV7b9", "bVI7#11"]
)
def test_other_chords_are_not_altered_dominants(numeral: str) -> None:
    """Nor are altered chords on other degrees, or applied ones."""
    assert name(numeral) != "V7alt"


def test_the_minor_seventh_on_the_second_degree_goes_by_the_mode() -> None:
    """Diatonic in major, borrowed in minor; its extensions and the half-diminished are the same in both."""
    assert (name("ii7"), name("ii7", minor=True)) == ("ii7", "ii-7")
    assert name("ii7/43", minor=True) == name("ii7b9", minor=True) == "ii-7"
    assert name("ii9", minor=True) == "ii9"
    assert name("iiø7", minor=True) == "iiø7"
    assert name("ii", minor=True) == "ii"


def test_unknown_chords_are_other() -> None:
    """``?`` has a category, a section tag has none."""
    row = analyzed("<verse_1> C H").row(0, named=True)
    assert row["category_counts"][OTHER] == 1
    assert sum(row["category_counts"]) == 2


def test_most_chords_of_the_sample_have_a_category() -> None:
    """Other is the exception on real songs, and no category of the commonest chords is empty."""
    counts = sample_harmony().songs["category_counts"].to_numpy().sum(axis=0)
    assert counts.sum() == 74_005
    assert counts[OTHER] / counts.sum() < 0.1
    common = [CATEGORIES.index(n) for n in ("I", "IV", "V", "vi", "ii", "bVII", "i", "V7", "V7/V", "V7alt")]
    assert (counts[common] > 0).all()
