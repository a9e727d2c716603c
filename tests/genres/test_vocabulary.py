"""The vocabulary: the shipped one is in order, the user's wins, and what is wrong is said."""

from __future__ import annotations

import polars as pl
import pytest

from etl.genres.normalize import normalized
from etl.genres.vocabulary import read_vocabulary
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource

SHIPPED = resource("genres/vocabulary.yaml").read_text(encoding="utf-8")


def test_shipped_vocabulary_has_no_circles_and_knows_its_numbers() -> None:
    """Each genre leads to a root; names of ID3v1 numbers are genres but for five."""
    vocabulary = read_vocabulary(SHIPPED)
    assert len(vocabulary.parents) > 1500
    for name in vocabulary.parents:
        assert name not in {
            above for parent in vocabulary.parents[name] for above in vocabulary.ancestors(parent)
        }
    numbers = normalized(pl.Series([f"({number})" for number in range(192)]), vocabulary)
    other = set(numbers.filter(pl.col("kind") != "genre")["name"])
    assert other == {"other", "meditative", "top 40", "duet", "eclectic"}


def test_no_spelling_means_two_genres() -> None:
    """A second meaning would be lost without a word."""
    import yaml

    from etl.genres.spelling import letters

    genres = yaml.load(SHIPPED, Loader=yaml.CBaseLoader)["genres"]
    rows = [(name, text) for name, entry in genres.items() for text in (name, *(entry or {}).get("also", ()))]
    frame = pl.DataFrame(rows, schema=["name", "text"], orient="row").with_columns(letters(pl.col("text")))
    assert (
        frame.group_by("text").agg(pl.col("name").unique()).filter(pl.col("name").list.len() > 1).rows() == []
    )


def test_words_that_yaml_would_read_as_something_else_stay_words() -> None:
    """``no``, ``on``, ``null`` and ``12:30`` are text."""
    vocabulary = read_vocabulary("genres: {no: {also: [on, null, 12:30 club]}}")
    assert set(normalized(pl.Series(["on", "null", "12:30 Club"]), vocabulary)["name"]) == {"no"}


def test_user_wins() -> None:
    """Over names, spellings, kinds and parents."""
    own = "genres: {shoegaze: {of: [blues]}, my genre: {also: [rock music]}}\nrejects: {personal: [techno]}"
    vocabulary = read_vocabulary(SHIPPED, own)
    tags = normalized(pl.Series(["Rock Music", "techno"]), vocabulary)
    assert tags.select("name", "reason").rows() == [("my genre", None), ("techno", "personal")]
    assert vocabulary.parents["shoegaze"] == ("blues",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("genres: {rock: {of: [popp]}, pop: {}}", "kind of 'popp'"),
        ("generes: {}", "a table 'generes'"),
        ("genres: [rock]", "genres should be a table"),
        ("genres: {rock: {also: rock music}}", "rock should be lists of names"),
        ("genres: {rock: {alias: [x]}}", "rock should be {of"),
        ("facets: {colour: [blue]}", "facets: colour should be one of mood"),
        ("words: {a: [b]}", "words: a should be a word"),
        ("genres: {rock: {of: [", "is not YAML"),
        ("just text", "the whole should be a table"),
        ("!!python/object/apply:os.system [echo]", "the whole should be a table"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    """With a hint, as bad data."""
    with pytest.raises(EtlError) as caught:
        read_vocabulary(text)
    assert message in str(caught.value)
    assert caught.value.exit_code == ExitCode.BAD_DATA
    assert caught.value.hint
