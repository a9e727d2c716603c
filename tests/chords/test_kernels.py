"""Compiled loops against plain ones."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.chords.key_counts import chord_places, key_features
from etl.chords.key_model import WEIGHT_UNIT, trained_model
from etl.chords.lexicon import Lexicon
from etl.chords.ragged import Ragged
from etl.chords.symbols import parse_section
from etl.chords.tokens import tokenize
from etl.chords.word_kernel import number_words
from etl.exports.line_kernel import complete_lines, field_bytes
from etl.exports.npz import section_of_chord
from etl.runtime.jit.plain import COPY_STEP
from etl.sources.chords.seen_ids import SeenIds
from tests.support.chord_songs import harmony, sample, songs

words = st.text(st.sampled_from("ABab1</>♯\0"), min_size=1, max_size=10)
spaces = st.text(st.sampled_from(" \t\n\r"), min_size=1, max_size=3)
rows = st.lists(
    st.lists(st.tuples(words, spaces), max_size=8).map(lambda parts: "".join(w + s for w, s in parts))
)


def numbered(texts: list[str], secret: int = 0x9E3779B97F4A7C15) -> tuple[list[list[int]], list[str]]:
    """Give the words of each row by number, and the distinct words."""
    encoded = [text.encode() for text in texts]
    joined = np.frombuffer(b"".join(encoded), np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)])
    offsets.flags.writeable = False
    found, ends, spans = number_words(joined, offsets, np.uint64(secret))
    distinct = [joined[start:end].tobytes().decode() for start, end in spans.tolist()]
    return [found[a:b].tolist() for a, b in pairwise(ends)], distinct


@settings(max_examples=200, deadline=None)
@given(rows)
def test_words_are_numbered_as_they_first_appear(texts: list[str]) -> None:
    """Short and long words, letters of several bytes, zeros, any white space between."""
    order: dict[str, int] = {}
    expected = [[order.setdefault(word, len(order)) for word in text.split()] for text in texts]
    assert numbered(texts) == (expected, list(order))


@pytest.mark.parametrize("secret", [1, 1 << 40 | 1])
def test_words_whose_places_collide_are_told_apart(secret: int) -> None:
    """A poor secret sends most words to one place, and the table grows several times."""
    texts = [
        " ".join(f"{n}{'x' * (n % 12)}" for n in range(start, start + 700)) for start in range(0, 7000, 350)
    ]
    order: dict[str, int] = {}
    expected = [[order.setdefault(word, len(order)) for word in text.split()] for text in texts]
    assert numbered(texts, secret) == (expected, list(order))


def assert_scores_are_those_of_the_features(chords: pl.Series) -> None:
    """Compare the compiled scores with features times weights."""
    tokens, vocabulary = tokenize(chords)
    ragged, model = Ragged.from_series(tokens), trained_model()
    scores = np.zeros((ragged.rows, 24))
    for group, features in key_features(ragged, vocabulary).items():
        table = model.tables[group].astype(features.counts.dtype)
        scores += (features.counts @ table) / features.divisors[:, None]
    chords_in_rows = np.diff(np.searchsorted(chord_places(ragged, vocabulary), ragged.offsets))
    scale = WEIGHT_UNIT / model.temperatures(chords_in_rows)
    expected = np.round(scores * scale[:, None], 9)
    np.testing.assert_array_equal(model.logits(ragged, vocabulary), expected)


def test_key_scores_of_real_songs_are_those_of_their_features() -> None:
    """Every bundled song, to the last bit."""
    assert_scores_are_those_of_the_features(sample()["chords"])


@settings(max_examples=100, deadline=None)
@given(st.lists(songs, min_size=1, max_size=5))
def test_key_scores_are_those_of_the_features(batch: list[str]) -> None:
    """Section tags anywhere, unknown tokens, songs without chords."""
    assert_scores_are_those_of_the_features(pl.Series(batch, dtype=pl.String))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from('abcdefgh",\n\r'), max_size=20),
            st.lists(st.integers(0, 3), max_size=5),
            st.lists(st.integers(0, 2), max_size=5),
        ),
        max_size=6,
    )
)
def test_lines_get_both_fields(lines: list[tuple[str, list[int], list[int]]]) -> None:
    """Whatever quotes, commas and line ends the fields before them hold."""
    left, right = ("I", "", "bVI/^2", "?"), ("0.238,0.1" * 9, "<verse_1>", "♯")
    head = pl.DataFrame({"n": range(len(lines)), "text": [text for text, _, _ in lines]})
    written = head.write_csv(include_header=False, line_terminator="\n").encode()

    def field(values: list[list[int]], texts: tuple[str, ...]):
        encoded = [text.encode() for text in texts]
        ids = Ragged.from_series(pl.Series(values, dtype=pl.List(pl.Int32)))
        ends = np.cumsum([0, *map(len, encoded)])
        return ids.values, ids.offsets, np.frombuffer(b"".join([*encoded, bytes(COPY_STEP)]), np.uint8), ends

    numerals = field([row for _, row, _ in lines], left)
    fingerprints = field([row for _, _, row in lines], right)
    room = len(written) + field_bytes(numerals) + field_bytes(fingerprints) + 4 * len(lines)
    out = np.empty(room + COPY_STEP, np.uint8)
    size = complete_lines(np.frombuffer(written, np.uint8), numerals, fingerprints, out)
    found = list(csv.reader(io.StringIO(out[:size].tobytes().decode(), newline="")))
    assert found == [
        [str(n), text, " ".join(left[v] for v in a), "|".join(right[v] for v in b)]
        for n, (text, a, b) in enumerate(lines)
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(songs, min_size=1, max_size=5))
def test_tags_are_parted_from_chords_and_open_until_the_next(batch: list[str]) -> None:
    """Each chord belongs to the last tag before it in its song; the rest is as it was."""
    encoded = Lexicon().encode(harmony(*batch))
    chords = Ragged.from_series(encoded["chord_ids"])
    order: dict[str, int] = {}
    tags: dict[str, int] = {}
    opened, ids = [], []
    for song in batch:
        current = -1
        for word in song.split():
            if parse_section(word):
                current = tags.setdefault(word, len(tags))
            else:
                ids.append(order.setdefault(word, len(order)))
                opened.append(current)
    assert chords.values.tolist() == ids
    assert section_of_chord(encoded, chords).tolist() == opened


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), unique=True), max_size=8))
def test_ids_are_remembered_over_all_blocks(blocks: list[list[int]]) -> None:
    """However many there are, and also when many are repeated."""
    seen, known = SeenIds(), set()
    for block in blocks:
        repeated = seen.repeated(pl.Series([str(number) for number in block], dtype=pl.String))
        expected = [number in known for number in block]
        assert (repeated.to_list() if repeated is not None else [False] * len(block)) == expected
        known.update(block)


def test_a_great_many_ids_are_remembered() -> None:
    """The table grows."""
    seen = SeenIds()
    for start in range(0, 300_000, 50_000):
        assert seen.repeated(pl.int_range(start, start + 50_000, eager=True).cast(pl.String)) is None
    again = seen.repeated(pl.Series(["299999", "300000", "0"]))
    assert again is not None
    assert again.to_list() == [True, False, True]
