"""Readings: each chord token seen in its key and context, and the numerals of the readings that occur.

A reading is ``token + V * (key + 24 * applied)`` for V distinct tokens, so that numerals and categories are
worked out once per distinct reading and looked up for every chord.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.kernels import ALWAYS, IF_RESOLVED, LEADING, read_tokens
from etl.chords.numerals import APPLIED_TARGETS, is_diminished, is_dominant_seventh, is_major_triad
from etl.chords.ragged import Ragged
from etl.music.qualities import QUALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary

_NEVER: Final = 0  # when a token is an applied dominant, beside IF_RESOLVED, ALWAYS and LEADING

_IS_DOMINANT: Final = np.array([is_dominant_seventh(q) for q in QUALITIES])
_IS_TRIAD: Final = np.array([is_major_triad(q) for q in QUALITIES])
_IS_DIMINISHED: Final = np.array([is_diminished(q) for q in QUALITIES])
_IS_FULLY_DIMINISHED: Final = np.array([is_diminished(q) and q.semitones.get("7") == 9 for q in QUALITIES])
_IS_TARGET: Final = np.array([[degree in targets for degree in range(12)] for targets in APPLIED_TARGETS])
# Major triads that are not applied: I IV V in major; bIII V bVI bVII in minor, and the major tonic, which
# is borrowed from the major key far more often than it is V/iv.
_DIATONIC_MAJOR: Final = np.array(
    [[interval in degrees for interval in range(12)] for degrees in ({0, 5, 7}, {0, 3, 7, 8, 10})]
)
_DIMINISHED_SECOND: Final = (1, 2)  # ii° and iiø7 are minor's own; only ii°7 can lead to bIII there
# Sevenths on II III VI VII can hardly be anything but applied; on I bIII IV bVI bVII they are as often
# colour (a blues I7), and count as applied only where they resolve. Decided on the RS200 analyses:
# docs/accuracy.md.
_ALWAYS_APPLIED: Final = np.isin(np.arange(12), [2, 4, 9, 11])


def with_readings(songs: pl.LazyFrame, vocabulary: Vocabulary) -> pl.LazyFrame:
    """Add the reading of each token.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]`` and ``key: i8``.
    vocabulary
        The distinct tokens, V of them.

    Returns
    -------
    LazyFrame
        ``songs`` with ``readings: list[i32]``, one for each token. Songs without a key are read in C major.
    """
    return songs.with_columns(
        pl.struct("tokens", "key")
        .map_batches(
            lambda song: _readings(song.struct.field("tokens"), song.struct.field("key"), vocabulary),
            return_dtype=pl.List(pl.Int32),
        )
        .alias("readings")
    )


def _readings(token_lists: pl.Series, keys: pl.Series, vocabulary: Vocabulary) -> pl.Series:
    tokens = Ragged.from_series(token_lists)
    key = np.repeat(np.maximum(keys.to_numpy(), 0), tokens.lengths)
    return tokens.with_values(token_readings(tokens, key, vocabulary)).to_series()


def token_readings(tokens: Ragged, key: NDArray[np.int8], vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Read each token in a key of its own.

    Parameters
    ----------
    tokens
        Token ids, T values in N songs.
    key
        Shape (T,), 0-23.
    vocabulary
        What the ids stand for, V of them.

    Returns
    -------
    ndarray
        Shape (T,); 24 V and more where the token is read as applied.
    """
    rules = _applied_rules(vocabulary)
    chords = (vocabulary.kinds, vocabulary.roots, vocabulary.basses)
    return read_tokens(tokens.values, tokens.offsets, key, rules, *chords)


def _applied_rules(vocabulary: Vocabulary) -> NDArray[np.int8]:
    """When each token is an applied dominant in each key, (24, V)."""
    minor, tonic = np.divmod(np.arange(24)[:, None], 12)
    interval = (vocabulary.roots - tonic) % 12
    quality = vocabulary.qualities
    candidate = _IS_TARGET[minor, (interval + 5) % 12] & (quality >= 0) & (interval != 7)
    dominant = candidate & _IS_DOMINANT[quality]
    triad = candidate & _IS_TRIAD[quality] & ~_DIATONIC_MAJOR[minor, interval]
    rules = np.where(dominant | triad, IF_RESOLVED, _NEVER)
    rules[dominant & _ALWAYS_APPLIED[interval]] = ALWAYS
    own = (minor == _DIMINISHED_SECOND[0]) & (interval == _DIMINISHED_SECOND[1])
    leading = _IS_TARGET[minor, (interval + 1) % 12] & _IS_DIMINISHED[quality] & (quality >= 0)
    rules[leading & (~own | _IS_FULLY_DIMINISHED[quality])] = LEADING
    return rules.astype(np.int8)


@dataclass(frozen=True)
class NumeralTable:
    """The distinct numerals of a batch and the way from readings to them.

    Attributes
    ----------
    texts
        Distinct numerals (section tags and ``?`` among them), M of them, in order of first reading.
    categories
        Category index of each numeral, (M,); -1 for section tags.
    of_reading
        Numeral index by reading, (48 V,); -1 where the reading does not occur.
    """

    texts: Sequence[str]
    categories: NDArray[np.int8]
    of_reading: NDArray[np.int32]

    @classmethod
    def of(cls, reading_lists: pl.Series, vocabulary: Vocabulary) -> NumeralTable:
        """Work out the numeral of each distinct reading in ``list[i32]`` readings."""
        size = len(vocabulary.texts)
        occurs = np.zeros(48 * size, np.bool_)
        occurs[Ragged.from_series(reading_lists).values] = True
        contexts, tokens = np.divmod(np.flatnonzero(occurs), size)
        known = vocabulary.glossary.numeral_places(vocabulary, tokens, contexts)
        distinct, first, number = np.unique(known, return_index=True, return_inverse=True)
        order = np.argsort(first)
        of_reading = np.full(48 * size, -1, np.int32)
        of_reading[occurs] = np.argsort(order)[number]
        numerals = [vocabulary.glossary.numeral(place) for place in distinct[order].tolist()]
        return cls([text for text, _ in numerals], np.array([c for _, c in numerals], np.int8), of_reading)

    def with_numerals(self, songs: pl.LazyFrame) -> pl.LazyFrame:
        """Add ``numerals: list[i32]``, indices into the table, from ``readings: list[i32]``."""

        def look_up(reading_lists: pl.Series) -> pl.Series:
            readings = Ragged.from_series(reading_lists)
            return readings.with_values(self.of_reading[readings.values]).to_series()

        return songs.with_columns(
            pl.col("readings").map_batches(look_up, return_dtype=pl.List(pl.Int32)).alias("numerals")
        )
