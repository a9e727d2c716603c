"""Choice and order: against all orders there are, against greedy, and with every rule kept."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from etl.playlists.choose import choose, curve_places, widest_gap
from etl.playlists.move_kernel import (
    EXCHANGED,
    MOVED,
    REVERSED,
    SURVEY_ROWS,
    TURNED,
    cost_after,
    make_move,
    survey,
)
from etl.playlists.order_kernel import path_cost, times_near, times_over
from etl.playlists.rules import Curve, Rules
from etl.playlists.transitions import TERMS, Tracks, transition_costs, transition_terms
from tests.support.transitions import Lkh, least_cost, library, lkh_values, nobody, with_free_beginning

NONE = 1_000_000


def cost(order, edges, places) -> float:
    """Add up what is minimized."""
    return sum(path_cost(np.asarray(order, np.int64), edges, places))


@pytest.mark.parametrize("seed", range(12))
def test_seven_tracks_are_in_the_best_of_all_orders(seed: int) -> None:
    """Compared with each of the 5,040."""
    edges, places = library(7, seed), np.zeros((7, 7), np.float32)
    best = min(cost(order, edges, places) for order in permutations(range(7)))
    assert cost(choose(edges, places, nobody(7), Rules()).order, edges, places) == pytest.approx(
        best, abs=1e-6
    )


@pytest.mark.parametrize("stored", [each for each in lkh_values() if each.seed in {507, 513}])
def test_a_hundred_tracks_cost_at_most_two_percent_more_than_by_lkh(stored: Lkh) -> None:
    """Mean and dearest transition together; and the mean alone, where the dearest is the same throughout."""
    edges, places = library(100, stored.seed), np.zeros((101, 101), np.float32)
    found = choose(edges, places[:100, :100], nobody(100), Rules())
    assert found.mean + found.dearest <= 1.02 * stored.mean_and_dearest
    by_mean = choose(with_free_beginning(edges), places, nobody(101), Rules(), first=100)
    assert path_cost(by_mean.order[1:], edges, places[:100, :100])[0] <= 1.02 * stored.mean


def test_fifty_tracks_cost_less_than_greedily() -> None:
    """Mean at most 0.95, dearest transition at most 0.80 of the nearest next track each time."""
    means, dearest = [], []
    for seed in range(6):
        edges, places = library(50, 100 + seed), np.zeros((50, 50), np.float32)
        greedy, free = [0], set(range(1, 50))
        while free:
            greedy.append(min(free, key=lambda track: edges[greedy[-1], track]))
            free.remove(greedy[-1])
        plain = path_cost(np.array(greedy), edges, places)
        found = choose(edges, places, nobody(50), Rules())
        means.append(found.mean / plain[0])
        dearest.append(found.dearest / plain[1])
    assert np.mean(means) <= 0.95
    assert np.mean(dearest) <= 0.80


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    size=st.integers(2, 12),
    artists=st.integers(3, 12),
    gap=st.integers(0, 4),
    per_artist=st.integers(2, 6),
)
def test_rules_are_kept_where_they_can_be(
    seed: int, size: int, artists: int, gap: int, per_artist: int
) -> None:
    """No artist nearer than asked or oftener, no recording twice, as many tracks as asked."""
    rng = np.random.default_rng(seed)
    pool = 60
    labels = nobody(pool)
    labels[0] = rng.integers(0, artists, pool)
    labels[2] = rng.integers(0, 40, pool)
    rules = Rules(gap=min(gap, artists - 1), per_artist=per_artist)
    edges, places = library(pool, seed), np.tile(rng.random(pool, np.float32), (size, 1))
    found = choose(edges, places, labels, rules)
    assert len(set(found.order.tolist())) == size
    assert found.near == times_near(found.order, labels, rules.gap)
    assert found.over == times_over(found.order, labels, np.array([per_artist, NONE, 1]))
    if size <= artists:
        assert found.near == found.over == 0
        for at, track in enumerate(found.order):
            assert labels[0, track] not in labels[0, found.order[max(0, at - rules.gap) : at]]


def test_ends_stay_where_they_are_asked_for() -> None:
    """From one track to another, both in place."""
    edges = library(40, 5)
    found = choose(edges, np.zeros((10, 40), np.float32), nobody(40), Rules(), first=7, last=3)
    assert (found.order[0], found.order[-1], len(set(found.order))) == (7, 3, 10)


def test_equal_input_gives_equal_lists_and_one_track_is_a_list() -> None:
    """The random numbers are always the same."""
    edges, places = library(80, 9), np.tile(np.linspace(0, 1, 80, dtype=np.float32), (20, 1))
    lists = [choose(edges, places, nobody(80), Rules()).order.tolist() for _ in range(2)]
    assert lists[0] == lists[1]
    assert choose(edges, places[:1], nobody(80), Rules()).order.tolist() == [0]


@pytest.mark.parametrize("curve", [Curve.RISE, Curve.FALL, Curve.WAVE])
def test_level_follows_the_curve(curve: Curve) -> None:
    """The levels of the list go where the curve goes."""
    level = np.random.default_rng(1).normal(-12, 4, 200).astype(np.float32)
    places = curve_places(level, 30, curve)
    found = choose(library(200, 3) * np.float32(0.2), places, nobody(200), Rules())
    where = np.linspace(0, 1, 30)
    wanted = {Curve.RISE: where, Curve.FALL: -where, Curve.WAVE: -np.cos(4 * np.pi * where)}[curve]
    assert np.corrcoef(level[found.order], wanted)[0, 1] > 0.9


def test_terms_lie_between_0_and_1_and_what_is_unknown_costs_a_half() -> None:
    """Tempos, relative and opposite keys, loudness; nothing is gained by not knowing."""
    known, size = 4, 5
    bpm = np.array([100, 200, 141.4214, 100, np.nan], np.float32)
    key = np.array([0, 21, 6, 7, -1], np.int8)
    sure = np.array([1, 1, 1, 1, 0], np.float32)
    lufs = np.array([-10, -10, -16, -40, np.nan], np.float32)
    sound = np.random.default_rng(2).normal(size=(2, size, 3)).astype(np.float32)
    genres = np.full((size, size), np.nan, np.float32)
    genres[:known, :known] = 0.25
    terms = transition_terms(Tracks(sound[0], sound[1], bpm, sure, key, sure, lufs, genres))
    assert tuple(terms) == TERMS
    for costs in terms.values():
        assert costs.shape == (size, size)
        assert costs.min() >= 0
        assert costs.max() <= 1
    assert terms["tempo"][0].tolist() == pytest.approx([0, 0, 1, 0, 0.5], abs=1e-4)
    assert terms["key"][0].tolist() == pytest.approx([0, 1 / 6, 1, 1 / 6, 0.5])
    assert terms["level"][0].tolist() == pytest.approx([0, 0, 0.5, 1, 0.5])
    assert terms["genre"][0].tolist() == pytest.approx([0.25] * known + [0.5])
    even = transition_costs(terms, dict.fromkeys(TERMS, 2.0))
    assert even == pytest.approx(sum(terms.values()) / len(TERMS), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_ten_tracks_are_in_the_best_order(seed: int) -> None:
    """Compared with dynamic programming over all of them."""
    edges = library(10, 50 + seed)
    found = choose(edges, np.zeros((10, 10), np.float32), nobody(10), Rules())
    assert found.mean + found.dearest == pytest.approx(least_cost(edges), abs=1e-6)


def test_cost_of_every_move_is_that_of_the_order_it_makes() -> None:
    """Each kind of move at each position, with places that differ and with places that do not."""
    rng = np.random.default_rng(8)
    edges, order = rng.random((12, 12), np.float32), rng.permutation(12)[:9].astype(np.int64)
    for shifting in (False, True):
        places = rng.random((9, 12), np.float32) if shifting else np.tile(rng.random(12, np.float32), (9, 1))
        sums, dearest, made = np.zeros((SURVEY_ROWS, 10)), np.zeros(8, np.int64), order.copy()
        place = survey(order, edges, places, shifting, sums, dearest)[2]
        moves = [
            (kind, i, length, j)
            for kind in (MOVED, TURNED)
            for length in ((1, 2, 3) if kind == MOVED else (2, 3))
            for i in range(10 - length)
            for j in range(10)
            if not i <= j <= i + length
        ]
        moves += [
            (kind, i, 0, j) for kind in (EXCHANGED, REVERSED) for i in range(9) for j in range(i + 1, 9)
        ]
        for move in moves:
            make_move(*move, order, made)
            assert sorted(made) == sorted(order)
            given = cost_after(*move, order, edges, places, shifting, sums, dearest, place)
            assert given == pytest.approx(sum(path_cost(made, edges, places)), abs=1e-6), move


@given(
    artists=st.lists(st.integers(-1, 3), min_size=1, max_size=7),
    size=st.integers(1, 5),
    gap=st.integers(0, 4),
)
def test_widest_gap_is_that_of_some_order(artists: list[int], size: int, gap: int) -> None:
    """An order keeps it, and none keeps a wider one, of all there are."""
    labels = np.array([artists, [-1] * len(artists), [-1] * len(artists)], np.int64)
    size = min(size, len(artists))
    kept = [
        max(g for g in range(gap + 1) if not _near(labels[0, list(order)].tolist(), g))
        for order in permutations(range(len(artists)), size)
    ]
    assert widest_gap(labels[0], size, gap) == max(kept)


def _near(artists: list[int], gap: int) -> bool:
    return any(artist >= 0 and artist in artists[max(0, at - gap) : at] for at, artist in enumerate(artists))


def test_list_takes_the_time_it_should() -> None:
    """Twenty of two hundred tracks within a minute of an hour, though the nearest take far less."""
    rng = np.random.default_rng(4)
    seconds = rng.uniform(60, 400, 200)
    places = np.tile((seconds / 400).astype(np.float32), (20, 1))
    rules = Rules(window=(3540.0, 3660.0))
    found = choose(library(200, 2), places, nobody(200), rules, seconds=seconds)
    assert 3540 <= seconds[found.order].sum() <= 3660
