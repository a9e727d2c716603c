"""Compiled: what an order of tracks costs, and what rules it breaks.

An order costs the mean of its transitions, plus the dearest one, plus the mean of its places (how far each
track is from what is wanted there).
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
