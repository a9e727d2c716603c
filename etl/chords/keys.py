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

from etl.chords.kernels import class_counts, row_sums
from etl.chords.key_model import softmax, trained_model
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind
from etl.music.key_profiles import profile_correlations
from etl.music.keys import NO_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary


class KeyMethod(StrEnum):
    """How keys are found."""

    TRAINED = "trained"
    KRUMHANSL = "krumhansl"


KEY_VERSIONS: Final = {KeyMethod.TRAINED: 3, KeyMethod.KRUMHANSL: 2}
"""Raised whenever a method may give another key than before; results of older versions are redone."""

_BASES: Final = ("none", "few_chords", "many_unknown", "chords")

FEW_CHORDS: Final = 3
"""A key from fewer chords than this is a guess at best; ``key_basis`` says so."""

MANY_UNKNOWN: Final = 0.1
"""A key from chords of which more than this share, 0-1, are unknown is doubtful; ``key_basis`` says so."""

_SAME_UNKNOWN: Final = 3  # so often chance does not repeat one: where one spelling is, half the share is many

KEY_COLUMNS: Final[dict[str, Any]] = {
    "key": pl.Int8,
    "key_confidence": pl.Float32,
    "key_runner_up": pl.Int8,
    "key_posterior": pl.Array(pl.Float32, 24),
    "key_basis": pl.String,
}

GIVEN_POSTERIOR: Final = "given_posterior"
"""Column with the posterior of keys that are known better than from the chords."""

# Correlations become a posterior by a softmax at this inverse temperature, fitted by maximum likelihood to
# the annotated keys of the bundled Billboard songs (benchmarks.training.train_keys).
_INVERSE_TEMPERATURE: Final = 11.3


def with_key(
    songs: pl.LazyFrame, vocabulary: Vocabulary, *, method: KeyMethod = KeyMethod.TRAINED
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
        posterior of the key), ``key_runner_up: i8``, ``key_posterior: array[f32, 24]`` and ``key_basis:
        str``: ``chords``, ``many_unknown`` (see :func:`has_many_unknown`), ``few_chords`` (fewer than three
        known chords) or ``none``. A song without a chord has key -1, confidence 0 and a posterior of zeros.
        Ties go to the lower key.
    """

    def find(token_lists: pl.Series) -> pl.Series:
        tokens = Ragged.from_series(token_lists)
        columns = key_columns(
            key_logits(tokens, vocabulary, method),
            chord_counts(tokens, vocabulary),
            has_many_unknown(tokens, vocabulary),
        )
        return pl.DataFrame(columns, schema=KEY_COLUMNS).to_struct()

    found = pl.col("tokens").map_batches(find, return_dtype=pl.Struct(KEY_COLUMNS))
    return songs.with_columns(found.alias("found_key")).unnest("found_key")


def with_given_keys(songs: pl.LazyFrame) -> pl.LazyFrame:
    """Put keys that are known better than from the chords in place of those of :func:`with_key`.

    Parameters
    ----------
    songs
        Needs the columns of :func:`with_key` and ``given_posterior``, a list or array of 24 values, null
        where no key is given.

    Returns
    -------
    LazyFrame
        ``songs`` without ``given_posterior``; where it was given and the song has a chord, the columns of the
        key follow from it and ``key_basis`` is ``given``.
    """

    def find(posterior: pl.Series) -> pl.Series:
        likelihood = posterior.to_numpy().astype(np.float64)
        logits = np.log(np.maximum(likelihood, np.finfo(np.float32).tiny))
        columns = key_columns(logits, np.full(len(logits), FEW_CHORDS)) | {
            "key_basis": ["given"] * len(logits)
        }
        return pl.DataFrame(columns, schema=KEY_COLUMNS).to_struct()

    posterior = pl.col(GIVEN_POSTERIOR).cast(pl.Array(pl.Float32, 24))
    is_given = posterior.is_not_null() & (pl.col("key") != NO_KEY)
    given = posterior.fill_null(pl.lit([1 / 24] * 24, pl.Array(pl.Float32, 24))).map_batches(
        find, return_dtype=pl.Struct(KEY_COLUMNS)
    )
    return (
        songs.with_columns(given.alias("given"))
        .with_columns(
            pl.when(is_given).then(pl.col("given").struct.field(name)).otherwise(name).alias(name)
            for name in KEY_COLUMNS
        )
        .drop("given", GIVEN_POSTERIOR)
    )


def key_logits(tokens: Ragged, vocabulary: Vocabulary, method: KeyMethod) -> NDArray[np.float64]:
    """Score the 24 keys of each row of tokens, (N, 24): log of the posterior up to a constant per row."""
    return _LOGITS[method](tokens, vocabulary)


def key_columns(
    logits: NDArray[np.float64], chords: NDArray[np.int32], many_unknown: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Key, confidence, runner-up, posterior and basis from scores.

    Parameters
    ----------
    logits
        Shape (N, 24).
    chords
        Shape (N,), how many known chords the scores are from.
    many_unknown
        Shape (N,), whether too many chords are unknown; None for nowhere.
    """
    is_whole = True if many_unknown is None else ~many_unknown
    basis = np.where(chords == 0, 0, np.where(chords < FEW_CHORDS, 1, np.where(is_whole, 3, 2)))
    rows = np.arange(len(logits))
    posterior = softmax(logits).astype(np.float32)
    posterior[chords == 0] = 0.0
    key = logits.argmax(axis=1)
    others = logits.copy()
    others[rows, key] = -np.inf
    runner_up = others.argmax(axis=1)
    return {
        "key": np.where(chords == 0, NO_KEY, key).astype(np.int8),
        "key_confidence": posterior[rows, key],
        "key_runner_up": np.where(chords == 0, NO_KEY, runner_up).astype(np.int8),
        "key_posterior": posterior,
        "key_basis": pl.Series(_BASES).gather(basis.astype(np.uint32)),
    }


def chord_counts(tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Count the known chords of each row, (N,)."""
    return class_counts(tokens.values, tokens.offsets, vocabulary.kinds, len(Kind))[:, Kind.CHORD]


def has_many_unknown(tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Whether what is unknown of a row may have hidden its key, (N,).

    That is where more than :data:`MANY_UNKNOWN` of its chords are unknown, or more than half of that and one
    spelling three times: what chance spoils is rarely the same chord.
    """
    counts = class_counts(tokens.values, tokens.offsets, vocabulary.kinds, len(Kind))
    unknown, total = counts[:, Kind.UNKNOWN], counts[:, Kind.CHORD] + counts[:, Kind.UNKNOWN]
    many: NDArray[np.bool_] = unknown > MANY_UNKNOWN * total
    for row in np.flatnonzero(~many & (unknown >= _SAME_UNKNOWN) & (unknown > MANY_UNKNOWN / 2 * total)):
        inside = tokens.values[tokens.offsets[row] : tokens.offsets[row + 1]]
        _, times = np.unique(inside[vocabulary.kinds[inside] == Kind.UNKNOWN], return_counts=True)
        many[row] = times.max() >= _SAME_UNKNOWN
    return many


def token_sums(tokens: Ragged, table: NDArray[Any]) -> NDArray[Any]:
    """Sum the rows of a per-token table (V, K) over each song: (N, K), in the table's dtype."""
    return row_sums(tokens.values, tokens.offsets, table)


def _krumhansl_logits(tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.float64]:
    return _INVERSE_TEMPERATURE * profile_correlations(token_sums(tokens, vocabulary.pitch_classes))


def _trained_logits(tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.float64]:
    return trained_model().logits(tokens, vocabulary)


_LOGITS: Final = {KeyMethod.TRAINED: _trained_logits, KeyMethod.KRUMHANSL: _krumhansl_logits}
