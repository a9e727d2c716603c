"""Libraries for lists: costs between tracks, and the least cost that an order of ten of them can have."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


class Lkh(NamedTuple):
    """What LKH finds for ``library(100, seed)``; how, says ``tests/golden/README.md``."""

    seed: int
    mean: float
    """Least mean transition."""
    mean_and_dearest: float
    """Least sum of mean and dearest transition."""


def lkh_values() -> list[Lkh]:
    """Read the stored values."""
    path = Path(__file__).parents[1] / "golden" / "lkh_100_tracks.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Lkh(int(row["seed"]), float(row["mean"]), float(row["mean_and_dearest"]))
            for row in csv.DictReader(file)
        ]


def with_free_beginning(edges: Floats) -> Floats:
    """Add a track that must come first and costs 1 to leave, more than all others: only the mean is left.

    The dearest transition is then always that one, so that orders differ by the sum of the others alone.
    """
    size = len(edges)
    more = np.ones((size + 1, size + 1), np.float32)
    more[:size, :size] = edges
    return more


def library(size: int, seed: int) -> Floats:
    """Give costs between tracks that lie in six dimensions and end elsewhere than they begin."""
    rng = np.random.default_rng(seed)
    starts = rng.normal(size=(size, 6))
    ends = starts + rng.normal(size=(size, 6)) / 2
    distances = np.linalg.norm(ends[:, None] - starts, axis=2)
    return np.asarray(distances / distances.max(), np.float32)


def nobody(size: int) -> NDArray[np.int64]:
    """Name no artist, album or recording."""
    return np.full((3, size), -1, np.int64)


def nearest_next(edges: Floats, places: Floats) -> list[int]:
    """Take the cheapest first track, and the nearest next one each time."""
    order = [int(np.argmin(places[0]))]
    free = set(range(len(edges))) - set(order)
    while len(order) < len(places):
        at = len(order)
        order.append(min(free, key=lambda track: float(edges[order[-1], track] + places[at, track])))
        free.remove(order[-1])
    return order


def least_cost(edges: Floats) -> float:
    """Give the least mean plus dearest transition of all orders, by dynamic programming (Held and Karp).

    For each bound on the dearest transition, from below, the least sum within it; a bound above the best
    cost so far cannot help.
    """
    size = len(edges)
    best = np.inf
    last = np.arange(size)
    onwards_at_least = np.sort(np.where(np.eye(size, dtype=bool), np.inf, edges).min(axis=1))[-2]
    for bound in np.unique(edges[~np.eye(size, dtype=bool)]):
        if bound < onwards_at_least:  # all tracks but the last have a next one
            continue
        if bound >= best:
            break
        allowed = np.where(edges <= bound, edges.astype(np.float64), np.inf)
        sums = np.full((1 << size, size), np.inf)
        sums[1 << last, last] = 0
        for heard in range(1, 1 << size):
            onwards = (sums[heard][:, None] + allowed).min(axis=0)
            for track in last[(heard >> last) & 1 == 0]:
                rest = heard | 1 << int(track)
                sums[rest, track] = min(sums[rest, track], onwards[track])
        best = min(best, float(sums[-1].min()) / (size - 1) + float(bound))
    return float(best)
