"""What it costs to go from one track to the next: five terms, each 0 to 1.

========  ============================================================================================
timbre    distance from the end of the one to the start of the other, over twice the usual one
tempo     octaves between the tempos, folded over half and double, over the largest possible (a half)
key       steps on Camelot's wheel, one of them for another mode, over six
genre     1 less the similarity of the nearest two of their genres
level     difference in loudness, over 12 LU
========  ============================================================================================

Where a tempo or key is uncertain, its term moves towards what two strangers would cost (a half), so that
nothing is gained by not knowing; so does a track without genres or loudness.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

TERMS: Final = ("timbre", "tempo", "key", "genre", "level")
UNKNOWN: Final = 0.5
"""Cost of a term about which nothing is known."""

_LARGEST_STEP_LU: Final = 12.0
_BLOCK: Final = 256


@dataclass(frozen=True, eq=False)
class Tracks:
    """Tracks as columns.

    Attributes
    ----------
    starts, ends
        Shape (n, d), float32: sound of the first and last half minute, in standard deviations.
    bpm, bpm_confidence
        Shape (n,): NaN for none; 0 to 1.
    key, key_confidence
        Shape (n,): 0-11 major from C, 12-23 minor, -1 none; 0 to 1.
    lufs
        Shape (n,): integrated loudness, NaN for none.
    genre_distance
        Shape (n, n), float32, 0 to 1; NaN where one has no genre.
    """

    starts: Floats
    ends: Floats
    bpm: Floats
    bpm_confidence: Floats
    key: NDArray[np.int8]
    key_confidence: Floats
    lufs: Floats
    genre_distance: Floats

    @cached_property
    def usual_distance(self) -> float:
        """Median distance from the end of one to the start of another; of the first few hundred ends."""
        return float(np.median(_distances(self, slice(0, _BLOCK)))) or 1.0


def transition_terms(tracks: Tracks, rows: slice = slice(None)) -> dict[str, Floats]:
    """Give each term for each pair: shape (n, n), from the row's track to the column's; or for some rows.

    Examples
    --------
    >>> two = Tracks(
    ...     *np.zeros((2, 2, 1), np.float32), np.float32([80, 160]), np.ones(2, np.float32),
    ...     np.int8([0, 21]), np.ones(2, np.float32), np.float32([-10, -16]), np.zeros((2, 2), np.float32),
    ... )  # fmt: skip
    >>> {term: round(float(costs[0, 1]), 2) for term, costs in transition_terms(two).items()}
    {'timbre': 0.0, 'tempo': 0.0, 'key': 0.17, 'genre': 0.0, 'level': 0.5}
    """
    level = np.abs(tracks.lufs[rows, None] - tracks.lufs) / np.float32(_LARGEST_STEP_LU)
    return {
        "timbre": np.minimum(_distances(tracks, rows) / (2 * tracks.usual_distance), 1),
        "tempo": _doubted(_tempo(tracks.bpm, rows), tracks.bpm_confidence, rows),
        "key": key_costs(tracks.key, tracks.key_confidence, rows),
        "genre": known_or_usual(tracks.genre_distance[rows]),
        "level": known_or_usual(np.minimum(level, 1)),
    }


def transition_costs(terms: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Add the terms up, each with its weight over their sum."""
    total = sum(weights.values())
    costs = sum(np.float32(weight / total) * terms[term] for term, weight in weights.items())
    return np.asarray(costs, np.float32)


def costs_of_all(tracks: Tracks, weights: Mapping[str, float]) -> Floats:
    """Give the cost of each transition, shape (n, n), with the terms of a few hundred rows at a time."""
    size = len(tracks.starts)
    costs = np.empty((size, size), np.float32)
    for start in range(0, size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        costs[rows] = transition_costs(transition_terms(tracks, rows), weights)
    return costs


def key_costs(key: NDArray[np.int8], confidence: Floats, rows: slice) -> Floats:
    """Give the term of the key for each pair, or for some rows.

    Parameters
    ----------
    key, confidence
        As in :class:`Tracks`.
    rows
        From which tracks.
    """
    return _doubted(_key(key, rows), confidence, rows)


def known_or_usual(costs: Floats) -> Floats:
    """Give costs with `UNKNOWN` where they are NaN."""
    return np.where(np.isnan(costs), np.float32(UNKNOWN), costs)


def _distances(tracks: Tracks, rows: slice) -> Floats:
    # Products of matrices differ in the last bits with the number of threads; not so once they are float32.
    ends, starts = tracks.ends[rows].astype(np.float64), tracks.starts.astype(np.float64)
    squares = (ends**2).sum(axis=1)[:, None] + (starts**2).sum(axis=1) - 2 * (ends @ starts.T)
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def _tempo(bpm: Floats, rows: slice) -> Floats:
    octaves = np.log2(np.where(bpm > 0, bpm, np.nan))
    apart = np.abs(octaves[rows, None] - octaves)
    apart -= np.floor(apart)  # the remainder is much slower
    return np.asarray(2 * np.minimum(apart, 1 - apart), np.float32)


def _key(key: NDArray[np.int8], rows: slice) -> Floats:
    return np.asarray(np.take(_KEYS_APART[key[rows]], key, axis=1))


def _keys_apart() -> Floats:
    """Count steps on Camelot's wheel over six: along the ring, and one across it for another mode.

    Returns
    -------
    ndarray
        Shape (25, 25): from the row's key to the column's, NaN where one is the last, which is none.
    """
    key = np.arange(24)
    minor = key >= 12
    # A minor key stands beside its relative major, three semitones up.
    place = np.where(minor, key - 12 + 3, key) % 12 * 7 % 12
    apart = np.abs(place[:, None] - place)
    steps = np.minimum(apart, 12 - apart) + (minor[:, None] != minor)
    costs = np.full((25, 25), np.nan, np.float32)
    costs[:24, :24] = np.minimum(steps / 6, 1)
    return costs


_KEYS_APART: Final = _keys_apart()


def _doubted(costs: Floats, confidence: Floats, rows: slice) -> Floats:
    sure = np.clip(np.nan_to_num(confidence), 0, 1)
    certainty = np.sqrt(sure[rows, None] * sure).astype(np.float32, copy=False)
    return np.asarray(certainty * known_or_usual(costs) + (1 - certainty) * np.float32(UNKNOWN))
