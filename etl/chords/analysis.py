"""The analysis of a batch of chord songs: tokens, key, numerals, fingerprints, statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa

from etl.chords.fingerprints import with_fingerprint
from etl.chords.keys import KeyMethod, with_key
from etl.chords.ragged import Ragged
from etl.chords.readings import NumeralTable, with_readings
from etl.chords.romantext import RomanStyle, styled
from etl.chords.section_keys import with_section_keys
from etl.chords.statistics import with_counts, with_statistics
from etl.chords.tokens import tokenise
from etl.pitch import KEY_NAMES

if TYPE_CHECKING:
    from etl.chords.vocabulary import Vocabulary

ANALYSIS_VERSION: Final = 1
"""Raised whenever numerals, categories or fingerprints may come out other than before."""

NO_HARMONY: Final = "No Harmony"
PARSE_ERROR: Final = "Parse Error"


@dataclass(frozen=True)
class Harmony:
    """An analysed batch.

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


def analyse(
    songs: pl.DataFrame,
    *,
    method: KeyMethod,
    style: RomanStyle = RomanStyle.HOUSE,
    statistics: bool = True,
    section_keys: bool = False,
) -> Harmony:
    """Analyse the harmony of a batch of songs.

    Parameters
    ----------
    songs
        Needs ``chords: str``.
    method
        How keys are found.
    style
        How the text ``roman_numerals`` spells numerals.
    statistics
        Whether to add the columns that only the store and the matrices need.
    section_keys
        Whether to add the columns of :func:`~etl.chords.section_keys.with_section_keys`.

    Returns
    -------
    Harmony
        ``songs`` with the columns of :func:`~etl.chords.keys.with_key`,
        :func:`~etl.chords.readings.with_readings`, :func:`~etl.chords.statistics.with_counts`, if wanted
        :func:`~etl.chords.statistics.with_statistics`, and the data3 texts ``key_name``, ``roman_numerals``
        and ``harmonic_fingerprint``.
    """
    tokens, vocabulary = tokenise(songs["chords"])
    keyed = (
        songs.lazy()
        .with_columns(tokens=tokens)
        .pipe(with_key, vocabulary, method=method)
        .pipe(with_readings, vocabulary)
        .collect(engine="in-memory")
    )
    numerals = NumeralTable.of(keyed["readings"], vocabulary)
    analysed = (
        keyed.lazy()
        .pipe(numerals.with_numerals)
        .pipe(with_counts, vocabulary)
        .pipe(with_fingerprint, vocabulary)
        .pipe(with_texts, numerals, style)
    )
    if section_keys:
        analysed = analysed.pipe(with_section_keys, vocabulary)
    if statistics:
        analysed = analysed.pipe(with_statistics, vocabulary, numerals)
    return Harmony(analysed.collect(engine="in-memory"), vocabulary, numerals)


def with_texts(songs: pl.LazyFrame, numerals: NumeralTable, style: RomanStyle) -> pl.LazyFrame:
    """Add ``key_name`` and ``roman_numerals``, with the words that stand for songs without harmony."""

    def join(song: pl.Series) -> pl.Series:
        ids = Ragged.from_series(song.struct.field("numerals"))
        spelled, texts = styled(ids, song.struct.field("key").to_numpy(), numerals.texts, style)
        return spelled.joined(pa.array(texts, pa.large_string()), " ")

    joined = pl.struct("numerals", "key").map_batches(join, return_dtype=pl.String, is_elementwise=True)
    no_harmony = pl.col("tokens").list.len() == 0
    parse_error = pl.col("n_chords") == 0
    return songs.with_columns(
        key_name=pl.when(no_harmony)
        .then(pl.lit(NO_HARMONY))
        .when(parse_error)
        .then(pl.lit(PARSE_ERROR))
        .otherwise(
            pl.col("key").replace_strict(dict(enumerate(KEY_NAMES)), default=None, return_dtype=pl.String)
        ),
        roman_numerals=pl.when(no_harmony)
        .then(pl.lit("empty"))
        .when(parse_error)
        .then(pl.lit("parse_error"))
        .otherwise(joined),
        harmonic_fingerprint=pl.when(parse_error).then(None).otherwise(pl.col("harmonic_fingerprint")),
    )
