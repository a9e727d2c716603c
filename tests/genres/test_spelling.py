"""The two forms by which spellings of tags are compared: letters, and words in the singular."""

from __future__ import annotations

import polars as pl
import pytest

from etl.genres.normalize import normalized
from etl.genres.spelling import letters, tidied, words
from etl.genres.vocabulary import read_vocabulary

SAME = {"alt": "alternative", "dnb": "drum bass"}


def one(form: pl.Expr, tag: str) -> str:
    """Give a form of a tag."""
    return str(pl.DataFrame({"tag": [tag]}).select(form).item())


@pytest.mark.parametrize(
    ("tag", "folded"),
    [
        ("Ballads", "ballad"), ("ballad", "ballad"), ("pops", "pop"), ("duos", "duo"), ("80s", "80s"),
        ("gas", "gas"), ("bass", "bass"), ("brass bands", "band brass"), ("bliss", "bliss"), ("s", "s"),
        ("Songs of the Blues", "blue"), ("Rock Music", "rock"), ("musique concrète", "concrete"),
        ("Pop Rock Pop", "pop rock"), ("rock, pop", "pop rock"), ("alt-rock", "alternative rock"),
        ("DnB", "bass drum"), ("Drum&Bass", "bass drum"), ("the", ""), ("!!!", ""),
    ],
)  # fmt: skip
def test_words_are_in_order_in_the_singular_and_none_says_nothing(tag: str, folded: str) -> None:
    """An s goes from words of four letters on, never one of two; a word that stands for others is those."""
    assert one(words(pl.col("tag"), SAME), tag) == folded


@pytest.mark.parametrize(
    ("tag", "folded"),
    [
        ("Hip-Hop", "hiphop"), ("HIP HOP!", "hiphop"), ("Schlager & Volksmusik", "schlagerandvolksmusik"),
        ("rock'n'roll", "rockandroll"), ("Rock \u00b4n\u00b4 Roll", "rockandroll"),
        ("Großstadt", "grossstadt"),
        ("Søul", "soul"), ("Halk Müziği", "halkmuzigi"), ("\u0131I\u0130", "iii"), ("Ελληνικά", "ελληνικα"),
        ("ガレージ", "ガレージ"), ("हिन्दी", "हिन्दी"), ("2-Step", "2step"), ("R&amp;B", "randb"),
        ("cafe\u0301", "cafe"), ("a\u200bb", "ab"), ("", ""),
    ],
)  # fmt: skip
def test_letters_have_no_case_accents_or_blanks_but_the_marks_of_their_script(tag: str, folded: str) -> None:
    """Latin, Greek and Cyrillic lose accents; marks of other scripts are part of the letters."""
    assert one(letters(pl.col("tag")), tag) == folded


def test_what_cannot_be_seen_goes_and_accents_stay_in_a_tidied_tag() -> None:
    """Escapes of a web page, control characters, blanks of any kind and number."""
    assert one(tidied(pl.col("tag")), " Drum &amp;\u00a0\t\u200bBa\x00ss\n") == "drum & ba ss"
    assert one(tidied(pl.col("tag")), "Cafe\u0301") == "café"
    assert one(tidied(pl.col("tag")), "&quot;Rock&#39;n&apos;Roll&quot; &#38; Pop") == "\"rock'n'roll\" & pop"


def test_a_tag_of_a_hundred_letters_or_five_words_is_one_and_longer_ones_are_sentences() -> None:
    """Whoever wrote it."""
    vocabulary = read_vocabulary("genres: {rock: {}}")
    tags = ["x" * 100, "x" * 101, "aa bb cc dd ee", "aa bb cc dd ee ff"]
    found = dict(normalized(pl.Series(tags), vocabulary).select("raw", "reason").iter_rows())
    assert [found[tag] for tag in tags] == [None, "sentence", None, "sentence"]
