"""Counts, profiles and entropy of each song's harmony.

References
----------
.. [1] Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal 27, 1948: entropy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import sparse

from etl.chords.categories import CATEGORIES
from etl.chords.keys import token_sums
from etl.chords.ragged import Ragged
from etl.chords.vocabulary import Kind, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.readings import NumeralTable


def with_statistics(songs: pl.LazyFrame, vocabulary: Vocabulary, numerals: NumeralTable) -> pl.LazyFrame:
    """Add what is counted over each song.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]`` and ``numerals: list[i32]``.
    vocabulary, numerals
        What the two columns index.

    Returns
    -------
    LazyFrame
        ``songs`` with ``n_chords``, ``n_unknown``, ``n_sections``, ``distinct_chords``: u32 (known chords,
        unknown tokens, section tags, distinct known spellings); ``chord_entropy_bits``: f32,
        Shannon entropy of the song's chord symbols [1]_; ``pitch_class_profile``: array[f32, 12], share of
        each pitch class among the chord tones; ``fingerprint_mean``: array[f32, 12], mean fingerprint of
        the known chords; ``category_counts``: array[u32, 49].
    """
    dtypes: dict[str, Any] = {
        "n_chords": pl.UInt32,
        "n_unknown": pl.UInt32,
        "n_sections": pl.UInt32,
        "distinct_chords": pl.UInt32,
        "chord_entropy_bits": pl.Float32,
        "pitch_class_profile": pl.Array(pl.Float32, 12),
        "fingerprint_mean": pl.Array(pl.Float32, 12),
        "category_counts": pl.Array(pl.UInt32, len(CATEGORIES)),
    }

    def count(song: pl.Series) -> pl.Series:
        tokens = Ragged.from_series(song.struct.field("tokens"))
        read = Ragged.from_series(song.struct.field("numerals"))
        columns = _token_statistics(tokens, vocabulary)
        columns["category_counts"] = _category_counts(read, numerals.categories)
        return pl.DataFrame(columns, schema=dtypes).to_struct()

    counted = pl.struct("tokens", "numerals").map_batches(count, return_dtype=pl.Struct(dtypes))
    return songs.with_columns(counted.alias("statistics")).unnest("statistics")


def _token_statistics(tokens: Ragged, vocabulary: Vocabulary) -> dict[str, NDArray[Any]]:
    kinds = np.eye(len(Kind), dtype=np.int32)[vocabulary.kinds]
    sums = token_sums(tokens, np.hstack([kinds, vocabulary.pitch_classes]))
    n_chords, n_unknown, n_sections = sums[:, :3].T
    chord_tones = sums[:, 3:]
    chords = tokens.where(vocabulary.kinds[tokens.values] == Kind.CHORD)
    counts = sparse.csr_array(
        (np.ones(len(chords.values), np.int32), chords.values, chords.offsets),
        shape=(chords.rows, len(vocabulary.texts)),
    )
    counts.sum_duplicates()
    information = sparse.csr_array(
        (counts.data * np.log2(counts.data), counts.indices, counts.indptr), counts.shape
    )
    total = np.maximum(n_chords, 1)
    return {
        "n_chords": n_chords,
        "n_unknown": n_unknown,
        "n_sections": n_sections,
        "distinct_chords": np.diff(counts.indptr),
        "chord_entropy_bits": np.log2(total) - information @ np.ones(counts.shape[1]) / total,
        "pitch_class_profile": chord_tones / np.maximum(chord_tones.sum(axis=1, keepdims=True), 1),
        "fingerprint_mean": token_sums(tokens, vocabulary.weights) / total[:, None],
    }


def _category_counts(numerals: Ragged, categories: NDArray[np.int8]) -> NDArray[np.int64]:
    """Chords of each category in each song, (N, 49)."""
    category = categories[numerals.values].astype(np.int32)
    is_chord = category >= 0
    cells = numerals.row_of_value[is_chord] * len(CATEGORIES) + category[is_chord]
    return np.bincount(cells, minlength=numerals.rows * len(CATEGORIES)).reshape(numerals.rows, -1)
