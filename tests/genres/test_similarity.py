"""How near genres are: against the formulas written out, and whatever the order."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse

from etl.genres.similarity import FIRST, PARENT, SECOND, TERMS, WORDS, genre_similarity
from etl.genres.vectors import near_matrix, parents_matrix, smoothed
from etl.genres.vocabulary import read_vocabulary

VOCABULARY = read_vocabulary(
    "genres: {rock: {}, art rock: {of: [rock]}, punk rock: {of: [rock]}, dub: {}, techno: {}}"
)
NAMES = ["rock", "art rock", "punk rock", "dub", "techno", "dub techno"]

items_of = st.lists(st.sets(st.integers(0, len(NAMES) - 1), max_size=4), min_size=1, max_size=25)


def matrix(items: list[set[int]]) -> sparse.csr_array:
    """Put items in rows."""
    table = np.zeros((len(items), len(NAMES)), np.float32)
    for row, genres in enumerate(items):
        table[row, list(genres)] = 0.5
    return sparse.csr_array(table)


def written_out(items: list[set[int]]) -> dict[tuple[str, str], dict[str, float]]:
    """All terms of all pairs, by their definitions."""
    number, size = len(items), len(NAMES)
    count = [sum(g in genres for genres in items) for g in range(size)]
    ppmi = np.zeros((size, size))
    terms: dict[tuple[int, int], dict[str, float]] = {}
    for a, b in combinations(range(size), 2):
        both = sum(a in genres and b in genres for genres in items)
        first = 0.0
        if both:
            information = math.log(both * number / (count[a] * count[b]))
            first = max(0.0, information / -math.log(both / number)) if both < number else 1.0
            ppmi[a, b] = ppmi[b, a] = max(0.0, information)
        words = [set(NAMES[x].split()) for x in (a, b)]
        above = [set(VOCABULARY.direct_parents(NAMES[x])) for x in (a, b)]
        related = above[0] & above[1] or NAMES[a] in above[1] or NAMES[b] in above[0]
        terms[a, b] = {
            "first": first,
            "words": len(words[0] & words[1]) / len(words[0] | words[1]),
            "parent": float(bool(related)),
            "jaccard": both / union if (union := count[a] + count[b] - both) else 0.0,
        }
    for (a, b), term in terms.items():
        lengths = np.linalg.norm(ppmi[a]) * np.linalg.norm(ppmi[b])
        term["second"] = float(ppmi[a] @ ppmi[b] / lengths) if lengths else 0.0
        total = (
            FIRST * term["first"] + SECOND * term["second"] + WORDS * term["words"] + PARENT * term["parent"]
        )
        term["weight"] = total / (FIRST + SECOND + WORDS + PARENT)
    return {tuple(sorted((NAMES[a], NAMES[b]))): term for (a, b), term in terms.items()}  # type: ignore[misc]


@settings(max_examples=60)
@given(items_of)
def test_terms_are_those_of_their_definitions(items: list[set[int]]) -> None:
    """Every pair that has anything in common is there, with all terms."""
    expected = {pair: terms for pair, terms in written_out(items).items() if terms["weight"] > 0}
    pairs = genre_similarity(matrix(items), NAMES, VOCABULARY)
    assert [(row["a"], row["b"]) for row in pairs.iter_rows(named=True)] == sorted(expected)
    for row in pairs.iter_rows(named=True):
        for term in TERMS:
            assert row[term] == pytest.approx(expected[row["a"], row["b"]][term], abs=1e-4)


@settings(max_examples=30)
@given(items_of, st.permutations(range(len(NAMES))), st.randoms())
def test_order_of_items_and_genres_does_not_matter(items: list[set[int]], order: list[int], random) -> None:
    """The same pairs with the same terms."""
    shuffled = random.sample(items, len(items))
    columns: sparse.csr_array = sparse.csr_array(matrix(shuffled).toarray()[:, order])
    other = genre_similarity(columns, [NAMES[at] for at in order], VOCABULARY)
    assert other.equals(genre_similarity(matrix(items), NAMES, VOCABULARY))


def test_pairs_are_kept_that_are_near_to_either() -> None:
    """With one neighbour each: a rare genre keeps its own even if that has a nearer one."""
    items = matrix([{0, 1}, {0, 1}, {0, 1}, {1, 3}, {2}, {4}])
    pairs = genre_similarity(items, NAMES, VOCABULARY, neighbours=1)
    assert {("art rock", "rock"), ("dub", "rock")} <= set(pairs.select("a", "b").rows())
    assert pairs.height < len(NAMES)


@pytest.mark.parametrize("shape", [(0, len(NAMES)), (3, len(NAMES))])
def test_without_items_only_names_and_parents_are_near(shape: tuple[int, int]) -> None:
    """No number is infinite or missing."""
    pairs = genre_similarity(sparse.csr_array(np.zeros(shape, np.float32)), NAMES, VOCABULARY)
    assert pairs.filter(pl.any_horizontal(pl.col(*TERMS).is_nan() | pl.col(*TERMS).is_infinite())).is_empty()
    assert set(pairs["first"]) == {0.0}


def test_no_genres_have_no_pairs() -> None:
    """An empty library is no error."""
    assert genre_similarity(sparse.csr_array(np.zeros((2, 0), np.float32)), [], VOCABULARY).is_empty()


@settings(max_examples=40)
@given(items_of, st.floats(0, 2, width=32))
def test_smoothed_vectors_are_those_of_the_dense_formula(items: list[set[int]], share: float) -> None:
    """Rows of length 1, or empty where there was no genre."""
    raw, near = matrix(items), near_matrix(genre_similarity(matrix(items), NAMES, VOCABULARY), NAMES)
    count = (raw.toarray() > 0).sum(axis=0)
    idf = np.log((1 + len(items)) / (1 + count)) + 1
    dense = raw.toarray() @ np.diag(idf) @ (np.eye(len(NAMES)) + share * near.toarray())
    length = np.linalg.norm(dense, axis=1, keepdims=True)
    dense = np.divide(dense, length, out=np.zeros_like(dense), where=length > 0)
    assert smoothed(raw, near, share=share).toarray() == pytest.approx(dense, abs=1e-5)


def test_parents_are_a_matrix_of_their_own() -> None:
    """Of all that a genre is a kind of, an unknown one by its last words."""
    table, parents = parents_matrix(["dub", "swedish art rock", "rock"], VOCABULARY)
    assert parents == ["art rock", "rock"]
    assert table.toarray().tolist() == [[0, 0], [1, 1], [0, 0]]
