"""The level of a tempo: which of a pulse's halves, thirds and multiples is the beat.

Everything that repeats at one period repeats at its multiples too, so that the strongest repetition tells the
tempo but for a small factor. What tells the factor is how kicks, snares and hats divide and group the beat,
how dense the onsets are, and which tempi there are in music. A conditional logit weighs that for nine
candidates; its weights are fitted by ``python -m benchmarks.training.fit_tempo``.

References
----------
.. [1] Gouyon and Dixon, "A review of automatic rhythm description systems", Computer Music Journal 29(1),
2005. .. [2] Hockman and Fujinaga, "Fast vs slow: learning tempo octaves from user data", ISMIR 2010.
.. [3] McFadden, "Conditional logit analysis of qualitative choice behavior", 1974.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.audio.periodicity import FRAME_RATE, MIN_TEETH, SUPPORTED, comb, near_lags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

RATIOS: Final = np.array([1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3])
"""Candidates, as multiples of the tempo of the strongest comb."""

MIN_BPM: Final = 36.0
MAX_BPM: Final = 260.0

SPANS: Final = np.array([1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3, 4])
"""Beats after which repetition is asked for."""

_MIDDLE_BPM: Final = 110.0
_AROUND: Final = np.linspace(0.97, 1.03, 41)
_ENVELOPES: Final = ("median", "kick", "voice", "snare", "hat")

LEVEL_FEATURES: Final = (
    *(f"{name}_{span:.2f}" for name in _ENVELOPES for span in SPANS),
    *(f"{name}_comb" for name in _ENVELOPES),
    "octaves", "octaves_2", "octaves_3", "onsets", "onsets_2", "kicks", "kicks_2", "hats_octaves",
    "kicks_octaves",
)  # fmt: skip
"""Features of a candidate: autocorrelations, combs, octaves from 110 beats per minute, onsets per beat."""

LEVEL_WEIGHTS: Final = np.array([
    -2.29, -0.56, 0.91, -0.62, 0.36, -0.66, 0.6, 0.21, 0.53,  # median
    -0.97, -0.07, -0.39, -0.34, 0.57, -0.4, 0.19, 0.86, 2.01,  # kick
    0.38, 0.98, 0.07, 0.26, 0.19, 0.45, -0.91, 0.78, 1.21,  # voice
    1.48, 0.45, 0.36, 0.19, -0.25, -0.29, -0.53, 0.18, 0.34,  # snare
    -0.63, -0.12, 0.72, -0.78, 0.78, -0.44, 1.46, 0.45, 0,  # hat
    0.54, 0.79, -0.15, -0.55, 1.29,  # combs
    0.06, -1.58, 0.01, -0.04, -0.3, -0.04, -0.57, 0.6, 0.79,
])  # fmt: skip
"""Weight of each of `LEVEL_FEATURES`, from ``benchmarks.training.fit_tempo``."""


class Level(NamedTuple):
    """The likeliest beat."""

    bpm: float
    probability: float
    """Of this candidate against the others, 0 to 1."""


def candidates(correlation: Doubles, base: float) -> Doubles:
    """Give the tempi between 36 and 260 that may be meant by ``base``, each where its comb is highest.

    Of a short signal the slow ones are left out, of which two beats do not fit.
    """
    tempi = base * RATIOS
    slowest = MIN_TEETH * 60.0 * FRAME_RATE / (SUPPORTED * len(correlation))
    tempi = tempi[(tempi >= max(MIN_BPM, slowest)) & (tempi <= MAX_BPM)]
    grid = np.outer(tempi, _AROUND)
    best = comb(correlation, grid.ravel()).reshape(grid.shape).argmax(axis=1)
    chosen: Doubles = grid[np.arange(len(tempi)), best]
    return chosen


def level_features(envelopes: Sequence[Floats], correlations: Sequence[Doubles], tempi: Doubles) -> Doubles:
    """Describe each candidate.

    Parameters
    ----------
    envelopes
        Onset strength by median, and of the four `etl.audio.frames.ONSET_BANDS`; five of shape (frames,).
    correlations
        Their autocorrelations.
    tempi
        Candidates, beats per minute, shape (n,).

    Returns
    -------
    ndarray
        Shape (n, features), in the order of `LEVEL_FEATURES`.
    """
    lags = np.outer(60.0 * FRAME_RATE / tempi, SPANS)
    octaves = np.log2(tempi / _MIDDLE_BPM)
    _, kick, _, _, hat = envelopes
    everything = np.mean(envelopes[1:], axis=0)
    onsets = np.log2(_onsets_per_minute(everything, 0.5) / tempi)
    kicks = np.log2(_onsets_per_minute(kick, 1.0) / tempi)
    spread = max(float(everything.std()), 1e-6)
    columns = [near_lags(correlation, lags) for correlation in correlations]
    columns += [comb(correlation, tempi)[:, np.newaxis] for correlation in correlations]
    columns.append(
        np.column_stack(
            [
                octaves, octaves**2, octaves**3, onsets, onsets**2, kicks, kicks**2,
                (hat.std() / spread - 1.0) * octaves, (kick.std() / spread - 1.5) * octaves,
            ]
        )
    )  # fmt: skip
    return np.hstack(columns)


def _onsets_per_minute(envelope: Floats, deviations: float) -> float:
    """Count the peaks that stand out by so many standard deviations; twelve a minute at the least."""
    middle = envelope[1:-1]
    stands_out = middle > envelope.mean() + deviations * envelope.std()
    peaks = stands_out & (middle > envelope[:-2]) & (middle >= envelope[2:])
    return max(float(peaks.sum()) / len(envelope) * 60.0 * FRAME_RATE, 12.0)


def choose_level(envelopes: Sequence[Floats], correlations: Sequence[Doubles], base: float) -> Level:
    """Choose the likeliest beat for a tempo.

    Parameters
    ----------
    envelopes, correlations
        As for `level_features`.
    base
        Tempo of the strongest comb, beats per minute.

    Returns
    -------
    Level
        The candidate with the highest score.
    """
    tempi = candidates(correlations[0], base)
    # Sums of products in the order of the features: a matrix product may add in another order elsewhere.
    scores = (level_features(envelopes, correlations, tempi) * LEVEL_WEIGHTS).sum(axis=1)
    chances = np.exp(scores - scores.max())
    best = int(chances.argmax())
    return Level(float(tempi[best]), float(chances[best] / chances.sum()))
