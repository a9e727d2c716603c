"""Whether the columns of a data3 row agree: what a build would write from its chords, ids and key."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.keys import chord_counts
from etl.chords.notations import Notation, detect
from etl.chords.ragged import Ragged
from etl.chords.readings import NumeralTable, with_readings
from etl.chords.romantext import RomanStyle
from etl.chords.tokens import tokenize
from etl.exports.data3 import COLUMNS, SOURCE_COLUMNS, LineBuffer, write_data3
from etl.music.keys import KEY_INDEX, NO_HARMONY, NO_KEY, PARSE_ERROR
from etl.runtime.table_schema import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from etl.chords.glossary import Glossary

_LOOKED_AT: Final = 1000  # rows that tell the notation of a block
_KEYLESS: Final = (NO_HARMONY, PARSE_ERROR)
_SEPARATORS: Final = {"roman_numerals": " ", "harmonic_fingerprint": "|"}
_KEY, _NUMERALS, _FINGERPRINT = "should.key", "should.roman_numerals", "should.harmonic_fingerprint"

AGREEMENT: Final = (
    Rule(
        "key.follows_chords",
        f"`key` is {NO_HARMONY} just where there are no tokens, {PARSE_ERROR} just where no token is a chord",
        (pl.col("key") == pl.col(_KEY)) | (pl.col(_KEY).is_null() & ~pl.col("key").is_in(_KEYLESS)),
        "key",
    ),
    Rule(
        "roman_numerals.follow_chords",
        "`roman_numerals` are those of `chords` in `key`, section tags in their places",
        pl.col("roman_numerals") == pl.col(_NUMERALS),
        "roman_numerals",
    ),
    Rule(
        "harmonic_fingerprint.follows_chords",
        "`harmonic_fingerprint` has the weights of `chords`, section tags in their places",
        pl.col("harmonic_fingerprint").eq_missing(pl.col(_FINGERPRINT)),
        "harmonic_fingerprint",
    ),
)
"""Rules about the columns that :func:`with_agreement` adds to a row and those that it has."""


def with_agreement(songs: pl.DataFrame, glossaries: Mapping[Notation, Glossary]) -> pl.DataFrame:
    """Add to data3 rows what a build would write, for :data:`AGREEMENT`.

    Everything but the key is computed again. No row can prove its own key; its numerals show it. A file does
    not say in which notation and style of numerals its rows are: what fits a row best counts.

    Parameters
    ----------
    songs
        Text columns, among them ``chords``, ``key`` and ``roman_numerals``.
    glossaries
        Where tokens of each notation are looked up.

    Returns
    -------
    DataFrame
        ``songs`` with ``should.key``, null for whatever key; ``should.roman_numerals``, null where the key is
        of no use; ``should.harmonic_fingerprint``.
    """
    likeliest = detect(songs["chords"].head(_LOOKED_AT)).notation
    should = _rewritten(songs, glossaries[likeliest], RomanStyle.HOUSE)
    agreeing = _agreeing(songs, should)
    for notation in sorted(Notation, key=lambda each: each is not likeliest):
        for style in RomanStyle:
            at = np.flatnonzero(agreeing < len(AGREEMENT))
            if not len(at):
                break
            rows = songs[at]
            other = _rewritten(rows, glossaries[notation], style)
            count = _agreeing(rows, other)
            better = count > agreeing[at]
            agreeing[at[better]] = count[better]
            should = should.with_columns(
                should[name].scatter(at[better], other[name].filter(better)) for name in should.columns
            )
    return songs.hstack(should)


def _agreeing(songs: pl.DataFrame, should: pl.DataFrame) -> NDArray[np.int64]:
    """Count the rules that each row keeps, (N,)."""
    kept = songs.hstack(should).select(
        rule.holds.fill_null(value=True).alias(rule.name) for rule in AGREEMENT
    )
    return kept.select(pl.sum_horizontal(pl.all().cast(pl.Int64))).to_series().to_numpy(writable=True)


def first_differences(rows: pl.DataFrame, column: str) -> pl.Series:
    """Say of each row where its numerals or fingerprint first differ from what they should be."""
    separator = _SEPARATORS[column]
    pairs = rows.select(pl.col(column, f"should.{column}").fill_null("")).iter_rows()
    return pl.Series([_difference(found, due, separator) for found, due in pairs], dtype=pl.String)


def _difference(found: str, due: str, separator: str) -> str:
    """Name the first part that differs.

    Examples
    --------
    >>> _difference("I IV", "I V", " "), _difference("I", "I V", " ")
    ('part 2 is IV, should be V', 'part 2 is missing, should be V')
    """
    parts = zip_longest(found.split(separator), due.split(separator))
    for place, (is_there, should) in enumerate(parts, 1):
        if is_there != should:
            return f"part {place} is {is_there or 'missing'}, should be {should or 'left out'}"
    return found


def _rewritten(songs: pl.DataFrame, glossary: Glossary, style: RomanStyle) -> pl.DataFrame:
    """Write rows anew, in the keys that they say they have."""
    token_lists, vocabulary = tokenize(songs["chords"], glossary)
    tokens = Ragged.from_series(token_lists)
    n_chords = chord_counts(tokens, vocabulary)
    key = songs["key"].replace_strict(KEY_INDEX, default=NO_KEY, return_dtype=pl.Int8)
    read = (
        pl.LazyFrame({"tokens": token_lists, "key": key, "n_chords": n_chords})
        .with_columns(pl.lit(None, pl.String).alias(name) for name in (*SOURCE_COLUMNS, "key_name"))
        .pipe(with_readings, vocabulary)
        .collect(engine="in-memory")
    )
    numerals = NumeralTable.of(read["readings"], vocabulary)
    spelled = numerals.with_numerals(read.lazy()).collect(engine="in-memory")
    lines = write_data3(spelled, vocabulary, numerals.texts, LineBuffer(), style)
    written = pl.read_csv(
        lines.tobytes(), has_header=False, schema=dict.fromkeys(COLUMNS, pl.String), raise_if_empty=False
    )
    silent = pl.Series(np.where(tokens.lengths == 0, *_KEYLESS))
    return pl.select(
        pl.when(pl.Series(n_chords == 0)).then(silent).alias(_KEY),
        pl.when(pl.Series((n_chords == 0) | (key.to_numpy() != NO_KEY)))
        .then(written["roman_numerals"])
        .alias(_NUMERALS),
        written["harmonic_fingerprint"].alias(_FINGERPRINT),
    )
