"""Chord strings to token ids."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.chords.tokens import tokenize
from tests.support.chord_songs import songs


def words(*chords: str | None) -> list[list[str]]:
    """Tokenise songs and spell the tokens out again."""
    tokens, vocabulary = tokenize(pl.Series(chords, dtype=pl.String))
    assert tokens.dtype == pl.List(pl.Int32)
    assert len(set(vocabulary.texts)) == len(vocabulary.texts)
    return [[vocabulary.texts[token] for token in song] for song in tokens.to_list()]


@pytest.mark.parametrize(
    "song",
    [
        "C  G   C",
        " C G C",
        "C G C ",
        "C\tG\tC",
        "\t C\tG C",  # the tab that is a word and the word with a tab even each other out in a count
        "C\r\nG\nC",
        "C\u00a0G\u2003C",
        "\t\t C \t G\u3000 C\n",
    ],
)
def test_any_white_space_separates_tokens(song: str) -> None:
    """Doubled spaces, tabs, line breaks and other blanks make no token of their own."""
    assert words(song) == [["C", "G", "C"]]


def test_songs_without_tokens_are_empty_lists() -> None:
    """Null, empty and blank songs keep their place."""
    assert words(None, "C", "", "   ", "\t", "G") == [[], ["C"], [], [], [], ["G"]]
    assert words() == []
    assert words(None) == [[]]


def test_vocabulary_is_in_order_of_first_appearance() -> None:
    """The ids depend on the songs alone."""
    _, vocabulary = tokenize(pl.Series(["G  C G", "<verse_1> C D"]))
    assert vocabulary.texts == ["G", "C", "<verse_1>", "D"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.none(), songs, st.text(alphabet="CGs \t\n\u00a0\0\1♯", max_size=24)), max_size=6)
)
def test_tokens_are_those_of_a_plain_split(batch: list[str | None]) -> None:
    """Whatever else is in the batch, a song is split as ``str.split`` splits it."""
    assert words(*batch) == [(song or "").split() for song in batch]
