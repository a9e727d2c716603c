"""Readings: each chord token seen in its key and context, and the numerals of the readings that occur.

A reading is ``token + V * (key + 24 * applied)`` for V distinct tokens, so that numerals and categories are
worked out once per distinct reading and looked up for every chord.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.categories import OTHER, category
from etl.chords.numerals import (
    APPLIED_TARGETS,
    UNKNOWN_NUMERAL,
    is_dominant_seventh,
    is_major_triad,
    numeral,
)
from etl.chords.ragged import Ragged
from etl.chords.symbols import QUALITIES, parse_chord, parse_section
from etl.chords.vocabulary import Kind, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SECTION: Final = -1  # category of a section tag
_NEVER, _IF_RESOLVED, _ALWAYS = range(3)  # when a token is an applied dominant

_IS_DOMINANT: Final = np.array([is_dominant_seventh(q) for q in QUALITIES])
_IS_TRIAD: Final = np.array([is_major_triad(q) for q in QUALITIES])
_HAS_TARGET: Final = np.array(
    [[(interval + 5) % 12 in targets for interval in range(12)] for targets in APPLIED_TARGETS]
)
# Major triads that are not applied: I IV V in major; bIII V bVI bVII in minor, and the major tonic, which
# is borrowed from the major key far more often than it is V/iv.
_DIATONIC_MAJOR: Final = np.array(
    [[interval in degrees for interval in range(12)] for degrees in ({0, 5, 7}, {0, 3, 7, 8, 10})]
)
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
    size = len(vocabulary.texts)
    readings: NDArray[np.int32] = tokens.values + key * np.int32(size)
    rules = _applied_rules(vocabulary).ravel()[readings]
    candidates = np.flatnonzero(rules == _IF_RESOLVED)
    roots = vocabulary.roots
    resolved = _next_root(tokens, candidates, vocabulary) == (roots[tokens.values[candidates]] + 5) % 12
    for applied in (np.flatnonzero(rules == _ALWAYS), candidates[resolved]):
        readings[applied] += 24 * size
    return readings


def _next_root(tokens: Ragged, positions: NDArray[np.int64], vocabulary: Vocabulary) -> NDArray[np.int16]:
    """Root of the chord after each position, over section tags.

    -1 at the end of the song and before an unknown chord.
    """
    ends = tokens.offsets[np.searchsorted(tokens.offsets, positions, side="right")]
    is_tag = vocabulary.kinds == Kind.SECTION
    following = positions + 1
    at_tag = np.flatnonzero(following < ends)
    while len(at_tag := at_tag[is_tag[tokens.values[following[at_tag]]]]):
        following[at_tag] += 1
        at_tag = at_tag[following[at_tag] < ends[at_tag]]
    roots = np.full(len(positions), -1, np.int16)
    inside = following < ends
    roots[inside] = vocabulary.roots[tokens.values[following[inside]]]
    return roots


def _applied_rules(vocabulary: Vocabulary) -> NDArray[np.int8]:
    """When each token is an applied dominant in each key, (24, V)."""
    minor, tonic = np.divmod(np.arange(24)[:, None], 12)
    interval = (vocabulary.roots - tonic) % 12
    quality = vocabulary.qualities
    candidate = _HAS_TARGET[minor, interval] & (quality >= 0) & (interval != 7)
    dominant = candidate & _IS_DOMINANT[quality]
    triad = candidate & _IS_TRIAD[quality] & ~_DIATONIC_MAJOR[minor, interval]
    rules = np.where(dominant | triad, _IF_RESOLVED, _NEVER)
    rules[dominant & _ALWAYS_APPLIED[interval]] = _ALWAYS
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
        of_reading = np.full(48 * size, -1, np.int32)
        index: dict[tuple[str, int], int] = {}
        contexts, tokens = np.divmod(np.flatnonzero(occurs), size)
        of_reading[occurs] = [
            index.setdefault(_read(vocabulary.texts[token], context), len(index))
            for context, token in zip(contexts.tolist(), tokens.tolist(), strict=True)
        ]
        texts = [text for text, _ in index]
        return cls(texts, np.array([c for _, c in index], dtype=np.int8), of_reading)

    def with_numerals(self, songs: pl.LazyFrame) -> pl.LazyFrame:
        """Add ``numerals: list[i32]``, indices into the table, from ``readings: list[i32]``."""

        def look_up(reading_lists: pl.Series) -> pl.Series:
            readings = Ragged.from_series(reading_lists)
            return readings.with_values(self.of_reading[readings.values]).to_series()

        return songs.with_columns(
            pl.col("readings").map_batches(look_up, return_dtype=pl.List(pl.Int32)).alias("numerals")
        )


@lru_cache(maxsize=1 << 18)
def _read(token: str, context: int) -> tuple[str, int]:
    """Numeral and category of a token in a context, ``key + 24 * applied``."""
    chord = parse_chord(token)
    if chord is None:
        return (token, _SECTION) if parse_section(token) else (UNKNOWN_NUMERAL, OTHER)
    applied, key = divmod(context, 24)
    text = numeral(chord, key, applied=bool(applied))
    return text, category(text, minor=key >= 12)
