"""Near versions: songs whose progressions differ in a chord or two, in key, in length or in detail.

Conventions
-----------
A progression is reduced to what versions of a song have in common: known chords alone, each as its root
and whether its third is minor, equal neighbors as one. Two songs are near versions if one of these holds:

- they are the same once reduced, transposed to a common root, and with repeats of the whole taken away;
- their 5-grams of chords, counted, have a Jaccard likeness of at least :data:`LEAST_COUNTED`;
- their distinct 5-grams have one of at least :data:`LEAST_DISTINCT`, and those that they share are too rare
  to meet by chance: their information, a fourth of the sum of ``ln(songs / songs with the 5-gram)``, is at
  least ``ln(songs)``. The fourth is because neighboring 5-grams share four of their five chords.

A 5-gram is the third of its first chord, then four steps of an interval and a third, so it knows no key.
``python -m benchmarks.dataset_leaks`` measures the thresholds.

References
----------
.. [1] Broder, "On the Resemblance and Containment of Documents", SEQUENCES 1997: MinHash.
.. [2] Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3rd ed. 2020, section 3.4: banding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.chords.likeness_kernel import band_keys, link_like, loop_lengths
from etl.chords.progressions import mixed_rows
from etl.chords.ragged import Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_COUNTED: Final = 0.7
LEAST_DISTINCT: Final = 0.4

_CHORDS: Final = 5
_STEP: Final = 24  # twelve intervals, two thirds
KINDS: Final = 2 * _STEP ** (_CHORDS - 1)
"""Number of 5-grams that there can be."""

# A pair at the threshold is seen with a chance of 0.99 by the counted, of 0.86 by the distinct 5-grams.
_BANDS: Final = {True: (16, 4), False: (30, 3)}  # counted or not: bands, minima in each
_REACH: Final = 16  # songs with the same key to compare each with


@dataclass
class NearVersions:
    """Collects songs batch by batch, and then tells which are near versions of one another.

    It holds the 5-grams and the band keys of all songs: some 300 bytes a song.
    """

    _progressions: list[NDArray[np.uint64]] = field(default_factory=list)
    _grams: list[NDArray[np.int32]] = field(default_factory=list)
    _counts: list[NDArray[np.uint16]] = field(default_factory=list)
    _lengths: list[NDArray[np.int64]] = field(default_factory=list)
    _keys: list[NDArray[np.uint32]] = field(default_factory=list)

    def add(self, chords: Ragged, roots: NDArray[np.int64], has_minor_third: NDArray[np.bool_]) -> None:
        """Append songs.

        Parameters
        ----------
        chords
            Chord ids of N songs.
        roots
            Pitch class of each chord id, (V,), 0-11; -1 where unknown.
        has_minor_third
            Of each chord id, (V,).
        """
        reduced = _reduced(chords, np.where(roots < 0, -1, 2 * roots + has_minor_third).astype(np.int32))
        self._progressions.append(_without_repeats(reduced))
        grams, counts = _five_grams(reduced)
        self._grams.append(grams.values)
        self._counts.append(counts)
        self._lengths.append(grams.lengths)
        self._keys.append(
            np.concatenate(
                [
                    band_keys(
                        *(grams.values, counts, grams.offsets, _factors(bands * rows, seed=int(counted))),
                        *(rows, KINDS),
                        counted=counted,
                    )
                    for counted, (bands, rows) in _BANDS.items()
                ]
            )
        )

    def clusters(self) -> NDArray[np.int32]:
        """Label each song (N,): songs that are near versions, directly or through others, have one label."""
        progressions = np.concatenate(self._progressions)
        first, label = np.unique(progressions, return_index=True, return_inverse=True)[1:]
        parents = first[label].astype(np.int32)
        grams, counts = np.concatenate(self._grams), np.concatenate(self._counts)
        offsets = np.concatenate(([0], np.cumsum(np.concatenate(self._lengths))))
        sizes = np.add.reduceat(np.append(counts, np.uint16(0)), offsets[:-1], dtype=np.int64)
        songs = np.flatnonzero(np.diff(offsets))  # the others are too short for a 5-gram
        spread = np.maximum(np.bincount(grams, minlength=KINDS), 1)
        rarities = (np.log(max(1, len(songs)) / spread) / (_CHORDS - 1)).astype(np.float32)
        least = (LEAST_COUNTED, LEAST_DISTINCT, float(np.log(max(1, len(songs)))))
        for band in range(len(self._keys[0]) if self._keys else 0):
            keys = np.concatenate([batch[band] for batch in self._keys])
            order = songs[np.lexsort((sizes[songs], keys[songs]))]
            link_like(parents, order, keys, grams, counts, offsets, rarities, least, _REACH)
        return _roots(parents)


def _reduced(chords: Ragged, codes: NDArray[np.int32]) -> Ragged:
    """Known chords as ``2 * root + third``, equal neighbors as one."""
    known = chords.with_values(codes[chords.values])
    known = known.where(known.values >= 0)
    is_new = np.ones(len(known.values), np.bool_)
    is_new[1:] = known.values[1:] != known.values[:-1]
    starts = known.offsets[:-1]
    is_new[starts[starts < len(is_new)]] = True
    return known.where(is_new)


def _without_repeats(reduced: Ragged) -> NDArray[np.uint64]:
    """Hash each row without its repeats, relative to its first root, (N,)."""
    lengths = loop_lengths(reduced.values, reduced.offsets)
    position = np.arange(len(reduced.values)) - np.repeat(reduced.offsets[:-1], reduced.lengths)
    once = reduced.where(position < np.repeat(lengths, reduced.lengths))
    home = np.repeat(once.values[once.offsets[:-1][once.lengths > 0]] // 2, once.lengths[once.lengths > 0])
    relative = (once.values // 2 - home) % 12 * 2 + once.values % 2
    return mixed_rows(once.with_values(relative))


def _five_grams(reduced: Ragged) -> tuple[Ragged, NDArray[np.uint16]]:
    """Distinct 5-grams of each row, ascending, and how often each occurs."""
    root, third = np.divmod(reduced.values.astype(np.int64), 2)
    count = max(0, len(root) - (_CHORDS - 1))
    gram = third[:count].copy()
    for step in range(1, _CHORDS):
        interval = (root[step : count + step] - root[step - 1 : count + step - 1]) % 12
        gram = gram * _STEP + 2 * interval + third[step : count + step]
    row = reduced.row_of_value
    whole = row[:count] == row[_CHORDS - 1 :]
    pairs, times = np.unique(row[:count][whole] * np.int64(KINDS) + gram[whole], return_counts=True)
    row_of_pair, distinct = np.divmod(pairs, KINDS)
    offsets = np.searchsorted(row_of_pair, np.arange(reduced.rows + 1))
    grams = Ragged(distinct.astype(np.int32), offsets.astype(np.int64))
    return grams, np.minimum(times, np.iinfo(np.uint16).max).astype(np.uint16)


def _factors(count: int, *, seed: int) -> NDArray[np.uint64]:
    """Odd random 64-bit numbers: multiplicative hash functions."""
    return np.random.default_rng(seed).integers(0, 1 << 64, count, np.uint64) | np.uint64(1)


def _roots(parents: NDArray[np.int32]) -> NDArray[np.int32]:
    """Root of each node of a forest, (N,)."""
    while not np.array_equal(up := parents[parents], parents):
        parents = up
    return parents
