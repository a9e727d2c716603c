"""Songs for the tests of the chords floor: the bundled sample, and strategies that make up others."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from etl.chords.analysis import Harmony, analyze
from etl.chords.keys import KeyMethod
from etl.chords.romantext import RomanStyle
from etl.exports.data3 import HEADER, SOURCE_COLUMNS, LineBuffer, write_data3
from etl.music.qualities import QUALITY_BY_SUFFIX
from etl.runtime.resources import resource

DATA = Path(__file__).parents[1] / "data"

NOTES = tuple(letter + accidental for letter in "CDEFGAB" for accidental in ("", "s", "b"))
SECTIONS = ("<verse_1>", "<chorus_1>", "<intro_riff_2>")
ODD_TOKENS = ("Cs/", "sC", '"G/', "H", "?", "<verse", "N.C.", "c", "Cmaj7b5")

chord_tokens = st.builds(
    lambda root, quality, bass: root + quality.suffix + (f"/{bass}" if bass else ""),
    st.sampled_from(NOTES),
    st.sampled_from(list(QUALITY_BY_SUFFIX.values())),
    st.sampled_from(("", "", *NOTES)),
)
"""Any root with any suffix, over any bass or none."""

tokens = st.one_of(chord_tokens, chord_tokens, st.sampled_from((*SECTIONS, *ODD_TOKENS)))
songs = st.lists(tokens, max_size=30).map(" ".join)
"""Songs of known chords, section tags and unknown tokens; some are empty."""


def harmony(*chords: str | None, statistics: bool = True) -> Harmony:
    """Analyze songs in one batch with the keys of Krumhansl and Schmuckler."""
    frame = pl.DataFrame({"chords": pl.Series(chords, dtype=pl.String)})
    return analyze(frame, method=KeyMethod.KRUMHANSL, statistics=statistics)


def written(batch: Harmony, style: RomanStyle = RomanStyle.HOUSE) -> pl.DataFrame:
    """Write a batch as data3 lines, and give its songs with the texts that were written."""
    missing = [name for name in SOURCE_COLUMNS if name not in batch.songs.columns]
    songs = batch.songs.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    lines = write_data3(songs, batch.vocabulary, batch.numerals.texts, LineBuffer(), style)
    texts = pl.read_csv(HEADER + bytes(lines), infer_schema=False)
    return batch.songs.with_columns(texts.select("roman_numerals", "harmonic_fingerprint"))


def analyzed(*chords: str | None) -> pl.DataFrame:
    """Give the analyzed songs of one batch, with their texts."""
    return written(harmony(*chords))


@cache
def sample() -> pl.DataFrame:
    """Read the bundled songs with their annotated keys."""
    truth = pl.read_csv(resource("sample/billboard_truth.csv"), infer_schema=False)
    return pl.read_csv(resource("sample/billboard_chordonomicon.csv"), infer_schema=False).join(
        truth.select("id", "key"), on="id", how="left", maintain_order="left", validate="1:1"
    )


@cache
def sample_harmony() -> Harmony:
    """Analyze the bundled songs in one batch."""
    return analyze(sample().select("id", "chords"), method=KeyMethod.KRUMHANSL)
