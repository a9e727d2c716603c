"""Whether what services say under a name can be about the artist whose files have it."""

from __future__ import annotations

import pytest

from etl.genres.identity import far_names
from etl.genres.vocabulary import read_vocabulary

VOCABULARY = read_vocabulary(
    "genres: {rock: {}, punk: {of: [rock]}, hardcore: {of: [punk]}, grunge: {of: [rock]}, "
    "opera: {}, aria: {of: [opera]}}"
)


@pytest.mark.parametrize(
    ("own", "said", "is_far"),
    [
        (["rock"], ["rock"], False), (["rock"], ["hardcore"], False), (["hardcore"], ["rock"], False),
        (["punk"], ["grunge"], False), (["rock"], ["opera"], True), (["hardcore"], ["aria"], True),
        (["rock", "opera"], ["aria"], False), (["rock"], ["opera", "grunge"], False),
        (["unheard of"], ["opera"], True), (["unheard of"], ["unheard of"], False),
    ],
)  # fmt: skip
def test_genres_are_far_where_they_share_nothing_that_they_are_a_kind_of(own, said, is_far):
    """One that is near is enough; genres that nobody knows are kinds of nothing."""
    assert far_names({"a": own}, {"a": said}, VOCABULARY) == (["a"] if is_far else [])


def test_only_names_of_which_both_sides_are_known_are_told_in_order():
    """What only the files, or only the services, say proves nothing."""
    own = {"d": ["rock"], "b": ["rock"], "a": ["rock"], "only": ["rock"]}
    said = {"a": ["opera"], "d": ["opera"], "b": ["punk"], "other": ["opera"]}
    assert far_names(own, said, VOCABULARY) == ["a", "d"]
