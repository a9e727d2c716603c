"""Raw tags and what they say, as pairs in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.genres.normalize import SCHEMA, normalized
from etl.genres.vocabulary import Vocabulary, read_vocabulary
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from random import Random

GOLDEN: Final = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data/genres/raw_tags.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """Read the shipped one."""
    return read_vocabulary(resource("genres/vocabulary.yaml").read_text(encoding="utf-8"))


def said(frame: pl.DataFrame) -> dict[str, list[str]]:
    """Put the rows of a tag in one list: ``rock``, ``mood:sad``, ``reject:year``."""
    words = (
        pl.when(pl.col("kind") == "genre")
        .then("name")
        .otherwise(pl.format("{}:{}", "kind", pl.coalesce("reason", "name")))
    )
    return dict(frame.group_by("raw", maintain_order=True).agg(words).iter_rows())


def test_each_raw_tag_says_what_the_golden_file_has(vocabulary: Vocabulary) -> None:
    """Numbers, spellings, several in one, facets, rejects with their reason."""
    assert len(GOLDEN) >= 400
    assert said(normalized(pl.Series([raw for raw, _ in GOLDEN]), vocabulary)) == dict(GOLDEN)


def test_names_mean_themselves(vocabulary: Vocabulary) -> None:
    """What comes out, put in again, comes out again: for every known name and every one of a tag."""
    tags = normalized(pl.Series([raw for raw, _ in GOLDEN]), vocabulary).filter(pl.col("kind") != "reject")
    names = pl.concat([tags["name"], pl.Series("name", list(vocabulary.parents))]).unique()
    again = normalized(names, vocabulary)
    assert again.filter(pl.col("raw") != pl.col("name")).rows() == []
    assert again.height == names.len()


@settings(max_examples=20)
@given(st.randoms(), st.integers(1, 60))
def test_order_of_tags_does_not_matter(random: Random, number: int) -> None:
    """Nor do repeats and nulls."""
    vocabulary = read_vocabulary("genres: {rock: {also: [rock music]}, hip hop: {also: [rap]}}")
    tags = [raw for raw, _ in random.sample(GOLDEN, number)]
    frame = normalized(pl.Series([*tags, None, *tags]), vocabulary)
    assert frame.equals(normalized(pl.Series(sorted(tags)), vocabulary))


@settings(max_examples=50)
@given(st.lists(st.text(max_size=200), max_size=40))
def test_any_text_is_a_tag(tags: list[str]) -> None:
    """Whatever stands in a file: each tag that is not blank has rows, numbered from 0."""
    vocabulary = read_vocabulary("genres: {rock: {}, drum and bass: {}}\nid3v1: [rock]")
    encodable = [tag for tag in tags if tag.isprintable() or not any("\ud800" <= c <= "\udfff" for c in tag)]
    frame = normalized(pl.Series(encodable, dtype=pl.String), vocabulary)
    assert dict(frame.schema) == SCHEMA
    assert set(frame["kind"]) <= {"genre", "mood", "instrument", "era", "place", "reject"}
    assert frame.filter(pl.col("reason").is_null() != (pl.col("kind") != "reject")).is_empty()
    for _, rows in frame.group_by("raw"):
        assert rows["position"].to_list() == list(range(rows.height))


def test_unknown_tags_with_the_same_letters_are_one_genre(vocabulary: Vocabulary) -> None:
    """Under the spelling that has its blanks and hyphens."""
    frame = normalized(pl.Series(["foobar core", "foo-bar core", "FOOBARCORE"]), vocabulary)
    assert set(frame["name"]) == {"foo-bar core"}


def test_what_stands_between_two_names_splits_them_if_both_are_known_by_their_words() -> None:
    """In any order of words; where one is not known, the whole is a name."""
    vocabulary = read_vocabulary("genres: {pop rock: {}, jazz: {}}")
    frame = normalized(pl.Series(["Rock Pop & Jazz", "Jazz and Foo"]), vocabulary)
    assert said(frame) == {"Jazz and Foo": ["jazz and foo"], "Rock Pop & Jazz": ["pop rock", "jazz"]}
