"""Train, validation and test splits without leaks: what belongs together stays together.

Conventions
-----------
Songs are rows 0 to N - 1. Two songs are linked if they share an artist, a recording, a title or a
progression; a group is a connected component of that graph, and lies in one split. Chance and commonplace
progressions can link most songs of a large collection into one component, which would leave nothing for the
smaller splits: such a component is cut between artists, and then each recording, title and progression keeps
its songs of one split and loses the others. Splits are numbered as in :data:`SPLITS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPLITS: Final = ("train", "validation", "test")

_POOLED: Final = 5  # a stratum with fewer expected songs in its smallest split is pooled with others
_LEAST: Final = 0.5  # of its share, which a split keeps even if train loses more songs for it


@dataclass(frozen=True)
class Links:
    """How songs are linked by one thing that they share.

    Attributes
    ----------
    songs
        Songs that share it with another song.
    shared
        Distinct values that are shared.
    largest
        Songs with the commonest value.
    left_out
        Songs left out of the data set, because another split has their value.
    """

    songs: int
    shared: int
    largest: int
    left_out: int


def count_links(link: NDArray[np.signedinteger], left_out: int) -> Links:
    """Count the links of one kind; ``link`` (N,) as for :func:`leak_groups`.

    Examples
    --------
    >>> count_links(np.array([0, 0, 1, -1, 0]), 0)
    Links(songs=3, shared=1, largest=3, left_out=0)
    """
    sizes = np.bincount(link[link >= 0])
    shared = sizes[sizes > 1]
    return Links(int(shared.sum()), len(shared), int(sizes.max(initial=0)), left_out)


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
    from scipy.sparse import coo_array  # noqa: PLC0415 -- half a second that most commands can do without
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

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
    """Cut groups that are larger than the smallest split between artists.

    Parameters
    ----------
    groups
        (N,) groups of songs linked by anything.
    artists
        (N,) groups of songs linked by artist alone.
    fractions
        Shares of train, validation and test.

    Returns
    -------
    ndarray
        (N,) groups, from 0, in order of first appearance.
    """
    largest = min(share for share in fractions if share > 0) * len(groups)
    is_large = np.bincount(groups)[groups] > largest
    return _by_appearance(np.where(is_large, groups.max(initial=0) + 1 + artists, groups))


def settle(
    split: NDArray[np.int8], link: NDArray[np.signedinteger], fractions: tuple[float, float, float]
) -> NDArray[np.int8]:
    """Leave out (-1) songs, so that what is linked is in one split.

    Each value keeps the split that has most of its songs, of equals the smaller split. Where a split would
    keep less than half of its share, it is also given the values of train that cost train least.

    Parameters
    ----------
    split
        (N,) split of each song; -1 if it is left out already.
    link
        (N,) songs with the same number are linked; -1 links to nothing.
    fractions
        Shares of train, validation and test.

    Examples
    --------
    >>> settle(np.array([2, 0, 1, 1, 0], np.int8), np.array([0, 0, 1, 1, -1]), (0.6, 0.2, 0.2)).tolist()
    [2, -1, 1, 1, 0]
    """
    linked = (link >= 0) & (split >= 0)
    values = int(link.max(initial=-1)) + 1
    cells = link[linked].astype(np.int64) * len(SPLITS) + split[linked]
    counts = np.bincount(cells, minlength=values * len(SPLITS)).reshape(values, len(SPLITS))
    home = len(SPLITS) - 1 - np.argmax(counts[:, ::-1], axis=1)
    free = np.bincount(split[(link < 0) & (split >= 0)], minlength=len(SPLITS)).astype(np.float64)
    for number in range(1, len(SPLITS)):
        kept = free + np.bincount(home, counts[np.arange(values), home], len(SPLITS))
        movable = np.flatnonzero((home == 0) & (counts[:, number] > 0))
        gain, loss = counts[movable, number], counts[movable, 0]
        order = np.argsort(loss / gain, kind="stable")
        home[movable[order[: _moves(kept, number, gain[order], loss[order], fractions)]]] = number
    stays = ~linked
    stays[linked] = home[link[linked]] == split[linked]
    return np.where(stays, split, np.int8(-1))


def _moves(
    kept: NDArray[np.float64],
    number: int,
    gain: NDArray[np.int64],
    loss: NDArray[np.int64],
    fractions: tuple[float, float, float],
) -> int:
    """How many values to move from train to a split, so that neither has too few songs."""
    gained, lost = (np.concatenate(([0], np.cumsum(songs))) for songs in (gain, loss))
    total = kept.sum() + gained - lost
    is_filled = kept[number] + gained >= _LEAST * fractions[number] * total
    is_enough = kept[0] - lost >= _LEAST * fractions[0] * total
    moves = int(np.argmax(is_filled)) if is_filled.any() else len(gain)
    return min(moves, max(0, int(is_enough.sum()) - 1))


def assign_splits(
    groups: NDArray[np.int32],
    strata: NDArray[np.int64],
    fractions: tuple[float, float, float],
    ranks: NDArray[np.uint64],
) -> NDArray[np.int8]:
    """Assign whole groups to splits, near the fractions within each stratum.

    The groups of a stratum (that of most of a group's songs) are put in order of rank; validation and test
    are cut off its front, and train is the rest. A group of more than half of the smaller split comes last,
    and one that is larger than it goes to train.
    Songs that are added later move only groups that are near a cut, or that they join.

    Parameters
    ----------
    groups
        (N,) group of each song, from 0.
    strata
        (N,) stratum of each song, from 0; small ones are pooled.
    fractions
        Shares of train, validation and test; they sum to 1.
    ranks
        (N,) a random number for each song, the same wherever it is met; the least of a group is its rank.

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
    share = smallest * songs[home]
    tier = (sizes > np.maximum(1, 0.5 * share)).astype(np.int8) + (sizes > np.maximum(1, share))
    rank = np.full(len(sizes), np.iinfo(np.uint64).max)
    np.minimum.at(rank, groups, ranks)
    order = np.lexsort((rank, tier, home))

    ends = np.cumsum(sizes[order])
    starts_of_strata = np.concatenate(([0], np.cumsum(songs)))[home[order]]
    middles = ends - sizes[order] / 2 - starts_of_strata
    free = np.bincount(home, np.where(tier == 2, 0, sizes))
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
