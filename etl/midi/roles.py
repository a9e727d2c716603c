"""What a part plays by its notes alone: drums, bass, melody or chords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.drum_classes import CYMBAL, HAT, KICK, NO_DRUM, SNARE, TOM
from etl.music.key_profiles import profile_correlations

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROLES: Final = ("drums", "bass", "melody", "chords")

_PRESENT: Final = 0.03
_REPEATS: Final = 4
_BEATS_APART: Final = (-4.0, 3.0)  # logarithms of note lengths in quarters
_MOST_AT_ONCE: Final = 4.0
_MIDDLE: Final = 48.0

# A multinomial logistic regression; ``benchmarks.training.midi_fit_roles`` fits it.
INTERCEPTS: Final = np.array([6.67, -1.8, 1.01, -5.87])
WEIGHTS: Final = np.array(
    [
        [5.82, 1.23, -0.93, -6.12],
        [4.89, -1.14, -5.33, 1.58],
        [4.62, 0.1, -2.02, -2.7],
        [1.31, -0.5, -0.54, -0.27],
        [2.15, 1.12, -0.73, -2.55],
        [3.2, -0.37, -4.75, 1.92],
        [-0.0, 0.08, -0.07, -0.01],
        [-6.36, 3.34, 2.88, 0.13],
        [-1.16, -2.88, -3.38, 7.42],
        [0.96, -0.39, -0.5, -0.08],
        [-3.41, 1.11, 1.21, 1.09],
        [-0.81, 0.61, -1.17, 1.37],
        [-4.03, -2.49, -1.48, 8.0],
        [0.22, -1.11, 1.17, -0.28],
        [0.07, -0.3, 0.23, 0.0],
        [0.29, -0.54, -0.01, 0.26],
        [0.67, -0.76, -0.19, 0.28],
        [1.01, -0.81, 0.08, -0.28],
        [-1.66, 0.19, -0.43, 1.91],
        [-1.06, 0.49, 0.05, 0.52],
        [2.33, -0.74, -0.76, -0.83],
        [1.77, 3.71, 1.51, -6.98],
        [0.53, -1.42, 0.24, 0.65],
        [0.37, 1.88, 0.81, -3.06],
        [-1.43, 1.32, 0.62, -0.51],
        [1.03, -1.17, -1.37, 1.52],
    ]
)


def role_chances(parts: NDArray[Any]) -> NDArray[np.float64]:
    """Estimate what each part plays.

    Parameters
    ----------
    parts
        `etl.midi.stats_kernel.PART` records.

    Returns
    -------
    ndarray
        Chance of each of `ROLES`, (parts, 4), as its notes have it: channels, programs and names aside.
    """
    scores = role_features(parts) @ WEIGHTS + INTERCEPTS
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return chances


def role_columns(drum_scores: NDArray[np.float64], chances: NDArray[np.float64]) -> dict[str, Any]:
    """Give the likeliest role of each part and its chance.

    Parameters
    ----------
    drum_scores
        From `etl.midi.drums.drum_scores`, (parts,): they settle how likely drums are.
    chances
        From `role_chances`, (parts, 4).
    """
    pitched = chances[:, 1:] / np.maximum(1e-12, chances[:, 1:].sum(axis=1, keepdims=True))
    weighed = np.column_stack([drum_scores, pitched * (1 - drum_scores[:, None])])
    best = weighed.argmax(axis=1)
    return {
        "role": [ROLES[number] for number in best.tolist()],
        "role_confidence": weighed.max(axis=1, initial=0.0).round(4),
    }


def role_features(parts: NDArray[Any]) -> NDArray[np.float64]:
    """Describe parts by what tells the roles apart, (parts, 26).

    As a kit would have it: shares of kick, snare, hat, cymbal, tom and foreign notes; how many of the first
    three are there; how well a key fits; the share of the pitches in their range that are used, that range in
    two octaves, and the logarithm of the number of pitches; how often pitches come back (1 from four times
    on); how evenly the time is shared out among the pitch classes there are (0 for evenly, else below), as in
    chords and scales.

    Then the mean pitch (octaves from C3, and squared), the lowest and the highest; notes at once while any
    sounds (up to four), notes to an onset (likewise); the logarithm of the mean length in quarters; the share
    of the time with sound; shares of repeats, steps and leaps; whether one note sounds at a time; the
    logarithm of the number of notes.
    """
    count = np.maximum(1, parts["notes"])
    hits = parts["hits"] / count[:, None]
    distinct = np.maximum(1, parts["distinct"])
    shares = parts["pitch_class"] / np.maximum(1e-9, parts["pitch_class"].sum(axis=1, keepdims=True))
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
    lowest, highest = parts["pitch_min"].astype(np.float64), parts["pitch_max"].astype(np.float64)
    span = highest - lowest
    key_fit = profile_correlations(parts["pitch_class"]).max(axis=1, initial=-1.0)
    height = (parts["pitch_sum"] / count - _MIDDLE) / 12
    covered = parts["covered_beats"]
    at_once = np.where(covered > 0, parts["beats"] / np.maximum(1e-9, covered), 1.0)
    length = np.clip(np.log2(np.maximum(1e-9, parts["beats"] / count)), *_BEATS_APART)
    onsets = np.maximum(1, parts["onsets"])
    moves = np.maximum(1, parts["onsets"] - 1)
    features: NDArray[np.float64] = np.column_stack(
        [
            hits[:, [KICK, SNARE, HAT, CYMBAL, TOM, NO_DRUM]],
            (hits[:, [KICK, SNARE, HAT]] > _PRESENT).sum(axis=1),
            key_fit,
            parts["distinct"] / (span + 1),
            span / 24,
            np.log(distinct),
            np.minimum(1.0, np.log(count / distinct) / np.log(_REPEATS)),
            entropy - np.log(np.maximum(1, (shares > 0).sum(axis=1))),
            height,
            height * height,
            (lowest - _MIDDLE) / 12,
            (highest - _MIDDLE) / 12,
            np.minimum(at_once, _MOST_AT_ONCE),
            np.minimum(count / onsets, _MOST_AT_ONCE),
            length,
            parts["repeats"] / moves,
            parts["steps"] / moves,
            parts["leaps"] / moves,
            count == onsets,
            at_once < 1.05,
            np.minimum(np.log2(count), 8.0) / 8,
        ]
    )
    return features
