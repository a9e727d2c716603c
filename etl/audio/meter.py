"""Meter: whether beats go in threes or in fours (or twos), by what repeats after how many of them.

Compound bars (6/8, 12/8) count their dotted beats, of which there are two or four. The weights are fitted by
``python -m benchmarks.training.fit_tempo``.

References
----------
.. [1] Gouyon and Herrera, "Determination of the meter of musical audio signals: seeking recurrences in beat
   segment descriptors", AES Convention 114, 2003.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.audio.periodicity import FRAME_RATE, near_lags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_THREES: Final = np.array([3.0, 6.0])
_OTHERS: Final = np.array([2.0, 4.0])

METER_WEIGHTS: Final = np.array([0.9, 0.72, 2.41, 2.21, 1.48, 1.42, 1.07, 0.95, 0.77, 0.39])
"""Weight of each of `meter_features`."""

METER_OFFSET: Final = -1.65


class Meter(NamedTuple):
    """Beats to the bar."""

    beats: int
    """3 or 4; 0 if there is no beat."""
    confidence: float
    """Probability of it against the other, 0.5 to 1; 0 if there is no beat."""


def meter_features(correlations: Sequence[Doubles], bpm: float) -> Doubles:
    """Ask how much more repeats after three and six beats than after two and four.

    Parameters
    ----------
    correlations
        Autocorrelations of onset strengths.
    bpm
        Tempo.

    Returns
    -------
    ndarray
        Shape (2 * envelopes,): three less two, and six less four, of each.
    """
    beat = 60.0 * FRAME_RATE / bpm
    found = [near_lags(each, beat * _THREES) - near_lags(each, beat * _OTHERS) for each in correlations]
    return np.concatenate(found)


def find_meter(correlations: Sequence[Doubles], bpm: float) -> Meter:
    """Tell threes from fours.

    Parameters
    ----------
    correlations
        Autocorrelations of the onset strength by median and in four bands.
    bpm
        Tempo.

    Returns
    -------
    Meter
        The likelier of the two.
    """
    score = float((meter_features(correlations, bpm) * METER_WEIGHTS).sum()) + METER_OFFSET
    three = 1.0 / (1.0 + np.exp(-score))
    return Meter(3, three) if three > 0.5 else Meter(4, 1.0 - three)
