"""Pitch classes, the 24 keys and their profiles: the vocabulary that chords, audio and MIDI share.

Conventions
-----------
Pitch classes are integers, C = 0 to B = 11. Keys are integers, 0-11 the major keys from C, 12-23 the minor
keys from C, and -1 for none.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", Oxford University Press 1990, p. 30: the
   Krumhansl-Kessler probe-tone profiles.
.. [2] Temperley, "What's key for key? The Krumhansl-Schmuckler key-finding algorithm reconsidered", Music
   Perception 17(1), 1999, pp. 65-100.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

NO_KEY: Final = -1

LETTER_PITCH_CLASS: Final[Mapping[str, int]] = MappingProxyType(
    {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
)

MAJOR_TONICS: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_TONICS: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
KEY_NAMES: Final = (*(f"{t} Major" for t in MAJOR_TONICS), *(f"{t} Minor" for t in MINOR_TONICS))
"""Key names in key order, usual spelling."""

KEY_INDEX: Final[Mapping[str, int]] = MappingProxyType({name: i for i, name in enumerate(KEY_NAMES)})

# The Camelot wheel: one step clockwise is a fifth up; C major is 8B, A minor 8A.
CAMELOT: Final = (
    *(f"{(7 * pc + 7) % 12 + 1}B" for pc in range(12)),
    *(f"{(7 * (pc + 3) + 7) % 12 + 1}A" for pc in range(12)),
)
"""Camelot codes in key order."""

KRUMHANSL_KESSLER: Final[NDArray[np.float64]] = np.array(
    [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ]
)
"""Major and minor probe-tone ratings, (2, 12), tonic first [1]_."""

TEMPERLEY: Final[NDArray[np.float64]] = np.array(
    [
        [5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0],
        [5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0],
    ]
)
"""Major and minor profiles, (2, 12), tonic first [2]_."""


def rotated_profiles(profiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotate a major and a minor profile to all 24 keys.

    Parameters
    ----------
    profiles
        Shape (2, 12), tonic first.

    Returns
    -------
    ndarray
        Shape (24, 12), by pitch class, in key order.

    Examples
    --------
    >>> rotated_profiles(KRUMHANSL_KESSLER)[KEY_INDEX["G Major"], 7]
    np.float64(6.35)
    """
    return np.stack([np.roll(profile, tonic) for profile in profiles for tonic in range(12)])


def profile_correlations(
    weights: NDArray[np.floating | np.integer], profiles: NDArray[np.float64] = KRUMHANSL_KESSLER
) -> NDArray[np.float64]:
    """Pearson correlation of pitch-class weights with the 24 rotated profiles.

    Parameters
    ----------
    weights
        Shape (N, 12), non-negative.
    profiles
        Shape (2, 12), tonic first, to at most two decimals, as profiles are published.

    Returns
    -------
    ndarray
        Shape (N, 24), -1 to 1; zero where the weights are flat. Rounded to 12 decimals, so that keys that
        tie by symmetry tie exactly. With whole-numbered weights a row does not depend on its neighbours.
    """
    rotated = rotated_profiles(profiles)
    # Twelve (for the mean) times a hundred (for the decimals) makes whole numbers of the deviations. Sums of
    # whole numbers are exact in whatever order they are taken, which may depend on their number.
    centred = np.rint(1200.0 * (rotated - rotated.mean(axis=1, keepdims=True)))
    deviations = 12.0 * weights - weights.sum(axis=1, keepdims=True)
    norms = np.linalg.norm(deviations, axis=1, keepdims=True)
    norms[norms == 0] = 1.0
    # Not by ``@``: its library starts threads that wait busily, in the way of those that call this.
    products = np.einsum("ij,jk->ik", deviations, np.ascontiguousarray(centred.T))
    correlations: NDArray[np.float64] = np.round(products / (norms * np.linalg.norm(centred, axis=1)), 12)
    return correlations
