"""What it costs to go from one chord song to the next: four terms, each 0 to 1.

===========  ====================================================================================
harmony      mean of two cosine distances, between the counts of chord categories and between the
             fingerprints turned to the tonic, over twice the usual one
key          steps on Camelot's wheel, one of them for another mode, over six, by confidence
genre        1 less the similarity of the nearest two of their genres
complexity   difference of the entropy of the chords, over 3 bits
===========  ====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.playlists.transitions import key_costs, known_or_usual, transition_costs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_LARGEST_STEP_BITS: Final = 3.0
_BLOCK: Final = 256


@dataclass(frozen=True, eq=False)
class Songs:
    """Chord songs as columns.

    Attributes
    ----------
    vectors
        Shape (n, d), float32: see :func:`harmony_vectors`.
    key, key_confidence
        Shape (n,): 0-11 major from C, 12-23 minor, -1 none; 0 to 1.
    entropy_bits
        Shape (n,): entropy of the chords.
    genre_distance
        Shape (n, n), float32, 0 to 1; NaN where one has no genre.
    """

    vectors: Floats
    key: NDArray[np.int8]
    key_confidence: Floats
    entropy_bits: Floats
    genre_distance: Floats

    @cached_property
    def usual_distance(self) -> float:
        """Median distance of two; of the first few hundred with all."""
        return float(np.median(_apart(self, slice(0, _BLOCK)))) or 1.0


def harmony_vectors(categories: Floats, fingerprints: Floats, key: NDArray[np.int8]) -> Floats:
    """Give vectors whose scalar product is 1 less the distance of two songs, whatever their keys.

    Parameters
    ----------
    categories
        Shape (n, 49): chords by category.
    fingerprints
        Shape (n, 12): mean fingerprint, C first.
    key
        Shape (n,): 0-11 major from C, 12-23 minor.
    """
    steps = (np.arange(12) + np.maximum(key, 0)[:, None]) % 12
    turned = np.take_along_axis(fingerprints, steps, axis=1)
    parts = [
        each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-9) for each in (categories, turned)
    ]
    return np.asarray(np.hstack(parts) / np.sqrt(2), np.float32)


def song_terms(songs: Songs, rows: slice = slice(None)) -> dict[str, Floats]:
    """Give each term for each pair: shape (n, n), from the row's song to the column's; or for some rows."""
    harmony = np.clip(_apart(songs, rows) / (2 * songs.usual_distance), 0, 1)
    apart = np.abs(songs.entropy_bits[rows, None] - songs.entropy_bits) / np.float32(_LARGEST_STEP_BITS)
    return {
        "harmony": np.asarray(harmony, np.float32),
        "key": key_costs(songs.key, songs.key_confidence, rows),
        "genre": known_or_usual(songs.genre_distance[rows]),
        "complexity": np.minimum(apart, 1),
    }


def _apart(songs: Songs, rows: slice) -> Floats:
    # In double precision, since products of matrices differ in the last bits with the number of threads.
    vectors = songs.vectors.astype(np.float64)
    return np.asarray(1 - vectors[rows] @ vectors.T, np.float32)


def costs_of_songs(songs: Songs, weights: Mapping[str, float]) -> Floats:
    """Give the cost of each transition, shape (n, n)."""
    blocks = range(0, len(songs.key), _BLOCK)
    return np.vstack(
        [transition_costs(song_terms(songs, slice(start, start + _BLOCK)), weights) for start in blocks]
    )
