"""Choose tracks and their order together: a first order that keeps the rules, then local search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.playlists.order_kernel import path_cost, times_near, times_over
from etl.playlists.rules import Curve
from etl.playlists.search_kernel import improve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.playlists.rules import Rules

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]

BAND: Final = 0.15
"""Largest distance of a level from the curve, in shares of the tracks."""

PLACE_WEIGHT: Final = 1.3
"""What a place weighs against the mean transition. At 1 fifty of five hundred tracks would be 5.4 % farther
from the seed than the fifty nearest (`python -m benchmarks.playlists`)."""

_LONG: Final = 60
_TIMES_WITHOUT: Final = 4
"""How often a list of more tracks than that is sought without its dearest transition, which may take more
changes than a shake makes."""

_OUTSIDE: Final = 10.0
"""What a place outside the band costs: more than any list."""

_SEED: Final = 1
_LENGTHS: Final = (10, 50, 100, 200, 1000)
_KICKS: Final = (300, 40, 800, 200, 60)
"""Shakes of the search for lists of these lengths. Short ones cost little; fifty tracks stay below 30 ms; a
hundred, at half a second to one, come within 2 % of the best that is known in twenty libraries
(`python -m benchmarks.playlists`)."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Tracks in order.

    Attributes
    ----------
    order
        Numbers of the tracks.
    mean, dearest, place
        Of the transitions, and of what was wanted at each place; 0 to 1, what lies outside a curve more.
    near
        Pairs of tracks of one artist that are nearer than asked.
    over
        Tracks beyond what one artist, album or recording may have.
    """

    order: Indices
    mean: float
    dearest: float
    place: float
    near: int
    over: int


def choose(
    edges: Floats,
    places: Floats,
    labels: Indices,
    rules: Rules,
    *,
    first: int | None = None,
    last: int | None = None,
    seconds: NDArray[np.float64] | None = None,
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
    seconds
        Shape (n,): length of each track; not needed where the list may last any time.
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
    labels = np.stack([np.unique(kind, return_inverse=True)[1] - (kind < 0).any() for kind in labels])
    caps = np.array([rules.per_artist, rules.per_album, 1], np.int64)
    weighed = np.float32(PLACE_WEIGHT) * places
    order = _first_order(edges, weighed, labels, rules.gap, caps, ends=(first, last))
    free = (int(first is not None), size - (last is not None))
    lengths = np.zeros(edges.shape[0]) if seconds is None else seconds
    shakes = int(np.interp(size, _LENGTHS, _KICKS)) if kicks is None else kicks

    def improved(order: Indices, edges: Floats, shakes: int, enough: float = 0.0) -> Indices:
        rest = (weighed, labels, rules.gap, caps, lengths, rules.window, free)
        return improve(order, edges, *rest, shakes, _SEED, enough)

    if size > 1:
        order = improved(order, edges, shakes)
    for _ in range(_TIMES_WITHOUT if size > _LONG else 0):
        mean, dearest, place = path_cost(order, edges, weighed)
        cost = mean + dearest + place
        without = improved(order, np.where(edges >= dearest, edges + 1, edges), shakes, cost)
        other = improved(without, edges, shakes // 4)
        if sum(path_cost(other, edges, weighed)) >= cost:
            break
        order = other
    mean, dearest, place = path_cost(order, edges, places)
    near, over = times_near(order, labels, rules.gap), times_over(order, labels, caps)
    return Choice(order, mean, dearest, place, near, over)


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
        Shape (m, n), float32: the difference of the rank among the tracks, 0 the softest, 1 the loudest, to
        what is wanted there; more than any list costs where it is beyond the band.
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
    away = np.abs(wanted[:, None] - rank)
    return np.asarray(away + _OUTSIDE * (away > BAND), np.float32)


def widest_gap(artists: Indices, size: int, gap: int) -> int:
    """Give the largest gap, ``gap`` at most, that a list can keep.

    With a gap of g, of each g + 1 neighbors one at most is of an artist: an artist has at most as many tracks
    as there are such groups, and in the group that is cut short there is room for so many only.

    Parameters
    ----------
    artists
        Shape (n,): artist of each track of the pool, -1 for nobody.
    size
        Tracks of the list.
    gap
        What was asked for.

    Examples
    --------
    >>> widest_gap(np.array([0, 0, 0, 1, 1, 2, 2]), 6, 8)
    2
    """
    counts = np.bincount(artists[artists >= 0]) if (artists >= 0).any() else np.zeros(1, np.int64)
    nobody = int((artists < 0).sum())
    for kept in range(gap, 0, -1):
        groups, rest = divmod(size, kept + 1)
        most = int(np.minimum(counts, groups).sum()) + min(rest, int((counts > groups).sum()))
        if most + nobody >= size:
            return kept
    return 0


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
    free = np.zeros(pool)
    order: list[int] = []
    taken, heard_at = (
        np.zeros((3, pool + 1), np.int64),
        np.full(pool + 1, -gap - 2),
    )  # the last row is nobody's

    def take(track: int, at: int) -> None:
        free[track] = np.inf
        taken[np.arange(3), labels[:, track]] += 1
        heard_at[labels[0, track]] = at
        taken[:, -1], heard_at[-1] = 0, -gap - 2

    if last is not None:
        take(last, -gap - 2)
    for at in range(size):
        if at == 0 and first is not None:
            chosen = first
        elif at == size - 1 and last is not None:
            chosen = last
        else:
            costs = free + places[at] + (edges[order[-1]] if order else np.float32(0))
            costs += 1e2 * (at - heard_at[labels[0]] <= gap)
            for kind, most in enumerate(caps):
                costs += 1e4 * (taken[kind, labels[kind]] >= most)
            chosen = int(np.argmin(costs))
        order.append(chosen)
        if chosen != last:
            take(chosen, at)
    return np.array(order, np.int64)
