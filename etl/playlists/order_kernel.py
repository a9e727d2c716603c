"""Compiled: which tracks of a pool, in which order, by local search from a first order.

What is minimized: the mean cost of the transitions, plus the dearest one, plus the mean cost of the places
(how far each track is from what is wanted there). What must hold (gaps between tracks of an artist, caps, no
recording twice) counts first: an order that breaks fewer rules is better whatever it costs.

The moves are the classic ones for paths whose costs depend on the direction: a track of the pool in place of
another, two tracks exchanged, a run of up to three moved, a run reversed; then double bridges, random swaps
and another descent, a fixed number of times. The generator of random numbers is written out, so that equal
input gives equal output on every machine.

References
----------
.. [1] Johnson and McGeoch, "The traveling salesman problem: a case study in local optimization", 1997.
.. [2] Martin, Otto and Felten, "Large-step Markov chains for the traveling salesman problem", Complex Systems
   5, 1991 (the double bridge).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]


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
        edge = edges[order[at - 1], order[at]]
        total += edge
        dearest = max(dearest, edge)
        place += places[at, order[at]]
    return total / max(order.size - 1, 1), dearest, place / order.size


@kernel
def rules_broken(order: Indices, labels: Indices, gap: int, caps: Indices) -> int:
    """Count the rules that an order breaks.

    Parameters
    ----------
    order
        Tracks by number.
    labels
        Shape (3, n): artist, album and recording of each track by number, -1 for none.
    gap
        Tracks of other artists between two of one at least.
    caps
        Shape (3,): most tracks with the same artist, album, recording.
    """
    broken = 0
    for at in range(order.size):
        for kind in range(3):
            label = labels[kind, order[at]]
            if label < 0:
                continue
            seen = 0
            for before in range(at):
                if labels[kind, order[before]] == label:
                    seen += 1
                    if kind == 0 and at - before <= gap:
                        broken += 1
            if seen >= caps[kind]:
                broken += 1
    return broken


@kernel
def improve(
    order: Indices,
    edges: Floats,
    places: Floats,
    labels: Indices,
    gap: int,
    caps: Indices,
    fixed: NDArray[np.bool_],
    kicks: int,
    seed: int,
) -> Indices:
    """Improve an order.

    Parameters
    ----------
    order
        The first order, shape (m,), m at least 2, without repeats.
    edges, places, labels, gap, caps
        As in :func:`path_cost` and :func:`rules_broken`.
    fixed
        Shape (m,): positions that keep their track.
    kicks
        How often the search is shaken.
    seed
        Of the random numbers.
    """
    state = np.array([seed * 2654435761 + 1], np.uint64)
    best = order.copy()
    best_broken, best_cost = _descend(best, edges, places, labels, gap, caps, fixed)
    free = 0
    for at in range(order.size):
        free += not fixed[at]
    if free < 2:
        return best
    for _ in range(kicks):
        trial = best.copy()
        _shake(trial, edges.shape[0], fixed, state)
        broken, cost = _descend(trial, edges, places, labels, gap, caps, fixed)
        if broken < best_broken or (broken == best_broken and cost < best_cost - 1e-9):
            best, best_broken, best_cost = trial, broken, cost
    return best


@kernel
def _random(state: NDArray[np.uint64], below: int) -> int:
    """Give a number from 0 to ``below`` - 1 (xorshift64*)."""
    word = state[0]
    word ^= word >> np.uint64(12)
    word ^= word << np.uint64(25)
    word ^= word >> np.uint64(27)
    state[0] = word
    return int(((word * np.uint64(2685821657736338717)) >> np.uint64(33)) % np.uint64(below))


@kernel
def _shake(order: Indices, pool: int, fixed: NDArray[np.bool_], state: NDArray[np.uint64]) -> None:
    """Exchange two runs of the free middle, and a few tracks for others of the pool."""
    first, last = 0, order.size
    while first < last and fixed[first]:
        first += 1
    while last > first and fixed[last - 1]:
        last -= 1
    size = last - first
    if size >= 4:
        cuts = np.sort(
            np.array([_random(state, size + 1), _random(state, size + 1), _random(state, size + 1)])
        )
        a, b, c = first + cuts[0], first + cuts[1], first + cuts[2]
        order[a:c] = np.concatenate((order[b:c], order[a:b]))
    elif size >= 2:
        a, b = first + _random(state, size), first + _random(state, size)
        order[a], order[b] = order[b], order[a]
    if pool > order.size:
        used = np.zeros(pool, np.bool_)
        used[order] = True
        for _ in range(1 + size // 16):
            at, other = first + _random(state, size), _random(state, pool)
            if not used[other] and not fixed[at]:
                used[order[at]] = False
                used[other] = True
                order[at] = other


@kernel
def _descend(
    order: Indices,
    edges: Floats,
    places: Floats,
    labels: Indices,
    gap: int,
    caps: Indices,
    fixed: NDArray[np.bool_],
) -> tuple[int, float]:
    """Make moves while one improves the order; give the rules broken and the cost that are left."""
    size, pool = order.size, edges.shape[0]
    mean, dearest, place = path_cost(order, edges, places)
    cost = mean + dearest + place
    broken = rules_broken(order, labels, gap, caps)
    used = np.zeros(pool, np.bool_)
    used[order] = True
    trial = order.copy()
    before, after = np.zeros(size + 1), np.zeros(size + 1)
    improved = True
    while improved:
        improved = False
        if pool > size:
            for at in range(size):
                if fixed[at]:
                    continue
                # The dearest transition on either side of the position, its own two left out.
                before[0] = after[size] = 0.0
                for step in range(1, size):
                    edge = edges[order[step - 1], order[step]]
                    before[step] = max(before[step - 1], edge)
                for step in range(size - 1, 0, -1):
                    edge = edges[order[step - 1], order[step]]
                    after[step] = max(after[step + 1] if step + 1 < size else 0.0, edge)
                left = before[at - 1] if at >= 1 else 0.0
                right = after[at + 2] if at + 2 < size else 0.0
                old = 0.0
                if at > 0:
                    old += edges[order[at - 1], order[at]]
                if at + 1 < size:
                    old += edges[order[at], order[at + 1]]
                base = mean * (size - 1) - old
                base_place = place * size - places[at, order[at]]
                limit = cost if broken == 0 else np.inf
                chosen, chosen_cost, chosen_broken = -1, limit, broken
                for other in range(pool):
                    if used[other]:
                        continue
                    into = edges[order[at - 1], other] if at > 0 else 0.0
                    out = edges[other, order[at + 1]] if at + 1 < size else 0.0
                    new = (
                        (base + into + out) / (size - 1)
                        + max(left, right, into, out)
                        + (base_place + places[at, other]) / size
                    )
                    if new >= chosen_cost - 1e-9 and broken == 0:
                        continue
                    kept = order[at]
                    order[at] = other
                    count = rules_broken(order, labels, gap, caps)
                    order[at] = kept
                    if count < chosen_broken or (
                        count == chosen_broken and new < min(chosen_cost, cost) - 1e-9
                    ):
                        chosen, chosen_cost, chosen_broken = other, new, count
                if chosen >= 0:
                    used[order[at]] = False
                    used[chosen] = True
                    order[at] = chosen
                    mean, dearest, place = path_cost(order, edges, places)
                    cost, broken = mean + dearest + place, chosen_broken
                    improved = True
        for kind in range(5):
            # 0: a run reversed; 1: two tracks exchanged; 2 to 4: a run of 1 to 3 moved
            for i in range(size):
                for j in range(size + 1):
                    length = kind - 1
                    if kind < 2:
                        if j <= i or j == size or fixed[i] or fixed[j]:
                            continue
                        low, high = i, j
                    else:
                        if i + length > size or i <= j <= i + length:
                            continue
                        low, high = min(i, j), max(i + length, j) - 1
                    bound = _bound(order, edges, kind, i, j, size)
                    if broken == 0 and mean + bound / (size - 1) >= cost - 1e-9:
                        continue
                    blocked = False
                    for step in range(low, high + 1):
                        blocked = blocked or fixed[step]
                    if blocked:
                        continue
                    trial[:] = order
                    if kind == 0:
                        trial[i : j + 1] = order[i : j + 1][::-1]
                    elif kind == 1:
                        trial[i], trial[j] = order[j], order[i]
                    elif j < i:
                        trial[j : j + length] = order[i : i + length]
                        trial[j + length : i + length] = order[j:i]
                    else:
                        trial[i : j - length] = order[i + length : j]
                        trial[j - length : j] = order[i : i + length]
                    new_mean, new_dearest, new_place = path_cost(trial, edges, places)
                    new = new_mean + new_dearest + new_place
                    if broken == 0 and new >= cost - 1e-9:
                        continue
                    count = rules_broken(trial, labels, gap, caps)
                    if count < broken or (count == broken and new < cost - 1e-9):
                        order[:] = trial
                        mean, dearest, place, cost, broken = new_mean, new_dearest, new_place, new, count
                        improved = True
    return broken, cost


@kernel
def _bound(order: Indices, edges: Floats, kind: int, i: int, j: int, size: int) -> float:
    """Give the least by which the sum of transitions changes; a reversal may save all that it turns round."""
    if kind == 0:
        change = 0.0
        for step in range(i, j):
            change += edges[order[step + 1], order[step]] - edges[order[step], order[step + 1]]
        if i > 0:
            change += edges[order[i - 1], order[j]] - edges[order[i - 1], order[i]]
        if j + 1 < size:
            change += edges[order[i], order[j + 1]] - edges[order[j], order[j + 1]]
        return change
    if kind == 1:
        change = 0.0
        if j == i + 1:
            change += edges[order[j], order[i]] - edges[order[i], order[j]]
        else:
            change += edges[order[j], order[i + 1]] - edges[order[i], order[i + 1]]
            change += edges[order[j - 1], order[i]] - edges[order[j - 1], order[j]]
        if i > 0:
            change += edges[order[i - 1], order[j]] - edges[order[i - 1], order[i]]
        if j + 1 < size:
            change += edges[order[i], order[j + 1]] - edges[order[j], order[j + 1]]
        return float(change)
    end = i + kind - 2
    change = 0.0
    if i > 0:
        change -= edges[order[i - 1], order[i]]
    if end + 1 < size:
        change -= edges[order[end], order[end + 1]]
    if i > 0 and end + 1 < size:
        change += edges[order[i - 1], order[end + 1]]
    if j > 0:
        change += edges[order[j - 1], order[i]]
    if j < size:
        change += edges[order[end], order[j]]
    if 0 < j < size:
        change -= edges[order[j - 1], order[j]]
    return float(change)
