"""Which files are nearly the same: transposed, at another tempo, with a part more or less, edited a little.

Signatures are cut into bands of four hashes; files that agree in a band are compared whole [1]_. So nearly
every pair that is alike enough is found, and a library is sorted 32 times in place of compared pair by pair.

References
----------
.. [1] Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3rd ed., 2020, section 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIMILAR: Final = 0.5
"""Smallest share of shingles that near copies have in common: see docs/accuracy.md."""

FEWEST: Final = 12.0
"""Different shingles that a file must have: of shorter ones any two may be alike by chance."""

_BAND: Final = 4
_BLOCK: Final = 1 << 16


class NearCopies(NamedTuple):
    """Files that have near copies.

    ``rows`` are theirs, ``fullest`` those of the fullest of each one's group, ``similarity`` is that to it,
    0-1, and 1 for itself.
    """

    rows: NDArray[np.intp]
    fullest: NDArray[np.intp]
    similarity: NDArray[np.float64]


def near_copies(
    signatures: NDArray[np.uint32], notes: NDArray[np.int64], groups: NDArray[np.int64] | None = None
) -> NearCopies:
    """Find near copies, and of each group the file that has the most notes.

    Parameters
    ----------
    signatures
        From `etl.midi.shingles.signatures`, shape (files, 128).
    notes
        Notes of each file, shape (files,).
    groups
        Numbers that are equal for files with the same notes, however short these are; -1 for none.

    Returns
    -------
    NearCopies
        All files of groups of two or more, by group. What is not similar enough to the fullest of its group,
        only to others of it, makes a group with what is left.
    """
    enough = np.flatnonzero(_distinct(signatures) >= FEWEST)
    pairs = _candidates(signatures[enough])
    pairs = enough[pairs]
    pairs = pairs[_similarity(signatures, pairs[:, 0], pairs[:, 1]) >= SIMILAR]
    if groups is not None:
        pairs = np.concatenate([pairs, _same(groups)])
    rows, fullest, similarity = [], [], []
    for members in _components(pairs.tolist()):
        left = members[np.lexsort((members, -notes[members]))]
        while len(left) > 1:
            like = _similarity(signatures, np.repeat(left[:1], len(left)), left)
            if groups is not None and groups[left[0]] >= 0:
                like[groups[left] == groups[left[0]]] = 1.0
            like[0] = 1.0
            near = like >= SIMILAR
            if near.sum() > 1:
                rows.append(left[near])
                fullest.append(np.repeat(left[:1], int(near.sum())))
                similarity.append(like[near])
            left = left[~near]
    if not rows:
        none = np.empty(0, np.intp)
        return NearCopies(none, none, np.empty(0))
    return NearCopies(np.concatenate(rows), np.concatenate(fullest), np.concatenate(similarity))


def _distinct(signatures: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Estimate how many different shingles there were: the least of n in 0-1 is 1 / (n + 1) on average."""
    least = signatures.mean(axis=1) / 2.0**32
    return np.asarray(1.0 / np.maximum(least, 1e-12) - 1.0)


def _candidates(signatures: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Give pairs that agree in a band, each file with the next and the first of those; shape (n, 2)."""
    found = [np.empty((0, 2), np.intp)]
    for start in range(0, signatures.shape[1], _BAND):
        band = np.ascontiguousarray(signatures[:, start : start + _BAND]).view(np.uint64)
        mixed = band[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ band[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
        order = np.argsort(mixed, kind="stable")
        ordered = mixed[order]
        same = np.flatnonzero(ordered[1:] == ordered[:-1])
        first = np.searchsorted(ordered, ordered[same])
        found += [np.stack([order[other], order[same + 1]], axis=1) for other in (same, first)]
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _same(groups: NDArray[np.int64]) -> NDArray[np.intp]:
    order = np.argsort(groups, kind="stable")
    order = order[groups[order] >= 0]
    same = np.flatnonzero(np.diff(groups[order]) == 0)
    return np.stack([order[same], order[same + 1]], axis=1)


def _similarity(
    signatures: NDArray[np.uint32], one: NDArray[np.intp], other: NDArray[np.intp]
) -> NDArray[np.float64]:
    shares = np.empty(len(one))
    for start in range(0, len(one), _BLOCK):
        rows = slice(start, start + _BLOCK)
        shares[rows] = (signatures[one[rows]] == signatures[other[rows]]).mean(axis=1)
    return shares


def _components(pairs: list[tuple[int, int]]) -> list[NDArray[np.intp]]:
    """Give the files that are linked by pairs."""
    root: dict[int, int] = {}

    def find(row: int) -> int:
        while (above := root.setdefault(row, row)) != row:
            root[row] = root[above]
            row = above
        return row

    for one, other in pairs:
        lower, upper = sorted((find(one), find(other)))
        root[upper] = lower
    groups: dict[int, list[int]] = {}
    for row in sorted(root):
        groups.setdefault(find(row), []).append(row)
    return [np.array(rows, np.intp) for rows in groups.values()]
