"""Which parts are drums: channel 10 and kits by definition, the rest by what they play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.stats_kernel import CYMBAL, HAT, KICK, NO_DRUM, SNARE, TOM
from etl.music.key_profiles import profile_correlations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

TAG_SCORE: Final = 0.5
"""Score above which a part is tagged as drums."""
CATEGORY_SCORE: Final = 0.9
"""Score above which a part counts as drums for its category, and is left out of keys and chords."""

_PRESENT: Final = 0.03
_FEWEST_NOTES: Final = 4
_REPEATS: Final = 4
# A logistic regression; ``benchmarks.training.midi_fit_drums`` fits it.
INTERCEPT: Final = -2.17
WEIGHTS: Final = np.array([8.57, 11.93, 7.47, 7.81, 9.3, 8.76, 1.06, -3.53, -0.07, 3.91, -5.94, -1.1, -15.02])


def drum_scores(parts: NDArray[Any]) -> NDArray[np.float64]:
    """Score each part from 0 to 1 for being drums.

    Parameters
    ----------
    parts
        `etl.midi.stats_kernel.PART` records.

    Returns
    -------
    ndarray
        1 on drum channels; elsewhere the estimate of a logistic regression on `drum_features`; 0 for fewer
        than four notes.
    """
    scores = 1.0 / (1.0 + np.exp(-(drum_features(parts) @ WEIGHTS + INTERCEPT)))
    scores[parts["notes"] < _FEWEST_NOTES] = 0.0
    scores[parts["drum"] == 1] = 1.0
    rounded: NDArray[np.float64] = scores.round(4)
    return rounded


def drum_features(parts: NDArray[Any]) -> NDArray[np.float64]:
    """Describe parts by what a kit would have them be, (parts, 13).

    Shares of kick, snare, hat, cymbal, tom and foreign notes; how many of the first three are there; how
    well a key fits; the share of the pitches in their range that are used, that range in two octaves, and
    the logarithm of the number of pitches; how often pitches come back (1 from four times on); how evenly
    the time is shared out among the pitch classes there are (0 for evenly, else below), as in chords and
    scales.
    """
    hits = parts["hits"] / np.maximum(1, parts["notes"])[:, None]
    distinct = np.maximum(1, parts["distinct"])
    shares = parts["pitch_class"] / np.maximum(1e-9, parts["pitch_class"].sum(axis=1, keepdims=True))
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
    span = parts["pitch_max"].astype(np.int64) - parts["pitch_min"]
    key_fit = profile_correlations(parts["pitch_class"]).max(axis=1, initial=-1.0)
    features: NDArray[np.float64] = np.column_stack(
        [
            hits[:, [KICK, SNARE, HAT, CYMBAL, TOM, NO_DRUM]],
            (hits[:, [KICK, SNARE, HAT]] > _PRESENT).sum(axis=1),
            key_fit,
            parts["distinct"] / (span + 1),
            span / 24,
            np.log(distinct),
            np.minimum(1.0, np.log(np.maximum(1, parts["notes"]) / distinct) / np.log(_REPEATS)),
            entropy - np.log(np.maximum(1, (shares > 0).sum(axis=1))),
        ]
    )
    return features


def mark_drums(batch: MidiBatch, parts: NDArray[Any], scores: NDArray[np.float64]) -> None:
    """Set the ``drum`` flag of the notes of parts that score above `CATEGORY_SCORE`."""
    found = parts[(scores > CATEGORY_SCORE) & (parts["drum"] == 0)]
    if not len(found):
        return
    notes = batch.notes
    tracks = int(notes["track"].max()) + 1

    def part_number(rows: NDArray[Any]) -> NDArray[np.int64]:
        number: NDArray[np.int64] = (rows["file"].astype(np.int64) * tracks + rows["track"]) * 16 + rows[
            "channel"
        ]
        return number

    notes["drum"][np.isin(part_number(notes), part_number(found))] = 1
