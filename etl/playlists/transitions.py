"""What it costs to go from one track to the next: five terms, each 0 to 1.

========  ============================================================================================
timbre    distance from the end of the one to the start of the other, over twice the usual one
tempo     octaves between the tempos, folded over half and double, over the largest possible (a half)
key       steps on the circle of fifths with its inner ring (Camelot's wheel), over the six possible
genre     1 less the similarity of the nearest two of their genres
level     difference in loudness, over 12 LU
========  ============================================================================================

Where a tempo or key is uncertain, its term moves towards what two strangers would cost (a half), so that
nothing is gained by not knowing; so does a track without genres or loudness.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def transition_terms(tracks: Tracks) -> dict[str, Floats]:
    """Give each term for each pair: shape (n, n), from the row's track to the column's.

    Examples
    --------
    >>> two = Tracks(
    ...     *np.zeros((2, 2, 1), np.float32), np.float32([80, 160]), np.ones(2, np.float32),
    ...     np.int8([0, 21]), np.ones(2, np.float32), np.float32([-10, -16]), np.zeros((2, 2), np.float32),
    ... )  # fmt: skip
    >>> {term: round(float(costs[0, 1]), 2) for term, costs in transition_terms(two).items()}
    {'timbre': 0.0, 'tempo': 0.0, 'key': 0.0, 'genre': 0.0, 'level': 0.5}
    """
    level = np.abs(tracks.lufs[:, None] - tracks.lufs) / np.float32(_LARGEST_STEP_LU)
    return {
        "timbre": _timbre(tracks.starts, tracks.ends),
        "tempo": _doubted(_tempo(tracks.bpm), tracks.bpm_confidence),
        "key": _doubted(_key(tracks.key), tracks.key_confidence),
        "genre": np.nan_to_num(tracks.genre_distance, nan=UNKNOWN),
        "level": np.nan_to_num(np.minimum(level, 1), nan=UNKNOWN),
    }


def transition_costs(terms: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Add the terms up, each with its weight over their sum."""
    total = sum(weights.values())
    costs = sum(np.float32(weights[term] / total) * terms[term] for term in TERMS)
    return np.asarray(costs, np.float32)


def _timbre(starts: Floats, ends: Floats) -> Floats:
    squares = (ends**2).sum(axis=1)[:, None] + (starts**2).sum(axis=1) - 2 * (ends @ starts.T)
    distances = np.sqrt(np.maximum(squares, 0))
    usual = float(np.median(distances)) or 1.0
    return np.asarray(np.minimum(distances / (2 * usual), 1), np.float32)


def _tempo(bpm: Floats) -> Floats:
    octaves = np.log2(np.where(bpm > 0, bpm, np.nan))
    apart = np.abs(octaves[:, None] - octaves) % 1
    return np.asarray(2 * np.minimum(apart, 1 - apart), np.float32)


def _key(key: NDArray[np.int8]) -> Floats:
    """Count steps on Camelot's wheel: along the ring, and one more across it for another mode."""
    minor = key >= 12
    # A minor key stands beside its relative major, three semitones up.
    major = np.where(minor, key - 12 + 3, key) % 12
    place = major.astype(np.int32) * 7 % 12
    apart = np.abs(place[:, None] - place)
    steps = np.minimum(apart, 12 - apart) + (minor[:, None] != minor) * (apart != 0)
    costs: Floats = np.asarray(np.minimum(steps / 6, 1), np.float32)
    unknown = (key < 0)[:, None] | (key < 0)
    costs[unknown] = np.nan
    return costs


def _doubted(costs: Floats, confidence: Floats) -> Floats:
    certainty = np.sqrt(np.clip(confidence, 0, 1)[:, None] * np.clip(confidence, 0, 1)).astype(np.float32)
    known = np.nan_to_num(costs, nan=UNKNOWN)
    return np.asarray(certainty * known + (1 - certainty) * UNKNOWN, np.float32)
