"""Compiled loops of :mod:`etl.chords.near_versions`: loops of chords, MinHash, links of like songs.

Songs are N rows of T values, cut by ``offsets`` (N + 1,).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from etl.runtime.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNSEEN = np.uint32(0xFFFFFFFF)


@kernel
def loop_lengths(chords: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Length (N,) of what each row plays one or more times, up to the chord that may close it.

    A row that ends on its first chord is taken without that end. Periods come from the failure function of
    Knuth, Morris and Pratt.
    """
    rows = len(offsets) - 1
    lengths = np.zeros(rows, np.int64)
    borders = np.zeros(max(1, (offsets[1:] - offsets[:-1]).max() if rows else 1), np.int64)
    for row in range(rows):
        start = offsets[row]
        length = offsets[row + 1] - start
        if length > 1 and chords[start] == chords[start + length - 1]:
            length -= 1
        border = 0
        for i in range(1, length):
            while border and chords[start + i] != chords[start + border]:
                border = borders[border - 1]
            if chords[start + i] == chords[start + border]:
                border += 1
            borders[i] = border
        period = length - border
        lengths[row] = period if period and length % period == 0 else length
    return lengths


@inlined
def _mixed(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def band_keys(
    grams: NDArray[np.int32],
    counts: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    factors: NDArray[np.uint64],
    rows_of_band: int,
    kinds: int,
    *,
    counted: bool,
) -> NDArray[np.uint32]:
    """Keys of the bands of each row's MinHash signature, (bands, N).

    Two rows have one key in a band with the chance ``likeness ** rows_of_band``.

    Parameters
    ----------
    grams, counts, offsets
        Distinct n-grams of each row, and how often each occurs.
    factors
        Odd 64-bit numbers, (bands * rows_of_band,): one hash function each.
    rows_of_band
        Minima that make up a key.
    kinds
        Number of n-grams that there can be.
    counted
        Whether the second occurrence of an n-gram is an element of its own, and so on.
    """
    rows, hashes = len(offsets) - 1, len(factors)
    bands = hashes // rows_of_band
    keys = np.zeros((bands, rows), np.uint32)
    minima = np.zeros(hashes, np.uint32)
    for row in range(rows):
        minima[:] = _UNSEEN
        for i in range(offsets[row], offsets[row + 1]):
            for occurrence in range(counts[i] if counted else 1):
                element = _mixed(np.uint64(grams[i] + 1 + occurrence * kinds))
                for j in range(hashes):
                    value = np.uint32((element * factors[j]) >> np.uint64(32))
                    minima[j] = min(minima[j], value)
        for band in range(bands):
            key = np.uint64(band + 1)
            for j in range(band * rows_of_band, (band + 1) * rows_of_band):
                key = _mixed(key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(minima[j]))
            keys[band, row] = np.uint32(key >> np.uint64(32))
    return keys


@inlined
def _root(parents: NDArray[np.int32], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
def link_like(
    parents: NDArray[np.int32],
    order: NDArray[np.int64],
    keys: NDArray[np.uint32],
    grams: NDArray[np.int32],
    counts: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    rarities: NDArray[np.float32],
    least: tuple[float, float, float],
    reach: int,
) -> int:
    """Join rows that share a key and are alike, each with those shortly before it; gives how many joined.

    Parameters
    ----------
    parents
        Forest of rows, (N,), written to: the row that each hangs on, its own number for a root.
    order
        Rows in the order of their keys; those with one key in the order of their sizes.
    keys
        Key of each row, (N,).
    grams, counts, offsets
        As for :func:`band_keys`; the n-grams of a row ascend.
    rarities
        Information of each n-gram, nats.
    least
        Likeness as counted and as distinct n-grams that a link needs, and the rarity that the second needs.
    reach
        How many earlier rows with the same key to compare with.
    """
    least_counted, least_distinct, least_rarity = least
    joined = 0
    for at in range(1, len(order)):
        row = order[at]
        for before in range(at - 1, max(-1, at - 1 - reach), -1):
            other = order[before]
            if keys[other] != keys[row]:
                break
            one, two = _root(parents, row), _root(parents, other)
            if one == two:
                continue
            i, i_end = offsets[row], offsets[row + 1]
            j, j_end = offsets[other], offsets[other + 1]
            distinct, all_distinct = 0, (i_end - i) + (j_end - j)
            counted, most_counted, rarity = 0, 0, 0.0
            while i < i_end or j < j_end:
                if j == j_end or (i < i_end and grams[i] < grams[j]):
                    most_counted += counts[i]
                    i += 1
                elif i == i_end or grams[j] < grams[i]:
                    most_counted += counts[j]
                    j += 1
                else:
                    distinct += 1
                    counted += min(counts[i], counts[j])
                    most_counted += max(counts[i], counts[j])
                    rarity += rarities[grams[i]]
                    i += 1
                    j += 1
            is_like = counted >= least_counted * most_counted or (
                distinct >= least_distinct * (all_distinct - distinct) and rarity >= least_rarity
            )
            if is_like:
                parents[max(one, two)] = min(one, two)
                joined += 1
    return joined
