"""The trained key finder: a conditional logit over the 24 keys, the same for every transposition.

The score of a key is a weighted sum of the song's features (:mod:`etl.chords.key_features`) read as scale
degrees of that key, with one set of weights for the major and one for the minor keys. The posterior over
the keys is the softmax of the scores [1]_, divided by a temperature that is the higher the fewer chords
there are, fitted on held-out songs and pieces of songs.

References
----------
.. [1] McFadden, "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.), Frontiers in
   Econometrics, 1974.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.chords.kernels import score_keys
from etl.chords.key_features import FULL_SECTION, GROUP_SIZES, HALVES, MOVES, STATES, states_and_halves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.ragged import Ragged
    from etl.chords.vocabulary import Vocabulary

WEIGHT_UNIT: Final = 1e-3
"""Weights are stored as whole multiples of this, so that sums of counts are exact."""

WEIGHTS_FILE: Final = "key_weights.npy"
MANIFEST_FILE: Final = "key_weights.json"


@dataclass(frozen=True)
class KeyModel:
    """Weights of the trained key finder.

    Attributes
    ----------
    weights
        Shape (F, 2), int16, in units of :data:`WEIGHT_UNIT`: the groups of
        :data:`~etl.chords.key_features.GROUP_SIZES` one below the other, read with the tonic at pitch class
        0; major and minor.
    temperature
        What the scores of an endless song are divided by.
    shortness
        How much more those of a short one are: ``temperature * (1 + shortness / chords)``.
    """

    weights: NDArray[np.int16]
    temperature: float = 1.0
    shortness: float = 0.0

    @cached_property
    def tables(self) -> dict[str, NDArray[np.int32]]:
        """Weights of each group by pitch class and key, (features, 24)."""
        starts = np.cumsum([0, *GROUP_SIZES.values()])
        return {
            group: np.hstack(
                [
                    self.weights[start : start + size, mode].astype(np.int32)[rotation(size).T]
                    for mode in range(2)
                ]
            )
            for (group, size), start in zip(GROUP_SIZES.items(), starts[:-1], strict=True)
        }

    def logits(self, tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.float64]:
        """Score the 24 keys of each row.

        Parameters
        ----------
        tokens
            Token ids, N rows.
        vocabulary
            What the ids stand for.

        Returns
        -------
        ndarray
            Shape (N, 24), log of the posterior up to a constant per row; zeros for a row without chords. A
            row's scores depend on nothing but the row; keys that tie by symmetry tie exactly.
        """
        states, halves = states_and_halves(vocabulary)
        tables = tuple(self.tables.values())
        scores, lengths = score_keys(
            tokens.values, tokens.offsets, vocabulary.kinds, states, halves, tables, FULL_SECTION
        )
        scale = WEIGHT_UNIT / self.temperatures(lengths)
        logits: NDArray[np.float64] = np.round(scores * scale[:, None], 9)
        return logits

    def temperatures(self, chords: NDArray[np.integer]) -> NDArray[np.float64]:
        """Give what the scores of rows of so many known chords are divided by, (N,)."""
        result: NDArray[np.float64] = self.temperature * (1 + self.shortness / np.maximum(chords, 1))
        return result


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised exponentials over the last axis."""
    likelihood = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = likelihood / likelihood.sum(axis=-1, keepdims=True)
    return result


@cache
def rotation(size: int) -> NDArray[np.intp]:
    """Index of each feature of a group as seen from each tonic, (12, size)."""
    tonic = np.arange(12)[:, None]
    feature = np.arange(size)
    if size == STATES:
        return (feature - STATES // 12 * tonic) % STATES
    if size == MOVES:
        start, end = np.divmod(feature, HALVES)
        step = HALVES // 12 * tonic
        return (start - step) % HALVES * HALVES + (end - step) % HALVES
    message = f"no feature group has {size} features"
    raise ValueError(message)


@cache
def trained_model() -> KeyModel:
    """Load the model that ships with the package (trained by ``benchmarks.training.train_keys``)."""
    folder = files("etl.chords")
    with folder.joinpath(WEIGHTS_FILE).open("rb") as file:
        weights = np.load(file, allow_pickle=False)
    manifest = _manifest()
    return KeyModel(weights, float(manifest["temperature"]), float(manifest["shortness"]))


def training_data() -> frozenset[str]:
    """Give the SHA-256 sums of the files that the shipped model was trained on."""
    return frozenset(_manifest()["data"]["sha256"].values())


def _manifest() -> dict[str, Any]:
    text = files("etl.chords").joinpath(MANIFEST_FILE).read_text(encoding="utf-8")
    manifest: dict[str, Any] = json.loads(text)
    return manifest
