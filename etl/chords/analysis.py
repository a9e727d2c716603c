"""The analysis of a batch of chord songs: tokens, key, numerals, fingerprints, statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.keys import GIVEN_POSTERIOR, KeyMethod, with_given_keys, with_key
from etl.chords.readings import NumeralTable, with_readings
from etl.chords.section_keys import with_section_keys
from etl.chords.statistics import with_counts, with_statistics
from etl.chords.tokens import tokenize
from etl.music.keys import KEY_NAMES, NO_HARMONY, PARSE_ERROR

if TYPE_CHECKING:
    from etl.chords.glossary import Glossary
    from etl.chords.vocabulary import Vocabulary

ANALYSIS_VERSION: Final = 4
"""Raised whenever numerals, categories or fingerprints may come out other than before."""


@dataclass(frozen=True)
class Harmony:
    """An analyzed batch.

    Attributes
    ----------
    songs
        The batch's rows in their order with all columns that the stages added.
    vocabulary
        What ``tokens`` index.
    numerals
        What ``numerals`` index.
    """

    songs: pl.DataFrame
    vocabulary: Vocabulary
    numerals: NumeralTable


def analyze(
    songs: pl.DataFrame,
    *,
    method: KeyMethod,
    glossary: Glossary | None = None,
    statistics: bool = True,
    section_keys: bool = False,
) -> Harmony:
    """Analyze the harmony of a batch of songs.

    Parameters
    ----------
    songs
        Needs ``chords: str``; may have ``given_posterior``, of keys that are known already: see
        :func:`~etl.chords.keys.with_given_keys`.
    method
        How keys are found where none is given.
    glossary
        Where tokens are looked up; None is a new one.
    statistics
        Whether to add the columns that only the store and the matrices need.
    section_keys
        Whether to add the columns of :func:`~etl.chords.section_keys.with_section_keys`.

    Returns
    -------
    Harmony
        ``songs`` with the columns of :func:`~etl.chords.keys.with_key`,
        :func:`~etl.chords.readings.with_readings`, :func:`~etl.chords.statistics.with_counts`, if wanted
        :func:`~etl.chords.statistics.with_statistics`, and ``key_name``.
    """
    tokens, vocabulary = tokenize(songs["chords"], glossary)
    found = songs.lazy().with_columns(tokens=tokens).pipe(with_key, vocabulary, method=method)
    if GIVEN_POSTERIOR in songs.columns:
        found = found.pipe(with_given_keys)
    keyed = found.pipe(with_readings, vocabulary).collect(engine="in-memory")
    numerals = NumeralTable.of(keyed["readings"], vocabulary)
    analyzed = keyed.lazy().pipe(numerals.with_numerals).pipe(with_counts, vocabulary).pipe(with_key_name)
    if section_keys:
        analyzed = analyzed.pipe(with_section_keys, vocabulary)
    if statistics:
        analyzed = analyzed.pipe(with_statistics, vocabulary, numerals)
    return Harmony(analyzed.collect(engine="in-memory"), vocabulary, numerals)


def with_key_name(songs: pl.LazyFrame) -> pl.LazyFrame:
    """Add ``key_name``, with the words that stand for songs without harmony."""
    return songs.with_columns(
        key_name=pl.when(pl.col("tokens").list.len() == 0)
        .then(pl.lit(NO_HARMONY))
        .when(pl.col("n_chords") == 0)
        .then(pl.lit(PARSE_ERROR))
        .otherwise(
            pl.col("key").replace_strict(dict(enumerate(KEY_NAMES)), default=None, return_dtype=pl.String)
        )
    )
