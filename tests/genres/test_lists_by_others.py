"""The vocabulary against names and a tree of genres that others made."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import yaml

from etl.genres.normalize import normalized
from etl.genres.vocabulary import Vocabulary, read_vocabulary
from etl.runtime.resources import resource
from tests.support.reference import needs_reference, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_LISTS = Path(__file__).parents[1] / "data" / "genres" / "other_lists.csv"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """Read the shipped one."""
    return read_vocabulary(resource("genres/vocabulary.yaml").read_text(encoding="utf-8"))


def genre_of(names: list[str], vocabulary: Vocabulary) -> dict[str, str]:
    """Give the first genre that each name means; names that mean none are left out."""
    genres = normalized(pl.Series(names), vocabulary).filter(pl.col("kind") == "genre")
    return dict(genres.unique("raw", keep="first", maintain_order=True).select("raw", "name").iter_rows())


def edges(node: Any, parent: str = "") -> Iterator[tuple[str, str]]:
    """Walk a tree: each genre with what stands above it."""
    if isinstance(node, dict):
        for name, below in node.items():
            yield from edges(name, parent)
            yield from edges(below, name)
    elif isinstance(node, list):
        for each in node:
            yield from edges(each, parent)
    elif parent:
        yield node, parent


def test_aliases_and_rejects_of_others_are_understood(vocabulary: Vocabulary) -> None:
    """Two in three aliases mean the same genre at least, and seven in ten rejects none."""
    with OTHER_LISTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    genre = genre_of([tag for row in rows for tag in (row["raw"], row["meant"])], vocabulary)
    for looked_at in ("yes", "no"):
        chosen = [row for row in rows if row["looked_at"] == looked_at]
        aliases = [
            genre.get(row["raw"]) == genre.get(row["meant"], "") for row in chosen if row["kind"] == "alias"
        ]
        rejects = [row["raw"] not in genre for row in chosen if row["kind"] == "reject"]
        assert sum(aliases) >= 0.65 * len(aliases) > 50
        assert sum(rejects) >= 0.70 * len(rejects) > 30


@needs_reference("genres")
def test_genres_of_a_list_are_genres(vocabulary: Vocabulary) -> None:
    """Of 1,568 names at most 2 % are taken for something else."""
    names = (reference("genres") / "genres.txt").read_text(encoding="utf-8").splitlines()
    assert len(names) - len(genre_of(names, vocabulary)) <= 0.02 * len(names)


@needs_reference("genres")
def test_parents_of_a_tree_are_parents(vocabulary: Vocabulary) -> None:
    """Of its 780 edges the vocabulary has four in five, directly or not."""
    tree = yaml.load((reference("genres") / "genres-tree.yaml").read_text("utf-8"), Loader=yaml.CBaseLoader)
    pairs = list(edges(tree))
    genre = genre_of(sorted({name for pair in pairs for name in pair}), vocabulary)
    known = [
        genre[below] == genre[above] or genre[above] in vocabulary.ancestors(genre[below])
        for below, above in pairs
        if below in genre and above in genre
    ]
    assert len(pairs) > 700
    assert sum(known) >= 0.8 * len(pairs)
