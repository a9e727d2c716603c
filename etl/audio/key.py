"""Key of a recording: chroma against key profiles, with the runner-up's distance as confidence.

Measured on 210 synthesised pieces and 113 rendered songs of POP909, the Bellmann-Budge profiles on the mean
of both chromas find 73 % and 80 % of the keys; Temperley's profiles on the STFT chroma 70 % and 66 %
(the pieces: ``benchmarks.audio_accuracy``). Nearly all errors are the relative key.

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


def find_key(chroma: NDArray[np.float32]) -> Key:
    """Find the key of a signal from its chroma.

    Parameters
    ----------
    chroma
        Shape (frames, 12), not negative.

    Returns
    -------
    Key
        ``NO_KEY`` if the chroma is flat, as in silence.
    """
    weights = chroma.mean(axis=0, dtype=np.float64)
    correlations = profile_correlations(weights[np.newaxis], BELLMANN_BUDGE)[0]
    second, first = np.argsort(correlations, kind="stable")[-2:]
    if correlations[first] <= 0:
        return Key(NO_KEY, 0.0, 0.0)
    return Key(int(first), float(correlations[first]), float(correlations[first] - correlations[second]))
