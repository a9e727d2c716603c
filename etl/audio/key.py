"""Key of a recording: the triads that are heard in it and its key profile, weighed into one posterior.

Three chromas are heard together. Those of the short-time spectrum and of the constant-Q transform follow the
loudest notes, which of an 808 or a distorted bass are often not the harmony; the compressed one hears soft
notes too, and no basses. Which triads there are, how they follow one another and where the piece begins and
ends tells the mode and the tonic better than the sum of all notes does: a conditional logit [1]_ over the 24
keys, whose weights are fitted to annotated songs written as triads, none of them heard. The sum of all notes,
against a key profile [2]_, counts beside it, most where there are few chords.
``python -m benchmarks.training.fit_audio_key`` fits the weights and measures them on sounds.

References
----------
.. [1] McFadden, "Conditional logit analysis of qualitative choice behavior", 1974.
.. [2] Bellmann, "About the determination of key of a musical excerpt", CMMR 2005: frequencies of pitch
   classes counted by Budge, "A study of chord frequencies", 1943.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.audio.chords import TRIADS, Chords, deviations, find_chords
from etl.music.key_profiles import BELLMANN_BUDGE, profile_correlations
from etl.music.keys import NO_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP_SIZES: Final = {"triads": TRIADS, "moves": TRIADS * TRIADS, "first": TRIADS, "last": TRIADS}
"""Features by group, in the order of the weights: roots of the shares of the triads, shares of each move from
one to another, and which is first and last."""

WEIGHTS_FILE: Final = "key_weights.npy"
WEIGHT_UNIT: Final = 1e-3
"""Weights are stored as whole multiples of this."""

TEMPERATURE = 1.1
SHORTNESS = 4.7
PROFILE_WEIGHT = 2.4
"""Scores of the triads are divided by ``TEMPERATURE * (1 + SHORTNESS / chords)``, and this much of the
correlation with the key's profile is added: fitted to sounds by ``benchmarks.training.fit_audio_key``."""


class Key(NamedTuple):
    """Key of a signal."""

    key: int
    """0-11 major, 12-23 minor, -1 none."""
    correlation: float
    """Of the sum of all notes with the profile of that key, -1 to 1."""
    confidence: float
    """Posterior of that key, 0 to 1."""


NO_KEY_FOUND: Final = Key(NO_KEY, 0.0, 0.0)


def find_key(*chromas: NDArray[np.float32]) -> Key:
    """Find the key of a signal from its chromas.

    Parameters
    ----------
    chromas
        One or several, each of shape (frames, 12), not negative, one frame at least.

    Returns
    -------
    Key
        `NO_KEY_FOUND` if the chromas are flat, as in silence.
    """
    profile = profile_correlation(chromas)
    if not profile.any():
        return NO_KEY_FOUND
    chords = find_chords(np.sum(chromas, axis=0))
    scores = triad_scores(chords, key_weights())
    scores /= TEMPERATURE * (1 + SHORTNESS / len(chords.triads))
    scores += PROFILE_WEIGHT * profile
    likelihood = np.exp(scores - scores.max())
    best = int(likelihood.argmax())
    return Key(best, float(profile[best]), float(likelihood[best] / likelihood.sum()))


def profile_correlation(chromas: tuple[NDArray[np.float32], ...]) -> NDArray[np.float64]:
    """Correlate the sum of all notes, each chroma a vote, with the profile of each key, (24,)."""
    votes = np.array([chroma.mean(axis=0, dtype=np.float64) for chroma in chromas])
    correlations: NDArray[np.float64] = profile_correlations(
        deviations(votes).sum(axis=0, keepdims=True), BELLMANN_BUDGE
    )[0]
    return correlations


def triad_scores(chords: Chords, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score the 24 keys by the triads alone: log of the posterior up to a constant, (24,).

    Parameters
    ----------
    chords
        The triads.
    weights
        As `key_weights` gives them.
    """
    return (triad_features(chords) @ weights).T.ravel()


def triad_features(chords: Chords) -> NDArray[np.float64]:
    """Describe triads as seen from each tonic, (12, F): the groups of `GROUP_SIZES` side by side."""
    triads, lengths = chords
    seen = (triads - np.arange(12)[:, None]) % 12 + 12 * (triads // 12)
    rows = np.arange(12)[:, None]
    shares, moves = np.zeros((12, TRIADS)), np.zeros((12, TRIADS * TRIADS))
    np.add.at(shares, (rows, seen), lengths / lengths.sum())
    np.add.at(moves, (rows, TRIADS * seen[:, :-1] + seen[:, 1:]), 1 / max(len(triads) - 1, 1))
    one = np.eye(TRIADS)
    return np.hstack([np.sqrt(shares), moves, one[seen[:, 0]], one[seen[:, -1]]])


@cache
def key_weights() -> NDArray[np.float64]:
    """Load the weights that ship with the package: (F, 2), tonic at C; major and minor keys."""
    with files("etl.audio").joinpath(WEIGHTS_FILE).open("rb") as file:
        stored = np.load(file, allow_pickle=False)
    weights: NDArray[np.float64] = stored * WEIGHT_UNIT
    return weights
