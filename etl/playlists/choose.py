"""Choose tracks and their order together: a first order that keeps the rules, then local search."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.playlists.order_kernel import improve, path_cost, rules_broken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]

GAP: Final = 8
"""Tracks of others between two of one artist."""

_SEED: Final = 1
_KICKS: Final = 600
"""Shakes of the search, over the length of the list: more for short lists, which they cost little."""


class Curve(StrEnum):
    """How loud a list is from its beginning to its end."""

    FLAT = "flat"
    RISE = "rise"
    FALL = "fall"
    WAVE = "wave"


@dataclass(frozen=True)
class Rules:
    """What must hold.

    Attributes
    ----------
    gap
        Tracks of others between two of one artist.
    per_artist, per_album
        Most tracks of one.
    """

    gap: int = GAP
    per_artist: int = 1_000_000
    per_album: int = 1_000_000


@dataclass(frozen=True, eq=False)
class Choice:
    """Tracks in order.

    Attributes
    ----------
    order
        Numbers of the tracks.
    mean, dearest, place
        Of the transitions, and of what was wanted at each place.
    broken
        Rules that could not be kept.
    """

    order: Indices
    mean: float
    dearest: float
    place: float
    broken: int


def choose(
    edges: Floats,
    places: Floats,
    labels: Indices,
    rules: Rules,
    *,
    first: int | None = None,
    last: int | None = None,
    kicks: int | None = None,
) -> Choice:
    """Choose as many tracks as there are places, and order them.

    Parameters
    ----------
    edges
        Shape (n, n), float32: cost from one track to another, 0 to 1.
    places
        Shape (m, n), float32: cost of a track at a place, 0 to 1; m at most n.
    labels
        Shape (3, n), int64: artist, album and recording by number, -1 for none. No recording comes twice.
    rules
        What else must hold.
    first, last
        Tracks that must stand there.
    kicks
        How often the search is shaken; by default by the length.

    Examples
    --------
    >>> edges = np.float32([[0, 0.9, 0.1], [0.2, 0, 0.9], [0.8, 0.1, 0]])
    >>> nobody = np.full((3, 3), -1)
    >>> choose(edges, np.zeros((3, 3), np.float32), nobody, Rules()).order.tolist()
    [0, 2, 1]
    """
    size = places.shape[0]
    caps = np.array([rules.per_artist, rules.per_album, 1], np.int64)
    order = _first_order(edges, places, labels, rules.gap, caps, ends=(first, last))
    fixed = np.zeros(size, np.bool_)
    fixed[0], fixed[-1] = first is not None, last is not None
    if size > 1:
        shakes = max(4, _KICKS // size) if kicks is None else kicks
        order = improve(order, edges, places, labels, rules.gap, caps, fixed, shakes, _SEED)
    mean, dearest, place = path_cost(order, edges, places)
    return Choice(order, mean, dearest, place, rules_broken(order, labels, rules.gap, caps))


def curve_places(level: Floats, size: int, curve: Curve) -> Floats:
    """Give what each track costs at each place: how far its level is from the curve's.

    Parameters
    ----------
    level
        Shape (n,): level of the tracks, NaN where none is known.
    size
        Places.
    curve
        Where the level should go; a flat one costs nothing.

    Returns
    -------
    ndarray
        Shape (m, n), float32, 0 to 1: the difference of the rank among the tracks, 0 the softest, 1 the
        loudest, to what is wanted there.
    """
    where = np.linspace(0, 1, size)
    wanted = {
        Curve.RISE: where,
        Curve.FALL: 1 - where,
        Curve.WAVE: 0.5 - 0.5 * np.cos(4 * np.pi * where),
    }.get(curve)
    if wanted is None:
        return np.zeros((size, len(level)), np.float32)
    known = ~np.isnan(level)
    rank = np.full(len(level), 0.5)
    rank[known] = np.argsort(np.argsort(level[known], kind="stable")) / max(int(known.sum()) - 1, 1)
    return np.asarray(np.abs(wanted[:, None] - rank), np.float32)


def _first_order(
    edges: Floats,
    places: Floats,
    labels: Indices,
    gap: int,
    caps: Indices,
    *,
    ends: tuple[int | None, int | None],
) -> Indices:
    """Take the cheapest next track that keeps the rules, else the cheapest."""
    first, last = ends
    size, pool = places.shape
    free = np.ones(pool, np.bool_)
    order: list[int] = []
    to_come = [] if last is None else [last]
    free[to_come] = False
    for at in range(size):
        if at == 0 and first is not None:
            chosen = first
        elif at == size - 1 and last is not None:
            chosen = last
        else:
            costs = places[at] + (edges[order[-1]] if order else np.float32(0))
            costs = costs + np.where(
                _is_barred(order + to_come, labels, order[max(0, at - gap) :], caps), 10, 0
            )
            costs[~free] = np.inf
            chosen = int(np.argmin(costs))
        free[chosen] = False
        order.append(chosen)
    return np.array(order, np.int64)


def _is_barred(taken: list[int], labels: Indices, near: list[int], caps: Indices) -> NDArray[np.bool_]:
    barred: NDArray[np.bool_] = np.isin(labels[0], labels[0, near]) & (labels[0] >= 0)
    for kind, most in enumerate(caps):
        names, counts = np.unique(labels[kind, taken], return_counts=True)
        barred |= np.isin(labels[kind], names[counts >= most]) & (labels[kind] >= 0)
    return barred
