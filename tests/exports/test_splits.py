"""Splits: linked songs stay together, and what cannot is left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from etl.exports.splits import assign_splits, cut_large_groups, leak_groups, settle

SHARES = (0.8, 0.1, 0.1)


def ranks(songs: int, seed: int = 0):
    """Random numbers as the songs' artists give them."""
    return np.random.default_rng(seed).integers(0, 1 << 64, songs, np.uint64)


@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 6)), min_size=1, max_size=40))
def test_groups_are_connected_components(pairs):
    """Against a plain search over the links."""
    artist, progression = (np.array(side) for side in zip(*pairs, strict=True))
    groups = leak_groups([artist, progression])
    expected = list(range(len(pairs)))
    for _ in pairs:
        for i, one in enumerate(pairs):
            for j, other in enumerate(pairs):
                if any(a == b >= 0 for a, b in zip(one, other, strict=True)):
                    expected[i] = expected[j] = min(expected[i], expected[j])
    assert np.array_equal(groups[:, None] == groups, np.array(expected)[:, None] == np.array(expected))


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=300),
    st.integers(0, 5),
    st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.4, 0.0), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33)]),
)
def test_groups_are_never_cut(labels, seed, fractions):
    """Whatever the sizes, a group is in one split, and nothing is in a split of share 0."""
    groups = leak_groups([np.array(labels)])
    strata = np.array(labels) % 3
    split = assign_splits(groups, strata, fractions, ranks(len(labels), seed))
    assert all(len(set(split[groups == group])) == 1 for group in set(groups.tolist()))
    assert all(fractions[number] > 0 for number in set(split.tolist()))


def test_a_group_too_large_for_the_shares_is_cut_between_artists():
    """One commonplace progression does not put all artists into train, and still does not leak."""
    artists = leak_groups([np.repeat(np.arange(100), 10)])
    progressions = np.arange(1000)
    progressions[::10] = 0  # every artist has the same song
    linked = leak_groups([artists, progressions])
    assert linked.max() == 0
    groups = cut_large_groups(linked, artists, SHARES)
    split = assign_splits(groups, np.zeros(1000, np.int64), SHARES, ranks(1000))
    kept = settle(split, progressions, SHARES)
    assert np.bincount(split).tolist() == [800, 100, 100]
    assert (kept < 0).sum() == 20
    assert set(kept[::10].tolist()) == {0, -1}


def test_no_split_is_mostly_one_group_while_there_are_others():
    """A group of nearly a tenth goes to train, if single songs can fill validation and test."""
    groups = leak_groups([np.concatenate([np.zeros(90, int), np.arange(1, 911)])])
    for seed in range(20):
        split = assign_splits(groups, np.zeros(1000, np.int64), SHARES, ranks(1000, seed))
        assert split[0] == 0
        assert np.bincount(split).tolist() == [800, 100, 100]


def test_groups_of_a_split_each_fill_the_splits():
    """Ten groups of seven songs are eight, one and one."""
    split = assign_splits(
        np.repeat(np.arange(10, dtype=np.int32), 7), np.zeros(70, np.int64), SHARES, ranks(70)
    )
    assert np.bincount(split).tolist() == [56, 7, 7]


@given(
    st.lists(st.tuples(st.integers(-1, 8), st.sampled_from([0, 0, 0, 1, 2])), min_size=1, max_size=200),
    st.sampled_from([SHARES, (0.6, 0.4, 0.0), (0.34, 0.33, 0.33)]),
)
def test_what_is_settled_is_in_one_split(songs, fractions):
    """Whatever is linked: no value is in two splits afterwards, no song changes its split, none returns."""
    link, split = (np.array(column) for column in zip(*songs, strict=True))
    before = split.astype(np.int8)
    after = settle(before, link, fractions)
    assert set(after[after != before].tolist()) <= {-1}
    assert (after[link < 0] == before[link < 0]).all()
    for value in range(link.max(initial=-1) + 1):
        assert len(set(after[(link == value) & (after >= 0)].tolist())) <= 1


def test_of_two_versions_the_one_in_the_smaller_split_stays():
    """Songs of test are scarcer than those of train."""
    assert settle(np.array([0, 2, 0, 1], np.int8), np.array([5, 5, 7, 7]), SHARES).tolist() == [-1, 2, -1, 1]


def test_a_few_progressions_that_everybody_has_leave_no_split_empty():
    """A hundred progressions over all artists: each split keeps at least half of its share."""
    random = np.random.default_rng(0)
    split = random.choice(3, 20_000, p=SHARES).astype(np.int8)
    kept = settle(split, random.integers(0, 100, len(split)), SHARES)
    songs = np.bincount(kept[kept >= 0], minlength=3)
    assert songs[1:].min() >= 0.05 * songs.sum()
    assert songs.sum() > 0.4 * len(split)


def test_a_progression_that_everybody_has_stays_in_train():
    """No split can be filled from it without emptying train."""
    split = np.array([0] * 80 + [1] * 10 + [2] * 10, np.int8)
    assert settle(split, np.zeros(100, np.int64), SHARES).tolist() == [0] * 80 + [-1] * 20


def test_most_songs_keep_their_split_when_songs_are_added():
    """New groups move only those that are near a cut."""
    groups = np.arange(5000, dtype=np.int32)
    strata, rank = np.zeros(5000, np.int64), ranks(5000)
    before = assign_splits(groups[:4800], strata[:4800], SHARES, rank[:4800])
    after = assign_splits(groups, strata, SHARES, rank)
    assert (before != after[:4800]).mean() < 0.02
