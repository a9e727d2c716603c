"""Compiled: which tracks of a pool, in which order, by local search from a first order.

What must hold (gaps between tracks of an artist, caps, no recording twice, the time that the list takes)
counts first: an order that breaks less is better whatever it costs.

The moves are the classic ones for paths whose costs depend on the direction: a track of the pool in place of
another, two tracks exchanged, a run of up to three moved or turned, a run reversed. Only around tracks
beside which something has changed is the search repeated. Then two neighboring runs change places (the
double bridge, kept short), or tracks of the pool come in, and the search goes on from there; what is not
better is taken back. That is done a fixed number of times. The generator of random numbers is written out,
so that equal input gives equal output on every machine.

References
----------
.. [1] Johnson and McGeoch, "The traveling salesman problem: a case study in local optimization", 1997.
.. [2] Martin, Otto and Felten, "Large-step Markov chains for the traveling salesman problem", Complex Systems
   5, 1991 (the double bridge).
.. [3] Bentley, "Fast algorithms for geometric traveling salesman problems", ORSA Journal on Computing 4, 1992
   (looking only where something has changed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from etl.playlists.move_kernel import BEFORE, FROM, LEAST, SURVEY_ROWS, best_move, survey, wake
from etl.playlists.order_kernel import times_near, times_over
from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Indices = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_OVER: Final = 1000.0
"""What a track too many of one artist counts, in tracks that are too near."""

_MINUTE_S: Final = 60.0
"""What time off counts in: a minute as much as a track that is too near."""

_LONGEST_BRIDGE: Final = 8
_DRAWN: Final = 8
"""Tracks of the pool that are drawn for a place when the search is shaken; the best of them comes in."""

_TO_COOL: Final = 8.0
"""Shakes for each track with which the search may begin by going on from orders that cost a mean transition
more, shared out over the list; it goes on from dearer ones the less, the nearer it is to its end. With fewer
shakes it gets less far up than it must come down."""

_KICKS_IN_VAIN: Final = 60
"""Where a rule cannot be kept, each step is slow, and more of them seldom help."""


@kernel
def improve(
    order: Indices,
    edges: Floats,
    places: Floats,
    labels: Indices,
    gap: int,
    caps: Indices,
    seconds: Doubles,
    window: tuple[float, float],
    free: tuple[int, int],
    kicks: int,
    seed: int,
    enough: float,
) -> Indices:
    """Improve an order.

    Parameters
    ----------
    order
        The first order, shape (m,), m at least 2, without repeats.
    edges, places, labels, gap, caps
        As in :mod:`etl.playlists.order_kernel`.
    seconds
        Shape (n,): length of each track.
    window
        Least and most seconds of all together.
    free
        First position that may change, and the one after the last.
    kicks
        How often the search is shaken.
    seed
        Of the random numbers.
    enough
        An order that costs less and breaks no rule is returned at once.
    """
    size, pool = order.size, edges.shape[0]
    across = np.ascontiguousarray(edges.T)
    shifting = False
    for at in range(1, size):
        shifting = shifting or not np.array_equal(places[at], places[0])
    state = np.array([seed * 2654435761 + 1], np.uint64)
    best = order.copy()
    awake, used = np.ones(pool, np.bool_), np.zeros(pool, np.bool_)
    args = (edges, across, places, shifting, labels, gap, caps, seconds, window, free)
    broken, cost = _descend(best, awake, *args)
    if free[1] - free[0] < 2 and pool == size:
        return best
    current, trial = best.copy(), best.copy()
    current_broken, current_cost = broken, cost
    warmth = cost / size * min(1.0, kicks / (_TO_COOL * size))
    for kick in range(kicks):
        if cost < enough if broken == 0.0 else kick >= _KICKS_IN_VAIN:
            break
        trial[:] = current
        awake[:] = False
        _shake(trial, edges, places, free, awake, used, state)
        new_broken, new_cost = _descend(trial, awake, *args)
        bound = current_cost + warmth * (1.0 - kick / kicks) + LEAST
        if new_broken < current_broken - LEAST or (new_broken <= current_broken + LEAST and new_cost < bound):
            current[:] = trial
            current_broken, current_cost = new_broken, new_cost
        if new_broken < broken - LEAST or (new_broken <= broken + LEAST and new_cost < cost + LEAST):
            best[:] = trial
            broken, cost = new_broken, new_cost
    return best


@kernel
def _random(state: NDArray[np.uint64], below: int) -> int:
    """Give a number from 0 to ``below`` - 1 (xorshift64*)."""
    word = state[0]
    word ^= word >> np.uint64(12)
    word ^= word << np.uint64(25)
    word ^= word >> np.uint64(27)
    state[0] = word
    drawn = ((word * np.uint64(2685821657736338717)) >> np.uint64(33)) % np.uint64(below)
    return int(np.int64(drawn))


@kernel
def _shake(
    order: Indices, edges: Floats, places: Floats, free: tuple[int, int], awake: Flags, used: Flags,
    state: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Let two neighboring runs change places, or tracks of the pool come in; wake what is beside them."""
    first, last = free
    size, pool = last - first, edges.shape[0]
    if pool > order.size and (size < 4 or _random(state, 2) == 0):
        used[:] = False
        used[order] = True
        for _ in range(1 + _random(state, 2)):
            at = first + _random(state, size)
            chosen, least = -1, np.inf
            for _ in range(_DRAWN):
                other = _random(state, pool)
                if not used[other]:
                    cost = np.float64(places[at, other])
                    if at > 0:
                        cost += edges[order[at - 1], other]
                    if at + 1 < order.size:
                        cost += edges[other, order[at + 1]]
                    if cost < least:
                        chosen, least = other, cost
            if chosen >= 0:
                used[order[at]], used[chosen] = False, True
                order[at] = chosen
                wake(order, at, awake)
                wake(order, at + 1, awake)
        return
    longest = min(_LONGEST_BRIDGE, size // 2)
    if longest < 1:
        return
    a, b = 1 + _random(state, longest), 1 + _random(state, longest)
    start = first + _random(state, size - a - b + 1)
    run = order[start : start + a].copy()
    for step in range(b):
        order[start + step] = order[start + a + step]
    for step in range(a):
        order[start + b + step] = run[step]
    for at in (start, start + b, start + a + b):
        wake(order, at, awake)


@kernel
def _minutes_off(total: float, window: tuple[float, float]) -> float:
    return max(window[0] - total, total - window[1], 0.0) / _MINUTE_S


@kernel
def _descend(
    order: Indices,
    awake: Flags,
    edges: Floats,
    across: Floats,
    places: Floats,
    shifting: bool,
    labels: Indices,
    gap: int,
    caps: Indices,
    seconds: Doubles,
    window: tuple[float, float],
    free: tuple[int, int],
) -> tuple[float, float]:
    """Make moves beside tracks that are awake while one is better; give what is broken, and the cost."""
    size, pool = order.size, edges.shape[0]
    sums, dearest = np.zeros((SURVEY_ROWS, size + 1)), np.zeros(8, np.int64)
    total, worst, place = survey(order, edges, places, shifting, sums, dearest)
    cost = total / (size - 1) + worst + place / size
    near = times_near(order, labels, gap)
    lasts = 0.0
    for at in range(size):
        lasts += seconds[order[at]]
    rest = _OVER * times_over(order, labels, caps) + _minutes_off(lasts, window)
    used = np.zeros(pool, np.bool_)
    used[order] = True
    counts = np.zeros((3, pool), np.int64)
    for kind in range(3):
        for at in range(size):
            if labels[kind, order[at]] >= 0:
                counts[kind, labels[kind, order[at]]] += 1
    made, best = order.copy(), order.copy()
    if size > 1:
        wake(order, dearest[0] + 1, awake)
    improved = True
    while improved:
        improved = False
        for at in range(free[0], free[1]):
            if not awake[order[at]]:
                continue
            awake[order[at]] = False
            if pool > size:
                other = _replacement(
                    order, at, used, edges, across, places, labels, gap, caps, seconds, window,
                    sums, counts, total, place, lasts, near + rest, cost,
                )  # fmt: skip
                if other >= 0:
                    old = order[at]
                    used[old], used[other] = False, True
                    for kind in range(3):
                        if labels[kind, old] >= 0:
                            counts[kind, labels[kind, old]] -= 1
                        if labels[kind, other] >= 0:
                            counts[kind, labels[kind, other]] += 1
                    lasts += seconds[other] - seconds[old]
                    order[at] = other
                    total, worst, place = survey(order, edges, places, shifting, sums, dearest)
                    cost = total / (size - 1) + worst + place / size
                    near = times_near(order, labels, gap)
                    rest = _OVER * times_over(order, labels, caps) + _minutes_off(lasts, window)
                    wake(order, at, awake)
                    wake(order, at + 1, awake)
                    improved = True
            new_near, new_cost = best_move(
                order, at, free, edges, places, shifting, labels, gap, sums, dearest, place, near, cost,
                made, best, awake,
            )  # fmt: skip
            if new_near < near or (new_near == near and new_cost < cost - LEAST):
                order[:] = best
                total, worst, place = survey(order, edges, places, shifting, sums, dearest)
                cost = total / (size - 1) + worst + place / size
                near = new_near
                improved = True
    return near + rest, cost


@kernel
def _replacement(
    order: Indices, at: int, used: Flags, edges: Floats, across: Floats, places: Floats, labels: Indices,
    gap: int, caps: Indices, seconds: Doubles, window: tuple[float, float], sums: Doubles, counts: Indices,
    total: float, place: float, lasts: float, broken: float, cost: float,
) -> int:  # fmt: skip
    """Find the track of the pool that is best in place of another; -1 if none is better."""
    size, pool, old = order.size, edges.shape[0], order[at]
    into = edges[order[at - 1]] if at > 0 else edges[0]
    out = across[order[at + 1]] if at + 1 < size else across[0]
    has_into, has_out = np.float64(at > 0), np.float64(at + 1 < size)
    total -= has_into * into[old] + has_out * out[old]
    place -= places[at, old]
    worst = max(sums[BEFORE, max(at - 1, 0)], sums[FROM, min(at + 1, size)])
    here = places[at]
    old_near = _near_at(order, at, labels[0, old], labels, gap)
    chosen, least, least_broken = -1, cost - LEAST, broken
    for other in range(pool):
        if used[other]:
            continue
        a, b = has_into * into[other], has_out * out[other]
        new = (total + a + b) / (size - 1) + max(worst, a, b) + (place + here[other]) / size
        if broken <= LEAST and new >= least:
            continue
        change = np.float64(_near_at(order, at, labels[0, other], labels, gap) - old_near)
        for kind in range(3):
            gone, come = labels[kind, old], labels[kind, other]
            if gone != come:
                change += _OVER * (come >= 0 and counts[kind, come] >= caps[kind])
                change -= _OVER * (gone >= 0 and counts[kind, gone] > caps[kind])
        change += _minutes_off(lasts - seconds[old] + seconds[other], window) - _minutes_off(lasts, window)
        now = broken + change
        if now < least_broken - LEAST or (now < least_broken + LEAST and new < least):
            chosen, least, least_broken = other, new, now
    return chosen


@kernel
def _near_at(order: Indices, at: int, artist: int, labels: Indices, gap: int) -> int:
    """Count the tracks of an artist within the gap of a position, that one left out."""
    if artist < 0:
        return 0
    near = 0
    for other in range(max(0, at - gap), min(order.size, at + gap + 1)):
        near += other != at and labels[0, order[other]] == artist
    return near
