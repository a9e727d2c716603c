"""Likeness against mutual proximity computed pair by pair, and what it is for: no hubs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from etl.music.likeness import SAMPLE, distances_from, likeness_space, similar


def collection(count, *, dimensions=24, seed=1):
    """Give features of a few sorts of recordings, near their center or far from it, in odd units."""
    rng = np.random.default_rng(seed)
    sorts = rng.normal(0, 1, (6, dimensions))
    weights = rng.normal(0, 1, (count, 6)) * np.exp(rng.normal(0, 0.6, (count, 1)))
    features = (weights @ sorts + rng.normal(0, 1, (count, dimensions))) * 10 ** rng.uniform(
        -3, 4, dimensions
    )
    return (features + rng.normal(0, 100, dimensions)).astype(np.float32), names(count)


def names(count):
    """Give texts that sort in another order than the rows."""
    return [f"{number * 7919 % 1_000_003:08x}" for number in range(count)]


def pair_by_pair(features, order, seeds):
    """Mean mutual proximity of every row to the seeds, straight from its definition."""
    values = features.astype(np.float64)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    sample = np.sort(np.argsort(order)[:SAMPLE])
    far = np.sqrt(((values[:, None, :] - values[None, sample, :]) ** 2).mean(axis=2))
    far[sample, np.arange(len(sample))] = np.nan
    mean, deviation = np.nanmean(far, axis=1), np.nanstd(far, axis=1)
    both = []
    for seed in seeds:
        distance = np.sqrt(((values - values[seed]) ** 2).mean(axis=1))
        here = scipy.stats.norm.sf(distance, mean[seed], deviation[seed])
        both.append(here * scipy.stats.norm.sf(distance, mean, deviation))
    return np.mean(both, axis=0)


@pytest.mark.parametrize("count", [40, 3000])
@pytest.mark.parametrize("seeds", [[3], [5, 17, 30]])
def test_the_most_alike_are_those_of_mutual_proximity(count, seeds):
    """Rows and likeness equal the definition, with all or some as the sample; no seed is listed."""
    features, order = collection(count)
    expected = pair_by_pair(features, order, seeds)
    expected[seeds] = -1
    rows, likeness = similar(likeness_space(features.copy(), order), seeds, 20)
    np.testing.assert_allclose(likeness, np.sort(expected)[::-1][:20], atol=2e-4)
    np.testing.assert_allclose(expected[rows], likeness, atol=2e-4)
    assert not set(rows) & set(seeds)


def test_nothing_is_missed_around_an_outlier():
    """Far from everything, nearly all are looked at, and the list is still that of the definition."""
    features, order = collection(2500)
    seed = int(np.argmax(np.abs(features - features.mean(axis=0)).sum(axis=1)))
    features[seed] += 3 * features.std(axis=0)
    expected = pair_by_pair(features, order, [seed])
    expected[seed] = -1
    rows, _ = similar(likeness_space(features.copy(), order), [seed], 5)
    assert expected[rows].min() >= np.sort(expected)[-5] * 0.9


def test_the_order_of_rows_makes_no_difference():
    """A collection read in another order gives the same neighbors."""
    features, order = collection(2200)
    turned = np.random.default_rng(0).permutation(len(features))
    rows, likeness = similar(likeness_space(features.copy(), order), [7], 10)
    place = int(np.flatnonzero(turned == 7)[0])
    again = likeness_space(features[turned].copy(), [order[row] for row in turned])
    other_rows, other_likeness = similar(again, [place], 10)
    assert [turned[row] for row in other_rows] == rows.tolist()
    np.testing.assert_allclose(likeness, other_likeness, atol=1e-4)


def test_no_recording_is_in_most_lists():
    """The worst hub of the plain distance is in far fewer top tens by mutual proximity."""
    rng = np.random.default_rng(4)
    features = rng.normal(0, 1, (400, 68)) * np.exp(rng.normal(0, 0.25, (400, 1)))
    space = likeness_space(features.astype(np.float32), names(400))
    plain, mutual = np.zeros(400, dtype=int), np.zeros(400, dtype=int)
    for seed in range(400):
        plain[np.argsort(distances_from(space, seed))[1:11]] += 1
        mutual[similar(space, [seed], 10)[0]] += 1
    assert mutual.sum() == plain.sum() == 4000
    assert mutual.max() < plain.max() / 2


def test_distances_are_in_standard_deviations_however_many_features_there_are():
    """The root of the mean square over the features, each in its own standard deviations."""
    features, order = collection(60)
    values = features.astype(np.float64)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    expected = np.sqrt(((values - values[3]) ** 2).mean(axis=1))
    np.testing.assert_allclose(distances_from(likeness_space(features, order), 3), expected, rtol=1e-3)


def test_a_feature_that_is_the_same_everywhere_does_not_count():
    """Constant columns change no distance, and are no division by zero; nor are columns of nothing but 0."""
    features, order = collection(50)
    same = np.repeat(np.array([[0.1, 0.0, 1e6]], dtype=np.float32), 50, axis=0)
    with_constant = np.column_stack([features, same])
    np.testing.assert_allclose(
        distances_from(likeness_space(with_constant, order), 3),
        distances_from(likeness_space(features, order), 3),
        rtol=1e-4,
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_smallest_collections_have_lists(count):
    """One recording has nothing like it, two have one another."""
    features, order = collection(count)
    rows, likeness = similar(likeness_space(features, order), [0], 10)
    assert sorted(rows) == list(range(1, count))
    assert np.isfinite(likeness).all()


def test_copies_are_the_most_alike():
    """A second copy comes first, at distance zero."""
    features, order = collection(300)
    features[200] = features[3]
    space = likeness_space(features, order)
    assert similar(space, [3], 1)[0].tolist() == [200]
    assert distances_from(space, 3)[200] == 0
