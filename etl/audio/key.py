"""Key of a recording: three chromas against key profiles, with the runner-up's distance as confidence.

The chromas of the short-time spectrum and of the constant-Q transform follow the loudest notes, which of an
808 or a distorted bass are often not the harmony; the compressed one hears soft notes too, and no basses.
Each has one vote. Profiles fitted to composed pieces (conditional logit over 24 keys, shrunk towards these)
were better on pieces of the same composer and not on those of others, so that the published ones stay;
docs/audio.md says what goes wrong.

References
----------
.. [1] Bellmann, "About the determination of key of a musical excerpt", CMMR 2005: frequencies of pitch
   classes counted by Budge, "A study of chord frequencies", 1943.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from etl.music.key_profiles import BELLMANN_BUDGE, profile_correlations
from etl.music.keys import NO_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Key(NamedTuple):
    """Key of a signal."""

    key: int
    """0-11 major, 12-23 minor, -1 none."""
    correlation: float
    """With the profile of that key, -1 to 1."""
    confidence: float
    """Correlation less that of the next best key, 0 to 2."""


def find_key(*chromas: NDArray[np.float32]) -> Key:
    """Find the key of a signal from its chromas.

    Parameters
    ----------
    chromas
        One or several, each of shape (frames, 12), not negative.

    Returns
    -------
    Key
        ``NO_KEY`` if the chromas are flat, as in silence.
    """
    weights = np.sum([_deviations(chroma.mean(axis=0, dtype=np.float64)) for chroma in chromas], axis=0)
    correlations = profile_correlations(weights[np.newaxis], BELLMANN_BUDGE)[0]
    second, first = np.argsort(correlations, kind="stable")[-2:]
    if correlations[first] <= 0:
        return Key(NO_KEY, 0.0, 0.0)
    return Key(int(first), float(correlations[first]), float(correlations[first] - correlations[second]))


def _deviations(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviations from the mean, of length 1; zeros if there are none."""
    deviations: NDArray[np.float64] = weights - weights.mean()
    length = np.linalg.norm(deviations)
    return deviations / length if length > 0 else deviations
