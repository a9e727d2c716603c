"""What the measurements of a sound say it is, where its name does not: drums (and which), melodic or effects.

A multinomial logistic regression on six measurements and their products. It is fitted to made-up sounds alone
(`benchmarks/training/fit_sound_categories.py`), none of them a voice: of vocals it knows nothing, and a
voice is taken for something else or left open. What it is not sure of, it does not say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.runtime.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEASURED: Final = ("duration_s", "peak_dbfs", "rms_dbfs", "onsets", "centroid_hz", "pitchedness")
KINDS: Final = (
    "kick", "snare", "clap", "hat", "cymbal", "tom", "percussion", "loop", "bass", "melody", "fx",
)  # fmt: skip
CATEGORIES: Final = {**dict.fromkeys(KINDS[:8], "drums"), "bass": "melodic", "melody": "melodic", "fx": "fx"}
SOUND_CATEGORY_VERSION: Final = 1
"""Raised whenever any answer would change."""

WEIGHTS_FILE: Final = "sound_weights.json"

SURE: Final = 0.9
"""Chance of a category below which nothing is said."""

MOST_SURE: Final = 0.8
"""Confidence of any answer at most: more are not right of real sounds, see `docs/accuracy.md`."""

_CLEAR: Final = 0.6  # chance of a kind below which only a general one is said
_GENERAL: Final = {"drums": "percussion", "melodic": "melody"}

_FURTHEST: Final = 3.0
"""Standard deviations from the mean of the made-up sounds at which measurements count as that far."""


@dataclass(frozen=True)
class SoundModel:
    """A fitted model.

    Attributes
    ----------
    mean, scale
        Of the six numbers of :func:`described`, shape (6,).
    weights
        Shape (28, kinds): intercept, numbers, products.
    """

    mean: Floats
    scale: Floats
    weights: Floats

    def chances(self, measured: Floats) -> Floats:
        """Give the chance of each kind, (n, kinds), of measurements (n, 6) in the order of `MEASURED`."""
        scores = expanded((described(measured) - self.mean) / self.scale) @ self.weights
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class SoundCategory:
    """What a sound is by its measurements; fields as of `etl.batch.name_categories.NameCategory`."""

    category: str
    kind: str
    confidence: float


def described(measured: Floats) -> Floats:
    """Give what the model looks at, (n, 6).

    Logarithms of duration, onsets, onsets a second and centroid; crest factor in dB; pitchedness.
    """
    duration, peak, rms, onsets, centroid, pitchedness = measured.T
    duration, onsets = np.maximum(duration, 0.01), np.maximum(onsets, 0.0)
    return np.column_stack(
        [
            np.log2(duration),
            np.clip(peak - rms, 0.0, 40.0),
            np.log2(1.0 + onsets),
            np.log2(1.0 + onsets / duration),
            np.log2(np.maximum(centroid, 20.0)),
            pitchedness,
        ]
    )


def expanded(numbers: Floats) -> Floats:
    """Give 1, the numbers and their products of two, (n, 28); outliers count as at the edge."""
    numbers = np.clip(numbers, -_FURTHEST, _FURTHEST)
    rows, columns = np.triu_indices(numbers.shape[1])
    return np.column_stack([np.ones(len(numbers)), numbers, numbers[:, rows] * numbers[:, columns]])


@cache
def sound_model() -> SoundModel:
    """Read the model that ships."""
    kept = json.loads(resource(f"batch/{WEIGHTS_FILE}").read_text(encoding="utf-8"))
    return SoundModel(*(np.array(kept[name]) for name in ("mean", "scale", "weights")))


def sound_category(facts: Mapping[str, object]) -> SoundCategory | None:
    """Say what the measurements of a sound say; None where some are missing or nothing is likely enough.

    Examples
    --------
    >>> kick = {"duration_s": 0.5, "peak_dbfs": -1, "rms_dbfs": -12, "onsets": 1, "centroid_hz": 90}
    >>> sound_category({**kick, "pitchedness": 0.9}).kind, sound_category(kick) is None
    ('kick', True)
    """
    values = [facts.get(name) for name in MEASURED]
    if not all(isinstance(value, int | float) for value in values):
        return None
    (chances,) = sound_model().chances(np.array([values], dtype=np.float64))
    by_category: dict[str, float] = {}
    for kind, chance in zip(KINDS, chances.tolist(), strict=True):
        by_category[CATEGORIES[kind]] = by_category.get(CATEGORIES[kind], 0.0) + chance
    category = max(by_category, key=by_category.__getitem__)
    if by_category[category] < SURE:
        return None
    kind = max(
        (kind for kind in KINDS if CATEGORIES[kind] == category), key=lambda kind: chances[KINDS.index(kind)]
    )
    if chances[KINDS.index(kind)] < _CLEAR:
        kind = _GENERAL.get(category, kind)
    return SoundCategory(category, kind, round(min(by_category[category], MOST_SURE), 2))
