"""Compiled: what a move would make of the cost of an order, and the best move beside a position.

A move changes a few transitions, so that its cost is worked out from sums along the order (:func:`survey`) in
a constant number of steps, save for the places of a run that is reversed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from etl.playlists.order_kernel import times_near
from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Indices = NDArray[np.int64]
    Flags = NDArray[np.bool_]

LEAST: Final = 1e-9
"""What is cheaper by less is not cheaper."""

MOVED, TURNED, EXCHANGED, REVERSED = 0, 1, 2, 3
"""Moves: a run of up to three goes elsewhere, as it is or turned; two are exchanged; a run is reversed."""

LONGEST_RUN: Final = 3
"""Tracks of a run that goes elsewhere."""

_DEAREST: Final = 6
"""Transitions that are looked through for the dearest: a move replaces five at most."""

# Rows of a survey: transitions onwards and backwards, their sums up to a position, the dearest before and
# from a position on; then sums of the places as they are, and shifted by one to three to the left and right.
ON, BACK, SUM_ON, SUM_BACK, BEFORE, FROM, _PLACES = 0, 1, 2, 3, 4, 5, 6
SURVEY_ROWS: Final = _PLACES + 1 + 2 * LONGEST_RUN


@kernel
def survey(
    order: Indices, edges: Floats, places: Floats, shifting: bool, sums: Doubles, dearest: Indices
) -> tuple[float, float, float]:
    """Fill in the sums that moves are judged by; give sum and dearest of transitions, and sum of places.

    Parameters
    ----------
    order, edges, places
        As of :func:`path_cost`.
    shifting
        Whether places differ by position.
    sums
        Shape (SURVEY_ROWS, m + 1): filled in.
    dearest
        Shape (6,): positions of the dearest transitions, filled in; -1 where there are fewer.
    """
    size = order.size
    sums[BEFORE, 0] = sums[SUM_ON, 0] = sums[SUM_BACK, 0] = 0.0
    dearest[:] = -1
    for at in range(size - 1):
        on = np.float64(edges[order[at], order[at + 1]])
        back = np.float64(edges[order[at + 1], order[at]])
        sums[ON, at], sums[BACK, at] = on, back
        sums[SUM_ON, at + 1] = sums[SUM_ON, at] + on
        sums[SUM_BACK, at + 1] = sums[SUM_BACK, at] + back
        sums[BEFORE, at + 1] = max(sums[BEFORE, at], on)
        rank = _DEAREST
        while rank > 0 and (dearest[rank - 1] < 0 or sums[ON, dearest[rank - 1]] < on):
            rank -= 1
        for lower in range(_DEAREST - 1, rank, -1):
            dearest[lower] = dearest[lower - 1]
        if rank < _DEAREST:
            dearest[rank] = at
    sums[FROM, size - 1] = sums[FROM, size] = 0.0
    for at in range(size - 2, -1, -1):
        sums[FROM, at] = max(sums[FROM, at + 1], sums[ON, at])
    total = 0.0
    for at in range(size):
        total += places[at, order[at]]
    if shifting:
        for row in range(1 + 2 * LONGEST_RUN):
            shift = 0 if row == 0 else (-row if row <= LONGEST_RUN else row - LONGEST_RUN)
            sums[_PLACES + row, 0] = 0.0
            for at in range(size):
                there = min(max(at + shift, 0), size - 1)
                sums[_PLACES + row, at + 1] = sums[_PLACES + row, at] + places[there, order[at]]
    return sums[SUM_ON, size - 1], sums[BEFORE, size - 1], total


@kernel
def cost_after(
    kind: int,
    i: int,
    length: int,
    j: int,
    order: Indices,
    edges: Floats,
    places: Floats,
    shifting: bool,
    sums: Doubles,
    dearest: Indices,
    place: float,
) -> float:
    """Give what the order would cost after a move.

    Parameters
    ----------
    kind, i, length, j
        ``MOVED`` or ``TURNED``: the run of ``length`` from position ``i`` goes before position ``j``, which
        is not within it; ``EXCHANGED``: positions i < j; ``REVERSED``: from i to j.
    order, edges, places, shifting, sums, dearest
        As :func:`survey` left them.
    place
        Sum of the places now.
    """
    size = order.size
    if kind == REVERSED:
        added = sums[SUM_BACK, j] - sums[SUM_BACK, i]
        worst = max(sums[BEFORE, max(i - 1, 0)], sums[FROM, j + 1])
        removed = sums[SUM_ON, j] - sums[SUM_ON, i]
        if i > 0:
            edge = np.float64(edges[order[i - 1], order[j]])
            added, removed, worst = added + edge, removed + sums[ON, i - 1], max(worst, edge)
        if j + 1 < size:
            edge = np.float64(edges[order[i], order[j + 1]])
            added, removed, worst = added + edge, removed + sums[ON, j], max(worst, edge)
        for at in range(i, j):
            worst = max(worst, sums[BACK, at])
        if shifting:
            for at in range(i, j + 1):
                place += places[i + j - at, order[at]] - places[at, order[at]]
        return float((sums[SUM_ON, size - 1] - removed + added) / (size - 1) + worst + place / size)
    if kind == EXCHANGED:
        # The transitions into and out of both; where they are neighbors, one of them lies between.
        a, b, c, d = i - 1, i, j - 1, j
        e, f = -1, -1
        added, worst = 0.0, 0.0
        if i > 0:
            edge = np.float64(edges[order[i - 1], order[j]])
            added, worst = added + edge, max(worst, edge)
        if j == i + 1:
            c = -1
            edge = np.float64(edges[order[j], order[i]])
            added, worst = added + edge, max(worst, edge)
        else:
            edge = np.float64(edges[order[j], order[i + 1]])
            added, worst = added + edge, max(worst, edge)
            edge = np.float64(edges[order[j - 1], order[i]])
            added, worst = added + edge, max(worst, edge)
        if j + 1 < size:
            edge = np.float64(edges[order[i], order[j + 1]])
            added, worst = added + edge, max(worst, edge)
        else:
            d = -1
        if shifting:
            place += places[i, order[j]] - places[i, order[i]] + places[j, order[i]] - places[j, order[j]]
    else:
        end = i + length - 1
        a, b, c, d, e, f = i - 1, end, j - 1, -1, -1, -1
        if end + 1 == size:
            b = -1
        if j == size:
            c = -1
        added, worst = 0.0, 0.0
        head, tail = order[i], order[end]
        if kind == TURNED:
            head, tail = tail, head
            d, e = i, (i + 1 if length > 2 else -1)
            for at in range(i, end):
                added, worst = added + sums[BACK, at], max(worst, sums[BACK, at])
        if i > 0 and end + 1 < size:
            edge = np.float64(edges[order[i - 1], order[end + 1]])
            added, worst = added + edge, max(worst, edge)
        if j > 0:
            edge = np.float64(edges[order[j - 1], head])
            added, worst = added + edge, max(worst, edge)
        if j < size:
            edge = np.float64(edges[tail, order[j]])
            added, worst = added + edge, max(worst, edge)
        if shifting:
            first = j if j < i else j - length
            if j < i:
                row = _PLACES + LONGEST_RUN + length
                place += sums[row, i] - sums[row, j] - sums[_PLACES, i] + sums[_PLACES, j]
            else:
                row = _PLACES + length
                place += sums[row, j] - sums[row, end + 1] - sums[_PLACES, j] + sums[_PLACES, end + 1]
            for step in range(length):
                track = order[end - step] if kind == TURNED else order[i + step]
                place += places[first + step, track] - places[i + step, order[i + step]]
    removed = 0.0
    for at in (a, b, c, d, e, f):
        if at >= 0:
            removed += sums[ON, at]
    for rank in range(_DEAREST):
        at = dearest[rank]
        if at < 0 or at not in (a, b, c, d, e, f):
            if at >= 0:
                worst = max(worst, sums[ON, at])
            break
    return float((sums[SUM_ON, size - 1] - removed + added) / (size - 1) + worst + place / size)


@kernel
def make_move(kind: int, i: int, length: int, j: int, order: Indices, made: Indices) -> None:
    """Write the order after a move, see :func:`cost_after`, into ``made``."""
    made[:] = order
    if kind == REVERSED:
        for at in range(i, j + 1):
            made[at] = order[i + j - at]
    elif kind == EXCHANGED:
        made[i], made[j] = order[j], order[i]
    else:
        first = j if j < i else j - length
        if j < i:
            for at in range(j, i):
                made[at + length] = order[at]
        else:
            for at in range(i + length, j):
                made[at - length] = order[at]
        for step in range(length):
            made[first + step] = order[i + length - 1 - step] if kind == TURNED else order[i + step]


@kernel
def wake(order: Indices, at: int, awake: Flags) -> None:
    """Wake the tracks on either side of the transition into a position."""
    if at > 0:
        awake[order[at - 1]] = True
    if at < order.size:
        awake[order[at]] = True


@kernel
def best_move(
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
    state = np.array([np.float64(near), cost - LEAST, -1.0, 0.0, 0.0, 0.0])
    limits = np.array([np.inf, np.inf])
    full = shifting or near > 0
    args = (order, edges, places, shifting, labels, gap, sums, dearest, place, near, made, state)
    if not full:
        # Below what change of the sum the order may be cheaper: where the dearest stays, and where it goes.
        left, total = cost - LEAST - place / size, sums[SUM_ON, size - 1]
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
        wake(best, cut, awake)
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
