"""How alike recordings are, in any space of features, without hubs.

Conventions
-----------
Features are compared in standard deviations of the whole collection; the distance of two recordings is the
root mean square of their differences. In spaces of many dimensions some points, the hubs, are near to
nearly all others, and would be in every list. Mutual proximity [1]_ asks instead how improbable so small a
distance is for *both*: the share of the collection that is farther from the one, times the share that is
farther from the other, each by a normal distribution, whose mean and deviation are those of the distances
to a fixed sample.

The share that is farther from the seed alone is never below the product. So recordings are looked at in its
order, and the rest is left out once it cannot be among the best any more.

References
----------
.. [1] Schnitzer, Flexer, Schedl and Widmer, "Local and global scaling reduce hubs in space", Journal of
   Machine Learning Research 13, 2012; with independence, as in their equation 8.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Indices = NDArray[np.intp]

SAMPLE: Final = 1000
"""Recordings that stand for the collection."""

_BLOCK: Final = 1024
"""Recordings that are looked at together."""

_SAME: Final = 1e-6
"""Relative to its value; a feature that spreads less is the same everywhere."""


@dataclass(frozen=True, eq=False)
class LikenessSpace:
    """A collection in which likeness is measured.

    Attributes
    ----------
    points
        Shape (n, d), float32: features in standard deviations, divided by the root of d.
    sample
        Rows that stand for the collection.
    """

    points: Floats
    sample: Indices


def likeness_space(features: Floats, order: Sequence[str]) -> LikenessSpace:
    """Make a space of a collection.

    Parameters
    ----------
    features
        Shape (n, d), float32, finite; scaled in place.
    order
        A text per row. The rows with the smallest are the sample: with hashes of the content it is a random
        one, and the same however the rows are sorted.
    """
    count, dimensions = features.shape
    values = np.abs(features[0]) if count else np.zeros(dimensions)
    features -= features.mean(axis=0, dtype=np.float64).astype(np.float32)
    blocks = (features[start : start + _BLOCK] for start in range(0, count, _BLOCK))
    squares = sum((np.einsum("ij,ij->j", rows, rows) for rows in blocks), np.zeros(dimensions))
    spread = np.sqrt(squares / max(count, 1))
    varies = spread > _SAME * values
    scale = np.where(varies, spread * math.sqrt(max(int(np.count_nonzero(varies)), 1)), np.inf)
    features /= scale.astype(np.float32)
    sample = np.array(heapq.nsmallest(SAMPLE, range(count), key=order.__getitem__), dtype=np.intp)
    return LikenessSpace(features, np.sort(sample))


def similar(
    space: LikenessSpace, seeds: Sequence[int], count: int, *, among: NDArray[np.bool_] | None = None
) -> tuple[Indices, Doubles]:
    """Find the recordings most like all of some: by the mean of the mutual proximities to each.

    Parameters
    ----------
    space
        The collection.
    seeds
        Rows, one or more.
    count
        How many to find, at most; seeds are not among them.
    among
        Shape (n,): which recordings may be found; all where it is None.

    Returns
    -------
    rows, likeness : ndarray
        Shape (m,): the most alike first, likeness 0 to 1; equal ones in order of rows.
    """
    seeds = list(dict.fromkeys(seeds))
    distances = np.stack([distances_from(space, seed) for seed in seeds])
    means, deviations = _typical_distances(space, np.array(seeds))
    farther = np.stack([_farther(*each) for each in zip(distances, means, deviations, strict=True)])
    limits = farther.mean(axis=0)
    may_be = np.ones(len(limits), np.bool_) if among is None else among.copy()
    may_be[seeds] = False
    limits[~may_be] = -1.0
    order = np.argsort(-limits, kind="stable")[: np.count_nonzero(may_be)]
    found = np.zeros(0)
    for start in range(0, len(order), _BLOCK):
        if len(found) >= count and np.partition(found, -count)[-count] > limits[order[start]]:
            break
        rows = order[start : start + _BLOCK]
        means, deviations = _typical_distances(space, rows)
        both = [
            near[rows] * _farther(far[rows], means, deviations)
            for near, far in zip(farther, distances, strict=True)
        ]
        found = np.append(found, np.mean(both, axis=0))
    rows = order[: len(found)]
    best = np.lexsort((rows, -found))[:count]
    return rows[best], found[best]


def likeness_to(space: LikenessSpace, seed: int, rows: Indices) -> Doubles:
    """Give the mutual proximity of some recordings to one: 0 to 1, and 1 for itself; shape of ``rows``."""
    distances = distances_from(space, seed)[rows]
    (mean,), (deviation,) = _typical_distances(space, np.array([seed]))
    means, deviations = _typical_distances(space, rows)
    likeness = _farther(distances, mean, deviation) * _farther(distances, means, deviations)
    likeness[rows == seed] = 1.0
    return likeness


def distances_from(space: LikenessSpace, row: int) -> Doubles:
    """Give the distance of every recording from one, in standard deviations; shape (n,)."""
    squares = np.zeros(len(space.points))
    for start in range(0, len(squares), _BLOCK):
        away = space.points[start : start + _BLOCK] - space.points[row]
        squares[start : start + _BLOCK] = np.einsum("ij,ij->i", away, away)
    return np.sqrt(squares)


def _typical_distances(space: LikenessSpace, rows: Indices) -> tuple[Doubles, Doubles]:
    """Mean and deviation of the distances of some recordings to the others of the sample."""
    # In double precision, since products of matrices differ in the last bits with the number of threads.
    points, sample = space.points[rows].astype(np.float64), space.points[space.sample].astype(np.float64)
    squares = points @ (-2.0 * sample.T)
    squares += np.einsum("ij,ij->i", points, points)[:, np.newaxis]
    squares += np.einsum("ij,ij->i", sample, sample)
    np.maximum(squares, 0.0, out=squares)
    distances = np.sqrt(squares)
    is_itself = np.isin(rows, space.sample)
    distances[np.flatnonzero(is_itself), np.searchsorted(space.sample, rows[is_itself])] = 0.0
    others = np.maximum(len(sample) - is_itself, 1)
    means = distances.sum(axis=1, dtype=np.float64) / others
    mean_squares = np.einsum("ij,ij->i", distances, distances) / others
    return means, np.sqrt(np.maximum(mean_squares - means**2, 1e-12))


def _farther(distances: Doubles, means: Doubles, deviations: Doubles) -> Doubles:
    """Share of a normal distribution beyond each distance."""
    scaled = (distances - means) / (deviations * math.sqrt(2.0))
    return 0.5 * np.fromiter(map(math.erfc, scaled.tolist()), dtype=np.float64, count=len(scaled))
