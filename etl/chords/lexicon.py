"""The lexicon of a whole build: one number for each chord symbol, numeral and section tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import polars as pl

from etl.chords.categories import CATEGORIES
from etl.chords.kernels import part_tokens
from etl.chords.notations import PARSERS, Notation
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind, parse_section
from etl.chords.vocabulary import QUALITY_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from etl.chords.analysis import Harmony

T = TypeVar("T")

_CHORD_TABLE: Final[dict[str, Any]] = {
    "chord_id": pl.Int32,
    "symbol": pl.String,
    "notation": pl.String,
    "is_known": pl.Boolean,
    "root_pc": pl.Int16,
    "quality": pl.String,
    "bass_pc": pl.Int16,
    "pitch_classes": pl.List(pl.Int8),
    "fingerprint": pl.Array(pl.Float32, 12),
}


@dataclass(frozen=True)
class Renumbering:
    """Numbers of one lexicon in another.

    Attributes
    ----------
    chords, numerals, sections
        int32, shape (V,) each: the other's number for each number of the one.
    """

    chords: NDArray[np.int32]
    numerals: NDArray[np.int32]
    sections: NDArray[np.int32]

    def of(self, songs: pl.DataFrame) -> pl.DataFrame:
        """Give encoded songs (:meth:`Lexicon.encode`) the other's numbers; those below 0 stay."""
        columns = {"chord_ids": self.chords, "numeral_ids": self.numerals, "section_ids": self.sections}
        renumbered = []
        for name, numbers in columns.items():
            old = Ragged.from_series(songs[name])
            new = np.where(old.values < 0, old.values, np.append(numbers, np.int32(-1))[old.values])
            renumbered.append(old.with_values(new).to_series().alias(name))
        return songs.with_columns(renumbered)


@dataclass
class Lexicon:
    """Numbers, from 0, in order of first appearance.

    Batches must come in input order; then the numbers depend on the input alone.

    Attributes
    ----------
    chords
        Number of each chord symbol and unknown token of a notation.
    numerals
        Number of each (numeral, category name).
    sections
        Number of each section tag.
    """

    chords: dict[tuple[str, Notation], int] = field(default_factory=dict)
    numerals: dict[tuple[str, str], int] = field(default_factory=dict)
    sections: dict[str, int] = field(default_factory=dict)

    def encode(self, harmony: Harmony) -> pl.DataFrame:
        """Replace a batch's own numbers by those of the lexicon.

        Returns
        -------
        DataFrame
            The batch's songs with ``chord_ids``, ``numeral_ids``: list[i32], one for each chord or unknown
            token; ``section_starts``, ``section_ids``: list[i32], one for each section tag, the start counted
            in chords.
        """
        vocabulary, numerals = harmony.vocabulary, harmony.numerals
        is_tag = vocabulary.kinds == Kind.SECTION
        notation = vocabulary.glossary.notation
        token_number = np.array(
            [
                self.sections.setdefault(text, len(self.sections))
                if tag
                else self.chords.setdefault((text, notation), len(self.chords))
                for text, tag in zip(vocabulary.texts, is_tag.tolist(), strict=True)
            ],
            dtype=np.int32,
        )
        numeral_number = np.array(
            [
                self.numerals.setdefault((text, CATEGORIES[category]), len(self.numerals))
                if category >= 0
                else -1
                for text, category in zip(numerals.texts, numerals.categories.tolist(), strict=True)
            ],
            dtype=np.int32,
        )
        tokens = Ragged.from_series(harmony.songs["tokens"])
        read = Ragged.from_series(harmony.songs["numerals"])
        chords, chord_numerals, chord_offsets, tags, starts, tag_offsets = part_tokens(
            tokens.values, tokens.offsets, read.values, vocabulary.kinds, token_number, numeral_number
        )
        return harmony.songs.with_columns(
            chord_ids=Ragged(chords, chord_offsets).to_series(),
            numeral_ids=Ragged(chord_numerals, chord_offsets).to_series(),
            section_starts=Ragged(starts, tag_offsets).to_series(),
            section_ids=Ragged(tags, tag_offsets).to_series(),
        )

    def numbers_of(self, other: Lexicon) -> Renumbering:
        """Take in what another lexicon has, in the order of its numbers."""
        return Renumbering(
            _numbers(self.chords, other.chords),
            _numbers(self.numerals, other.numerals),
            _numbers(self.sections, other.sections),
        )

    def chord_table(self) -> pl.DataFrame:
        """One row for each chord symbol and unknown token, as in the table ``chord_symbols``."""
        symbols = [PARSERS[notation](text) for text, notation in self.chords]
        rows = [
            (
                number,
                text,
                str(notation),
                symbol is not None,
                symbol and symbol.root_pc,
                symbol and symbol.quality.suffix,
                symbol and symbol.bass_pc,
                symbol and sorted(symbol.pitch_classes),
                symbol and np.roll(QUALITY_WEIGHTS[symbol.quality.index], symbol.root_pc).astype(np.float32),
            )
            for number, ((text, notation), symbol) in enumerate(zip(self.chords, symbols, strict=True))
        ]
        return pl.DataFrame(rows, schema=_CHORD_TABLE, orient="row")

    def numeral_table(self) -> pl.DataFrame:
        """One row for each numeral, as in the table ``numerals``."""
        return pl.DataFrame(
            [(number, *key) for key, number in self.numerals.items()],
            schema={"numeral_id": pl.Int32, "numeral": pl.String, "category": pl.String},
            orient="row",
        )

    def section_table(self) -> pl.DataFrame:
        """One row for each section tag, as in the table ``sections``."""
        return pl.DataFrame(
            [(number, tag, *(parse_section(tag) or (None, None))) for tag, number in self.sections.items()],
            schema={"section_id": pl.Int32, "tag": pl.String, "name": pl.String, "number": pl.Int32},
            orient="row",
        )


def _numbers(own: dict[T, int], others: Iterable[T]) -> NDArray[np.int32]:
    return np.array([own.setdefault(text, len(own)) for text in others], np.int32)
