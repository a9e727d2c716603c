"""Train, validation and test splits without leaks: what belongs together stays together.

Conventions
-----------
Songs are rows 0 to N - 1. Two songs are linked if they share an artist or a progression; a group is a
connected component of that graph, and lies in one split. Commonplace progressions can link most songs of a
large collection into one component, which would leave nothing for the smaller splits: such a component is cut
between artists, and then a progression stays in the first split that has it. Splits are numbered as in
:data:`SPLITS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.chords.ragged import Ragged

SPLITS: Final = ("train", "validation", "test")

_POOLED: Final = 5  # a stratum with fewer expected songs in its smallest split is pooled with others
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def progression_hashes(
    chords: Ragged, roots: NDArray[np.int64], qualities: NDArray[np.int64], basses: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash each song's chord progression, as it stands and transposed to a common root.

    Enharmonic spellings are the same chord. An unknown token equals only itself. With 64 bits, the chance
    that any two of a million different progressions collide is below one in ten million.

    Parameters
    ----------
    chords
        Chord ids of N songs, each with at least one known chord.
    roots, basses
        Pitch class of each chord id, (V,), 0-11; -1 where unknown.
    qualities
        Number of the quality of each chord id, (V,); where unknown, a number that no other chord has.

    Returns
    -------
    as_is, transposed
        (N,) each; equal values mean equal progressions. The second is relative to the first known root.
    """
    root, bass, quality = roots[chords.values], basses[chords.values], qualities[chords.values]
    known = root >= 0
    before = np.concatenate(([0], np.cumsum(known)))
    first_known = np.flatnonzero(known)[before[chords.offsets[:-1]]]
    home = root[np.repeat(first_known, chords.lengths)]
    position = np.arange(len(chords.values)) - np.repeat(chords.offsets[:-1], chords.lengths)

    def hashed(root: NDArray[np.int64], bass: NDArray[np.int64]) -> NDArray[np.uint64]:
        code = np.where(known, quality * 144 + root * 12 + bass, -1 - quality).astype(np.uint64)
        mixed = _mixed(code * _GOLDEN + _mixed(position.astype(np.uint64)))
        return np.add.reduceat(mixed, chords.offsets[:-1])

    return hashed(root, bass), hashed((root - home) % 12, (bass - home) % 12)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit values: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    values = values + _GOLDEN
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def leak_groups(links: Sequence[NDArray[np.signedinteger]]) -> NDArray[np.int32]:
    """Group songs that are linked, directly or through others.

    Parameters
    ----------
    links
        Arrays (N,): songs with the same number are linked; -1 links to nothing.

    Returns
    -------
    ndarray
        (N,) group numbers from 0, in order of first appearance.

    Examples
    --------
    >>> artist = np.array([0, 0, 1, -1, -1])
    >>> progression = np.array([0, 1, 1, 2, 3])
    >>> leak_groups([artist, progression]).tolist()
    [0, 0, 0, 1, 2]
    """
    songs = len(links[0])
    rows, columns, nodes = [], [], songs
    for link in links:
        linked = np.flatnonzero(link >= 0)
        rows.append(linked)
        columns.append(nodes + link[linked])
        nodes += int(link.max(initial=-1)) + 1
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row), np.int8), (row, column)), shape=(nodes, nodes))
    return _by_appearance(connected_components(graph, directed=False)[1][:songs])


def _by_appearance(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Renumber labels from 0 in order of first appearance."""
    first, label = np.unique(labels, return_index=True, return_inverse=True)[1:]
    number = np.empty(len(first), np.int32)
    number[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return number[label]


def cut_large_groups(
    groups: NDArray[np.int32], artists: NDArray[np.int32], fractions: tuple[float, float, float]
) -> NDArray[np.int32]:
    """Cut groups of more than half of the smallest split between artists.

    Parameters
    ----------
    groups
        (N,) groups of songs linked by artist or progression.
    artists
        (N,) groups of songs linked by artist alone.
    fractions
        Shares of train, validation and test.

    Returns
    -------
    ndarray
        (N,) groups, from 0, in order of first appearance.
    """
    largest = 0.5 * min((share for share in fractions if share > 0), default=1.0) * len(groups)
    is_large = np.bincount(groups)[groups] > largest
    return _by_appearance(np.where(is_large, groups.max(initial=0) + 1 + artists, groups))


def without_straddling(split: NDArray[np.int8], progressions: NDArray[np.int64]) -> NDArray[np.int8]:
    """Leave out (-1) the songs whose progression an earlier split has.

    Examples
    --------
    >>> without_straddling(np.array([2, 0, 1, 1], np.int8), np.array([0, 0, 1, 1])).tolist()
    [-1, 0, 1, 1]
    """
    first = np.full(int(progressions.max(initial=-1)) + 1, len(SPLITS), np.int8)
    np.minimum.at(first, progressions, split)
    return np.where(split > first[progressions], np.int8(-1), split)


def assign_splits(
    groups: NDArray[np.int32], strata: NDArray[np.int64], fractions: tuple[float, float, float], seed: int
) -> NDArray[np.int8]:
    """Assign whole groups to splits, near the fractions within each stratum.

    The groups of a stratum (that of most of a group's songs) are put in random order; validation and test
    are cut off its front, and train is the rest. A group too large for the smaller splits goes to train.

    Parameters
    ----------
    groups
        (N,) group of each song, from 0.
    strata
        (N,) stratum of each song, from 0; small ones are pooled.
    fractions
        Shares of train, validation and test; they sum to 1.
    seed
        Of the random order.

    Returns
    -------
    ndarray
        (N,) split of each song, index into :data:`SPLITS`.
    """
    _, validation, test = fractions
    smallest = min((share for share in (validation, test) if share > 0), default=0.0)
    strata = _without_small(strata, smallest)
    sizes = np.bincount(groups)
    home = _home_stratum(groups, strata)
    songs = np.bincount(home, sizes)
    is_large = sizes > np.maximum(1, 0.5 * smallest * songs[home])
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = np.lexsort((shuffled, is_large, home))

    ends = np.cumsum(sizes[order])
    starts_of_strata = np.concatenate(([0], np.cumsum(songs)))[home[order]]
    middles = ends - sizes[order] / 2 - starts_of_strata
    free = np.bincount(home, np.where(is_large, 0, sizes))
    scale = np.minimum(1.0, free / np.maximum((validation + test) * songs, 1e-9))
    room = (songs * scale)[home[order]]
    split = np.zeros(len(sizes), np.int8)
    split[order] = np.select([middles < validation * room, middles < (validation + test) * room], [1, 2], 0)
    return split[groups]


def _without_small(strata: NDArray[np.int64], smallest: float) -> NDArray[np.int64]:
    """Pool the strata that are too small to be cut; numbers stay dense."""
    is_small = np.bincount(strata) * smallest < _POOLED
    pooled = np.where(is_small[strata], len(is_small), strata)
    return np.unique(pooled, return_inverse=True)[1]


def _home_stratum(groups: NDArray[np.int32], strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stratum of most songs of each group, (G,); the first of equals."""
    width = int(strata.max(initial=0)) + 1
    pairs, counts = np.unique(groups.astype(np.int64) * width + strata, return_counts=True)
    group, stratum = np.divmod(pairs, width)
    order = np.lexsort((stratum, -counts, group))
    first = np.unique(group[order], return_index=True)[1]
    home: NDArray[np.int64] = stratum[order][first]
    return home


def first_with(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """First row with the same value, (N,); -1 on that first row itself.

    Examples
    --------
    >>> first_with(np.array([7, 8, 7, 7], np.uint64)).tolist()
    [-1, -1, 0, 0]
    """
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    of_row = first[inverse]
    return np.where(of_row == np.arange(len(values)), -1, of_row)
