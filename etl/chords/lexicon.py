"""The lexicon of a whole build: one number for each chord symbol, numeral and section tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.chords.categories import CATEGORIES
from etl.chords.kernels import part_tokens
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind, parse_chord, parse_section
from etl.chords.vocabulary import Vocabulary

if TYPE_CHECKING:
    from etl.chords.analysis import Harmony


@dataclass
class Lexicon:
    """Numbers, from 0, in order of first appearance.

    Batches must come in input order; then the numbers depend on the input alone.

    Attributes
    ----------
    chords
        Number of each chord symbol and unknown token.
    numerals
        Number of each (numeral, category name).
    sections
        Number of each section tag.
    """

    chords: dict[str, int] = field(default_factory=dict)
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
        token_number = np.array(
            [
                self.sections.setdefault(text, len(self.sections))
                if tag
                else self.chords.setdefault(text, len(self.chords))
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

    def chord_table(self) -> pl.DataFrame:
        """One row for each chord symbol and unknown token, as in the table ``chord_symbols``."""
        texts = list(self.chords)
        vocabulary = Vocabulary(texts)
        known = vocabulary.kinds == Kind.CHORD
        symbols = [parse_chord(text) for text in texts]
        return pl.DataFrame(
            {
                "chord_id": np.arange(len(texts), dtype=np.int32),
                "symbol": pl.Series(texts, dtype=pl.String),
                "is_known": known,
                "root_pc": vocabulary.roots,
                "quality": pl.Series(
                    [symbol and symbol.quality.suffix for symbol in symbols], dtype=pl.String
                ),
                "bass_pc": vocabulary.basses,
                "pitch_classes": pl.Series(
                    [symbol and sorted(symbol.pitch_classes) for symbol in symbols], dtype=pl.List(pl.Int8)
                ),
                "fingerprint": pl.Series(values=vocabulary.weights, dtype=pl.Array(pl.Float32, 12)),
            }
        ).with_columns(pl.when("is_known").then(pl.col("root_pc", "bass_pc", "fingerprint")).name.keep())

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
