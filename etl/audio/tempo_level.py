"""The level of a tempo: which of a pulse's halves, thirds and multiples is the beat.

Everything that repeats at one period repeats at its multiples too, so that the strongest repetition tells the
tempo but for a small factor. What tells the factor is how long after the kicks the hats come, and before
them, how dense the onsets are and where in the beat, after how many beats the notes come again, and which
tempi there are in music. A conditional logit weighs that for nine candidates; its weights are fitted by
``python -m benchmarks.training.fit_tempo``.

References
----------
.. [1] Gouyon and Dixon, "A review of automatic rhythm description systems", Computer Music Journal 29(1),
2005. .. [2] Hockman and Fujinaga, "Fast vs slow: learning tempo octaves from user data", ISMIR 2010.
.. [3] McFadden, "Conditional logit analysis of qualitative choice behavior", 1974.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.audio.periodicity import (
    FRAME_RATE,
    MIN_TEETH,
    SUPPORTED,
    beat_profile,
    comb,
    cross_correlation,
    near_lags,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

RATIOS: Final = np.array([1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3])
"""Candidates, as multiples of the tempo of the strongest comb."""

MIN_BPM: Final = 36.0
MAX_BPM: Final = 260.0

HAT_SPANS: Final = np.array([1 / 2, 1.0, 2.0])
"""Beats from a kick to the hat, and from the hat to the kick, at which they are asked for."""

NOTE_SPANS: Final = np.array([1 / 2, 1.0, 3 / 2, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0])
"""Beats after which the same notes are asked for: chords change with the bars."""

_BARS: Final = np.array([[3.0, 6.0, 12.0], [4.0, 8.0, 16.0]])

_MIDDLE_BPM: Final = 110.0
_SLOW: Final = -0.8
_FAST: Final = 0.75
_AROUND: Final = np.linspace(0.97, 1.03, 41)

LEVEL_FEATURES: Final = (
    "octaves", "octaves_2", "octaves_3", "slow", "fast",
    *(f"hat_to_kick_{span:.1f}" for span in HAT_SPANS),
    *(f"kick_to_hat_{span:.1f}" for span in HAT_SPANS),
    "onsets", "onsets_2", "strong_onsets", "strong_onsets_2", "hats", "hats_2",
    "on_the_beat", "half_a_beat", "third_of_a_beat", "quarter_of_a_beat",
    *(f"notes_{span:.1f}" for span in NOTE_SPANS), "bar", "two_bars", "four_bars",
    "kick_octaves", "voice_octaves", "snare_octaves", "hat_octaves",
)  # fmt: skip
"""Features of a candidate: octaves from 110 beats per minute, and by how many it is below 63 or above 185;
correlation of kicks and hats; onsets per beat; where in the beat they are; how alike the notes are, at
last after bars of three or four beats, whichever is more; what varies most, by octaves."""

LEVEL_WEIGHTS: Final = np.array([
    -0.41, -1.07, -0.16, -1.99, -7.58,  # octaves
    -0.67, 2.42, 1.86, 3.13, 5.14, -0.02,  # kicks and hats
    0.41, -0.75, 0.41, -0.35, 0.41, -0.75,  # onsets per beat
    13.18, 6.11, -8.29, 23.12,  # where in the beat
    0.96, 2.34, -1.85, 0.12, -1.71, 1.44, 1.37, 2.89, -1.76, 1.79,  # notes
    3.75, -5.26, 2.34,  # bars
    0.3, -0.95, -0.1, 0.82,  # what varies most
])  # fmt: skip
"""Weight of each of `LEVEL_FEATURES`, from ``benchmarks.training.fit_tempo``."""


class Heard(NamedTuple):
    """What the level is judged by."""

    envelopes: Sequence[Floats]
    """Onset strength by median, and of the four `etl.audio.frames.ONSET_BANDS`; five of shape (frames,)."""
    comb: Doubles
    """Autocorrelation of the first of them, (frames,)."""
    notes: Doubles
    """`etl.audio.periodicity.self_similarity` of the chroma, (frames,)."""


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


def level_features(heard: Heard, tempi: Doubles) -> Doubles:
    """Describe each candidate.

    Parameters
    ----------
    heard
        Onsets and notes.
    tempi
        Candidates, beats per minute, shape (n,).

    Returns
    -------
    ndarray
        Shape (n, features), in the order of `LEVEL_FEATURES`.
    """
    median, *bands = heard.envelopes
    kick, _, _, hat = bands
    lags = 60.0 * FRAME_RATE / tempi
    octaves = np.log2(tempi / _MIDDLE_BPM)
    counts = (_onsets_per_minute(median, 0.5), _onsets_per_minute(median, 1.0), _onsets_per_minute(hat, 0.5))
    densities = [np.log2(count / tempi) ** power for count in counts for power in (1, 2)]
    profiles = np.array([beat_profile(median, lag) for lag in lags])
    spread = max(float(np.mean(bands, axis=0).std()), 1e-6)
    return np.column_stack(
        [
            octaves, octaves**2, octaves**3,
            np.maximum(_SLOW - octaves, 0.0), np.maximum(octaves - _FAST, 0.0),
            near_lags(cross_correlation(hat, kick), np.outer(lags, HAT_SPANS)),
            near_lags(cross_correlation(kick, hat), np.outer(lags, HAT_SPANS)),
            *densities,
            profiles[:, 0], profiles[:, 6],
            profiles[:, [4, 8]].mean(axis=1), profiles[:, [3, 9]].mean(axis=1),
            near_lags(heard.notes, np.outer(lags, NOTE_SPANS)),
            near_lags(heard.notes, np.multiply.outer(lags, _BARS)).max(axis=1),
            *(band.std() / spread * octaves for band in bands),
        ]
    )  # fmt: skip


def _onsets_per_minute(envelope: Floats, deviations: float) -> float:
    """Count the peaks that stand out by so many standard deviations; twelve a minute at the least."""
    middle = envelope[1:-1]
    stands_out = middle > envelope.mean() + deviations * envelope.std()
    peaks = stands_out & (middle > envelope[:-2]) & (middle >= envelope[2:])
    return max(float(peaks.sum()) / len(envelope) * 60.0 * FRAME_RATE, 12.0)


def choose_level(heard: Heard, base: float) -> Level:
    """Choose the likeliest beat for a tempo.

    Parameters
    ----------
    heard
        Onsets and notes.
    base
        Tempo of the strongest comb, beats per minute.

    Returns
    -------
    Level
        The candidate with the highest score.
    """
    tempi = candidates(heard.comb, base)
    # Sums of products in the order of the features: a matrix product may add in another order elsewhere.
    scores = (level_features(heard, tempi) * LEVEL_WEIGHTS).sum(axis=1)
    chances = np.exp(scores - scores.max())
    best = int(chances.argmax())
    return Level(float(tempi[best]), float(chances[best] / chances.sum()))
