"""Triads heard in a recording: chroma against major and minor triads, smoothed by a Viterbi path.

They are what the key is found by, not a transcription: sevenths go with their triads, and what is no triad
becomes the nearest.

References
----------
.. [1] Fujishima, "Realtime chord recognition of musical sound", ICMC 1999: templates against chroma.
.. [2] Bello and Pickens, "A robust mid-level representation for harmonic content in music signals", ISMIR
   2005: chords as states of a hidden Markov model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIADS: Final = 24
"""Major triads by root, then minor ones: ``root + 12 * is_minor``."""

_WINDOW: Final = 16
"""Frames that are heard together, 0.37 s."""

_SHARPNESS = 20.0
"""Log-likelihood of a window that is the triad itself, above that of one with no relation to it."""

_STAYS = 0.9
"""Chance that a window has the triad of the window before."""

_THIRD_HARMONIC = 0.3
"""Strength of each tone's third harmonic, a fifth up; that of its fifth, a major third up, is the square."""


class Chords(NamedTuple):
    """Triads in order of time, each unlike the one before."""

    triads: NDArray[np.int64]
    """0-11 major from C, 12-23 minor from C, (n,), n >= 1."""
    lengths: NDArray[np.int64]
    """Windows that each holds, (n,)."""


def _templates() -> NDArray[np.float64]:
    """Deviations of each triad's chroma from its mean, of length 1, (24, 12)."""
    tone = np.zeros(12)
    tone[[0, 7, 4]] = 1.0, _THIRD_HARMONIC, _THIRD_HARMONIC**2
    triads = [
        sum(np.roll(tone, root + step) for step in (0, third, 7)) for third in (4, 3) for root in range(12)
    ]
    return deviations(np.array(triads))


def deviations(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviations from the mean over the last axis, of length 1; zeros where there are none."""
    apart = weights - weights.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(apart, axis=-1, keepdims=True)
    result: NDArray[np.float64] = np.divide(apart, length, out=np.zeros_like(apart), where=length > 0)
    return result


TEMPLATES: Final = _templates()


def find_chords(chroma: NDArray[np.floating]) -> Chords:
    """Find the triads of a signal.

    Parameters
    ----------
    chroma
        Shape (frames, 12), not negative, one frame at least.

    Returns
    -------
    Chords
        The most likely path through all windows. A silent window keeps the triad before it.
    """
    windows = np.add.reduceat(chroma, np.arange(0, len(chroma), _WINDOW), axis=0, dtype=np.float64)
    path = _most_likely_path(_SHARPNESS * (deviations(windows) @ TEMPLATES.T))
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    return Chords(path[starts], np.diff(starts, append=len(path)))


def _most_likely_path(likelihoods: NDArray[np.float64]) -> NDArray[np.int64]:
    """Viterbi's path through states (windows, states) that change to all others with one chance."""
    windows, states = likelihoods.shape
    stay, leave = np.log(_STAYS), np.log((1 - _STAYS) / (states - 1))
    score = likelihoods[0]
    came_from = np.empty((windows, states), np.int64)
    own = np.arange(states)
    for window in range(1, windows):
        best = int(score.argmax())
        stays = score + stay
        jump = score[best] + leave
        came_from[window] = np.where(stays >= jump, own, best)
        score = np.maximum(stays, jump) + likelihoods[window]
    path = np.empty(windows, np.int64)
    path[-1] = score.argmax()
    for window in range(windows - 1, 0, -1):
        path[window - 1] = came_from[window, path[window]]
    return path
