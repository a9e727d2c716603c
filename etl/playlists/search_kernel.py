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

from etl.playlists.order_kernel import (
    BACK,
    BEFORE,
    EXCHANGED,
    FROM,
    LONGEST_RUN,
    MOVED,
    ON,
    REVERSED,
    SUM_BACK,
    SUM_ON,
    SURVEY_ROWS,
    TURNED,
    cost_after,
    make_move,
    survey,
    times_near,
    times_over,
)
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

_LEAST: Final = 1e-9
_LONGEST_BRIDGE: Final = 8
_DRAWN: Final = 8
"""Tracks of the pool that are drawn for a place when the search is shaken; the best of them comes in."""

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
    trial = best.copy()
    for kick in range(kicks):
        if broken > 0.0 and kick >= _KICKS_IN_VAIN:
            break
        trial[:] = best
        awake[:] = False
        _shake(trial, edges, places, free, awake, used, state)
        new_broken, new_cost = _descend(trial, awake, *args)
        if new_broken < broken - _LEAST or (new_broken <= broken + _LEAST and new_cost < cost + _LEAST):
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
                _wake(order, at, awake)
                _wake(order, at + 1, awake)
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
        _wake(order, at, awake)


@kernel
def _wake(order: Indices, at: int, awake: Flags) -> None:
    """Wake the tracks on either side of the transition into a position."""
    if at > 0:
        awake[order[at - 1]] = True
    if at < order.size:
        awake[order[at]] = True


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
        _wake(order, dearest[0] + 1, awake)
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
                    _wake(order, at, awake)
                    _wake(order, at + 1, awake)
                    improved = True
            new_near, new_cost = _best_move(
                order, at, free, edges, places, shifting, labels, gap, sums, dearest, place, near, cost,
                made, best, awake,
            )  # fmt: skip
            if new_near < near or (new_near == near and new_cost < cost - _LEAST):
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
    chosen, least, least_broken = -1, cost - _LEAST, broken
    for other in range(pool):
        if used[other]:
            continue
        a, b = has_into * into[other], has_out * out[other]
        new = (total + a + b) / (size - 1) + max(worst, a, b) + (place + here[other]) / size
        if broken <= _LEAST and new >= least:
            continue
        change = np.float64(_near_at(order, at, labels[0, other], labels, gap) - old_near)
        for kind in range(3):
            gone, come = labels[kind, old], labels[kind, other]
            if gone != come:
                change += _OVER * (come >= 0 and counts[kind, come] >= caps[kind])
                change -= _OVER * (gone >= 0 and counts[kind, gone] > caps[kind])
        change += _minutes_off(lasts - seconds[old] + seconds[other], window) - _minutes_off(lasts, window)
        now = broken + change
        if now < least_broken - _LEAST or (now < least_broken + _LEAST and new < least):
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


@kernel
def _best_move(
    order: Indices, at: int, free: tuple[int, int], edges: Floats, places: Floats, shifting: bool,
    labels: Indices, gap: int, sums: Doubles, dearest: Indices, place: float, near: int, cost: float,
    made: Indices, best: Indices, awake: Flags,
) -> tuple[int, float]:  # fmt: skip
    """Find the best move that changes what is beside a position; wake what it would change.

    A move is worked out in full only if the sum of transitions may fall by enough: by anything where the
    dearest one stays, else by less than what a cheaper dearest one saves.
    """
    first, last = free
    size = order.size
    on, w = sums[ON], dearest[0]
    cheapest = on[dearest[5]] if dearest[5] >= 0 else 0.0
    state = np.array([np.float64(near), cost - _LEAST, -1.0, 0.0, 0.0, 0.0])
    limits = np.array([np.inf, np.inf])
    full = shifting or near > 0
    args = (order, edges, places, shifting, labels, gap, sums, dearest, place, near, made, state)
    if not full:
        # Below what change of the sum the order may be cheaper: where the dearest stays, and where it goes.
        left, total = cost - _LEAST - place / size, sums[SUM_ON, size - 1]
        limits[0] = (left - on[w]) * (size - 1) - total
        limits[1] = (left - cheapest) * (size - 1) - total
    for way in range(2 * LONGEST_RUN - 1):  # runs that begin or end here go elsewhere
        length = 1 + (way + 1) // 2
        i = at if way % 2 == 0 else at - length + 1
        end = i + length - 1
        if i < first or end >= last:
            continue
        base, turn = 0.0, 0.0
        if i > 0:
            base -= on[i - 1]
        if end + 1 < size:
            base -= on[end]
        if i > 0 and end + 1 < size:
            base += edges[order[i - 1], order[end + 1]]
        for step in range(i, end):
            turn += sums[BACK, step] - on[step]
        head, tail = order[i], order[end]
        for j in range(first, last + 1):
            if i <= j <= end + 1:
                continue
            ahead, behind, ahead_turned, behind_turned = 0.0, 0.0, 0.0, 0.0
            if j > 0:
                ahead, ahead_turned = edges[order[j - 1], head], edges[order[j - 1], tail]
            if j < size:
                behind, behind_turned = edges[tail, order[j]], edges[head, order[j]]
            change = base + ahead + behind - (on[j - 1] if 0 < j < size else 0.0)
            limit = limits[1] if i - 1 <= w <= end or j - 1 == w else limits[0]
            if change < limit:
                _consider(MOVED, i, length, j, *args)
            if length > 1 and change + turn + ahead_turned + behind_turned - ahead - behind < limit:
                _consider(TURNED, i, length, j, *args)
    for j in range(at, min(at + 2, last + 1)):  # tracks come from elsewhere to either side
        for i in range(first, last):
            if i <= j <= i + 1:
                continue
            change = 0.0
            if i > 0:
                change -= on[i - 1]
            if i + 1 < size:
                change -= on[i]
            if i > 0 and i + 1 < size:
                change += edges[order[i - 1], order[i + 1]]
            if j > 0:
                change += edges[order[j - 1], order[i]]
            if j < size:
                change += edges[order[i], order[j]]
            if 0 < j < size:
                change -= on[j - 1]
            if change < (limits[1] if i - 1 == w or i == w or j - 1 == w else limits[0]):
                _consider(MOVED, i, 1, j, *args)
    for other in range(first, last):
        if other == at:
            continue
        i, j = min(at, other), max(at, other)
        change = sums[SUM_BACK, j] - sums[SUM_BACK, i] - sums[SUM_ON, j] + sums[SUM_ON, i]
        if i > 0:
            change += edges[order[i - 1], order[j]] - on[i - 1]
        if j + 1 < size:
            change += edges[order[i], order[j + 1]] - on[j]
        if change < (limits[1] if i - 1 <= w <= j else limits[0]):
            _consider(REVERSED, i, 0, j, *args)
        if j == i + 1:
            continue  # the same as a reversal
        change = edges[order[j], order[i + 1]] + edges[order[j - 1], order[i]] - on[i] - on[j - 1]
        if i > 0:
            change += edges[order[i - 1], order[j]] - on[i - 1]
        if j + 1 < size:
            change += edges[order[i], order[j + 1]] - on[j]
        if change < (limits[1] if w in (i - 1, i, j - 1, j) else limits[0]):
            _consider(EXCHANGED, i, 0, j, *args)
    if state[2] < 0.0:
        return near, cost
    kind, i, length, to = int(state[2]), int(state[3]), int(state[4]), int(state[5])
    make_move(kind, i, length, to, order, best)
    if kind == REVERSED:
        cuts = (i, to + 1, i, i)
    elif kind == EXCHANGED:
        cuts = (i, i + 1, to, to + 1)
    elif to < i:
        cuts = (to, to + length, i + length, to)
    else:
        cuts = (i, to - length, to, to)
    for cut in cuts:
        _wake(best, cut, awake)
    return int(state[0]), state[1]


@kernel
def _consider(
    kind: int, i: int, length: int, j: int, order: Indices, edges: Floats, places: Floats, shifting: bool,
    labels: Indices, gap: int, sums: Doubles, dearest: Indices, place: float, near: int, made: Indices,
    state: Doubles,
) -> None:  # fmt: skip
    """Keep a move in ``state`` (artists too near, cost, the move) if it is better than that there."""
    new = cost_after(kind, i, length, j, order, edges, places, shifting, sums, dearest, place)
    if near == 0 and new >= state[1]:
        return
    new_near = 0
    if gap > 0:
        make_move(kind, i, length, j, order, made)
        new_near = times_near(made, labels, gap)
    if new_near < state[0] or (new_near == state[0] and new < state[1]):
        state[:] = (
            np.float64(new_near),
            new,
            np.float64(kind),
            np.float64(i),
            np.float64(length),
            np.float64(j),
        )
