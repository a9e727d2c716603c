"""Compiled: what an order of tracks costs, what rules it breaks, and what a move would make of its cost.

An order costs the mean of its transitions, plus the dearest one, plus the mean of its places (how far each
track is from what is wanted there). A move changes a few transitions, so that its cost is worked out from
sums along the order (:func:`survey`) in a constant number of steps, save for the places of a run that is
reversed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Indices = NDArray[np.int64]

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
def path_cost(order: Indices, edges: Floats, places: Floats) -> tuple[float, float, float]:
    """Give the mean transition, the dearest one, and the mean place of an order.

    Parameters
    ----------
    order
        Tracks by number, shape (m,).
    edges
        Shape (n, n): cost of the transition from one track to another.
    places
        Shape (m, n): cost of a track at a position.
    """
    total, dearest, place = 0.0, 0.0, np.float64(places[0, order[0]])
    for at in range(1, order.size):
        edge = np.float64(edges[order[at - 1], order[at]])
        total += edge
        dearest = max(dearest, edge)
        place += places[at, order[at]]
    return total / max(order.size - 1, 1), dearest, place / order.size


@kernel
def times_near(order: Indices, labels: Indices, gap: int) -> int:
    """Count the pairs of tracks of one artist with fewer than ``gap`` tracks between.

    Parameters
    ----------
    order
        Tracks by number.
    labels
        Shape (3, n): artist, album and recording of each track by number, -1 for none.
    gap
        Tracks of others between two of one at least.
    """
    near = 0
    for at in range(1, order.size):
        artist = labels[0, order[at]]
        if artist >= 0:
            for before in range(max(0, at - gap), at):
                near += labels[0, order[before]] == artist
    return near


@kernel
def times_over(order: Indices, labels: Indices, caps: Indices) -> int:
    """Count the tracks beyond what one artist, album and recording may have (``caps``, shape (3,))."""
    over = 0
    for kind in range(3):
        for at in range(order.size):
            label = labels[kind, order[at]]
            if label >= 0:
                seen = 0
                for before in range(at):
                    seen += labels[kind, order[before]] == label
                over += seen >= caps[kind]
    return over


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
