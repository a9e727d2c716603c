"""Counts, profiles and entropy of each song's harmony.

References
----------
.. [1] Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal 27, 1948: entropy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.chords.categories import CATEGORIES
from etl.chords.kernels import class_counts, symbol_counts
from etl.chords.keys import chord_counts, token_sums
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from etl.chords.readings import NumeralTable
    from etl.chords.vocabulary import Vocabulary

_FIXED_POINT: Final = 2.0**30


def with_counts(songs: pl.LazyFrame, vocabulary: Vocabulary) -> pl.LazyFrame:
    """Add how many tokens of each kind a song has.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]``, ids into ``vocabulary``.
    vocabulary
        The distinct tokens of the batch.

    Returns
    -------
    LazyFrame
        ``songs`` with ``n_chords``, ``n_unknown``, ``n_sections``: u32, known chords, unknown tokens and
        section tags.
    """
    names = ("n_chords", "n_unknown", "n_sections")
    return _with_struct(
        songs,
        lambda song: dict(
            zip(names, _counts(_ragged(song, "tokens"), vocabulary.kinds, len(Kind)).T, strict=True)
        ),
        dict.fromkeys(names, pl.UInt32()),
    )


def with_statistics(songs: pl.LazyFrame, vocabulary: Vocabulary, numerals: NumeralTable) -> pl.LazyFrame:
    """Add what is computed over each song's chords.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]`` and ``numerals: list[i32]``.
    vocabulary, numerals
        What the two columns index.

    Returns
    -------
    LazyFrame
        ``songs`` with ``distinct_chords``: u32, distinct known spellings; ``chord_entropy_bits``: f32,
        Shannon entropy of the song's chord symbols [1]_; ``pitch_class_profile``: array[f32, 12], share of
        each pitch class among the chord tones; ``fingerprint_mean``: array[f32, 12], mean fingerprint of
        the known chords; ``category_counts``: array[u32, 49].
    """
    dtypes = {
        "distinct_chords": pl.UInt32(),
        "chord_entropy_bits": pl.Float32(),
        "pitch_class_profile": pl.Array(pl.Float32, 12),
        "fingerprint_mean": pl.Array(pl.Float32, 12),
        "category_counts": pl.Array(pl.UInt32, len(CATEGORIES)),
    }

    def compute(song: pl.Series) -> dict[str, NDArray[Any]]:
        return {
            **_token_statistics(_ragged(song, "tokens"), vocabulary),
            "category_counts": _counts(_ragged(song, "numerals"), numerals.categories, len(CATEGORIES)),
        }

    return _with_struct(songs, compute, dtypes)


def _with_struct(
    songs: pl.LazyFrame,
    compute: Callable[[pl.Series], Mapping[str, NDArray[Any]]],
    dtypes: Mapping[str, pl.DataType],
) -> pl.LazyFrame:
    """Add several columns that one function computes from the token columns."""
    inputs = pl.struct(pl.col("^(tokens|numerals)$"))
    computed = inputs.map_batches(
        lambda song: pl.DataFrame(compute(song), schema=dtypes).to_struct(), return_dtype=pl.Struct(dtypes)
    )
    return songs.with_columns(computed.alias("computed")).unnest("computed")


def _ragged(song: pl.Series, column: str) -> Ragged:
    return Ragged.from_series(song.struct.field(column))


def _counts(values: Ragged, class_of: NDArray[Any], classes: int) -> NDArray[np.int32]:
    """Values of each class in each song, (N, classes)."""
    return class_counts(values.values, values.offsets, class_of, classes)


def _token_statistics(tokens: Ragged, vocabulary: Vocabulary) -> dict[str, NDArray[Any]]:
    distinct, information = symbol_counts(tokens.values, tokens.offsets, vocabulary.kinds, _FIXED_POINT)
    chord_tones = token_sums(tokens, vocabulary.pitch_classes)
    n_chords = np.maximum(chord_counts(tokens, vocabulary), 1)
    return {
        "distinct_chords": distinct,
        "chord_entropy_bits": np.log2(n_chords) - information / (_FIXED_POINT * n_chords),
        "pitch_class_profile": chord_tones / np.maximum(chord_tones.sum(axis=1, keepdims=True), 1),
        "fingerprint_mean": token_sums(tokens, vocabulary.weights) / n_chords[:, None],
    }
