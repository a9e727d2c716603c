"""Recordings that are nearly the same: as long, and as near to one another as coding leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from etl.music.likeness import LikenessSpace

_BLOCK = 512


def near_copies(
    space: LikenessSpace, seconds: NDArray[np.float64], *, distance: float, apart_s: float
) -> list[list[int]]:
    """Group recordings of about the same length that sound nearly the same.

    Only lengths that are near are compared, so that a large library takes seconds.

    Parameters
    ----------
    space
        Where distances are measured.
    seconds
        Length of each recording, shape (n,).
    distance
        Largest distance of a pair, in standard deviations.
    apart_s
        Largest difference of length of a pair.

    Returns
    -------
    list
        Rows of each group of two or more, ascending; what is near to one of a group is of the group.
    """
    root = np.arange(len(seconds))
    for one, other in _near_pairs(space, seconds, distance, apart_s):
        lower, upper = sorted((_root(root, one), _root(root, other)))
        root[upper] = lower
    groups: dict[int, list[int]] = {}
    for row in range(len(root)):
        groups.setdefault(_root(root, row), []).append(row)
    return [rows for rows in groups.values() if len(rows) > 1]


def _near_pairs(
    space: LikenessSpace, seconds: NDArray[np.float64], distance: float, apart_s: float
) -> Iterator[tuple[int, int]]:
    order = np.argsort(seconds, kind="stable")
    points, lengths = space.points[order], seconds[order]
    norms = np.einsum("ij,ij->i", points, points)
    for start in range(0, len(order), _BLOCK):
        stop = min(start + _BLOCK, len(order))
        end = int(np.searchsorted(lengths, lengths[stop - 1] + apart_s, side="right"))
        squares = (
            norms[start:stop, None] + norms[start:end] - 2.0 * (points[start:stop] @ points[start:end].T)
        )
        # Rounding may hide how near a pair is, so what may be near is measured again.
        for i, j in np.argwhere(squares <= distance**2 + 1e-3):
            if i < j and lengths[start + j] - lengths[start + i] <= apart_s:
                away = points[start + i] - points[start + j]
                if float(away @ away) <= distance**2:
                    yield int(order[start + i]), int(order[start + j])


def _root(root: NDArray[np.intp], row: int) -> int:
    while root[row] != row:
        root[row] = root[root[row]]
        row = int(root[row])
    return row
