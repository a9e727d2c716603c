"""Key profiles: how much each pitch class is heard in a key, and how well weights agree with that.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", Oxford University Press 1990, p. 30: the
   Krumhansl-Kessler probe-tone profiles.
.. [2] Temperley, "What's key for key? The Krumhansl-Schmuckler key-finding algorithm reconsidered", Music
   Perception 17(1), 1999, pp. 65-100.
.. [3] Bellmann, "About the determination of key of a musical excerpt", CMMR 2005, pp. 76-91: pitch classes
   counted by Budge, "A study of chord frequencies", 1943.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


BELLMANN_BUDGE: Final[NDArray[np.float64]] = np.array(
    [
        [16.80, 0.86, 12.95, 1.41, 13.49, 11.93, 1.25, 20.28, 1.80, 8.04, 0.62, 10.57],
        [18.16, 0.69, 12.99, 13.34, 1.07, 11.15, 1.38, 21.07, 7.49, 1.53, 0.92, 10.21],
    ]
)
"""Major and minor profiles in percent, (2, 12), tonic first [3]_."""


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
    >>> rotated_profiles(KRUMHANSL_KESSLER)[7, 7]  # G major, G
    np.float64(6.35)
    """
    rotation = (np.arange(12) - np.arange(12)[:, None]) % 12
    rotated: NDArray[np.float64] = profiles[:, rotation].reshape(24, 12)
    return rotated


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
