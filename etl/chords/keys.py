"""The key of each song from its chords.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", Oxford University Press 1990, chapter 4: the
   Krumhansl-Schmuckler algorithm.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from scipy import sparse

from etl.chords.ragged import Ragged
from etl.pitch import NO_KEY, profile_correlations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary


class KeyMethod(StrEnum):
    """How keys are found."""

    KRUMHANSL = "krumhansl"


KEY_VERSIONS: Final = {KeyMethod.KRUMHANSL: 1}
"""Raised whenever a method may give another key than before; results of older versions are redone."""

# Correlations become a posterior by a softmax at this inverse temperature, fitted by maximum likelihood to
# the annotated keys of the bundled Billboard songs (benchmarks/key_temperature.py).
_INVERSE_TEMPERATURE: Final = 10.0


def with_key(
    songs: pl.LazyFrame, vocabulary: Vocabulary, *, method: KeyMethod = KeyMethod.KRUMHANSL
) -> pl.LazyFrame:
    """Add the key of each song.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]``, ids into ``vocabulary``.
    vocabulary
        The distinct tokens of the batch.
    method
        How keys are found.

    Returns
    -------
    LazyFrame
        ``songs`` with ``key: i8`` (0-11 major, 12-23 minor, -1 none), ``key_confidence: f32`` (0-1, the
        posterior of the key), ``key_runner_up: i8`` and ``key_posterior: array[f32, 24]``. A song without a
        chord has key -1, confidence 0 and a posterior of zeros. Ties go to the lower key.
    """
    posterior = _POSTERIORS[method]
    best = pl.col("key_posterior").arr.arg_max().cast(pl.Int8)
    known = pl.col("key_posterior").arr.max() > 0
    return songs.with_columns(
        pl.col("tokens")
        .map_batches(
            lambda tokens: _as_array(posterior(Ragged.from_series(tokens), vocabulary)),
            return_dtype=pl.Array(pl.Float32, 24),
        )
        .alias("key_posterior")
    ).with_columns(
        key=pl.when(known).then(best).otherwise(NO_KEY).cast(pl.Int8),
        key_confidence=pl.col("key_posterior").arr.max(),
        key_runner_up=pl.col("key_posterior").map_batches(_second_best, return_dtype=pl.Int8),
    )


def token_sums(tokens: Ragged, table: NDArray[Any]) -> NDArray[Any]:
    """Sum the rows of a per-token table over each song.

    Parameters
    ----------
    tokens
        Token ids, T values in N rows.
    table
        Shape (V, K).

    Returns
    -------
    ndarray
        Shape (N, K), in the table's dtype. Summed in token order, so that a song's sums do not depend on
        its neighbours.
    """
    counts = sparse.csr_array(
        (np.ones(len(tokens.values), table.dtype), tokens.values, tokens.offsets),
        shape=(tokens.rows, len(table)),
    )
    sums: NDArray[Any] = counts @ table
    return sums


def _krumhansl_posterior(tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.float32]:
    histogram = token_sums(tokens, vocabulary.pitch_classes)
    logits = _INVERSE_TEMPERATURE * profile_correlations(histogram)
    likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
    posterior: NDArray[np.float32] = (likelihood / likelihood.sum(axis=1, keepdims=True)).astype(np.float32)
    posterior[histogram.sum(axis=1) == 0] = 0.0
    return posterior


_POSTERIORS: Final = {KeyMethod.KRUMHANSL: _krumhansl_posterior}


def _as_array(matrix: NDArray[np.float32]) -> pl.Series:
    return pl.Series(values=matrix, dtype=pl.Array(pl.Float32, matrix.shape[1]))


def _second_best(posterior: pl.Series) -> pl.Series:
    scores = posterior.to_numpy().copy()
    rows = np.arange(len(scores))
    best = scores.argmax(axis=1)
    unknown = scores[rows, best] == 0
    scores[rows, best] = -1.0
    second = scores.argmax(axis=1).astype(np.int8)
    second[unknown] = NO_KEY
    return pl.Series(values=second)
