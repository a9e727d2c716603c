"""Tags of files, each with where it comes from and how far to trust it."""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.midi.drum_classes import DRUM_CLASSES, TAG_SCORE
from etl.midi.tag_words import WORDS, word_tags

NAME_CONFIDENCE: Final = 0.8
FOLDER_CONFIDENCE: Final = 0.6
TRACK_CONFIDENCE: Final = 0.6
PROGRAM_CONFIDENCE: Final = 0.5

# General MIDI level 1: sixteen families of eight programs (RP-003, 1991).
_FAMILIES: Final = (
    "piano", "mallet", "keys", "guitar", "bass", "strings", "strings", "brass",
    "woodwind", "woodwind", "lead", "pad", "fx", "world", "percussion", "fx",
)  # fmt: skip
# Upper bounds, beats per minute.
_TEMPO_BANDS: Final = (("slow", 80.0), ("moderate", 108.0), ("upbeat", 132.0), ("fast", 168.0))
_FASTEST_BAND: Final = "very_fast"

TAGS: Final = frozenset(WORDS["tag"]).union(_FAMILIES, (name for name, _ in _TEMPO_BANDS), [_FASTEST_BAND])
"""All tags there are."""

TAG_COLUMNS: Final = ("file", "tag", "kind", "source", "confidence")


def program_families() -> pl.DataFrame:
    """Tag of each General MIDI program, 0 to 127."""
    return pl.DataFrame(
        {"program": range(128), "tag": [_FAMILIES[number // 8] for number in range(128)]},
        schema={"program": pl.Int16, "tag": pl.String},
    )


def find_tags(names: pl.DataFrame, files: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Collect the tags of files.

    Parameters
    ----------
    names
        ``file``, ``stem`` and ``folder`` (the folders above the file, as one string).
    files, parts
        From `etl.midi.analysis.analyze`.

    Returns
    -------
    DataFrame
        ``file: i32``, ``tag``, ``kind`` (instrument, role, structure, genre or tempo), ``source`` (name,
        folder, track, program, notes or tempo), ``confidence: f64``; a tag once per file and source.
    """
    band = pl.coalesce(
        *(pl.when(pl.col("bpm") < bound).then(pl.lit(name)) for name, bound in _TEMPO_BANDS),
        pl.lit(_FASTEST_BAND),
    )
    tempo = (
        files.lazy()
        .filter(pl.col("bpm_source") != "default")
        .select(
            "file", tag=band, kind=pl.lit("tempo"), source=pl.lit("tempo"),
            # What the file says is so; what is heard in it may not be.
            confidence=pl.when(pl.col("bpm_source") == "meta").then(1.0).otherwise(pl.col("bpm_confidence")),
        )
    )  # fmt: skip
    return (
        pl.concat([*_of_names(names, files), *_of_parts(parts), _drums(files), tempo])
        .sort("file", "tag", "source", "confidence")
        .collect(engine="in-memory")
    )


def name_tags(names: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Collect the tags that names and folders give, as `find_tags` does: of the other places of files."""
    return pl.concat(_of_names(names, files)).unique(maintain_order=True).collect(engine="in-memory")


def part_tags(parts: pl.DataFrame) -> pl.DataFrame:
    """Collect the tags that parts have by name, program and notes.

    Parameters
    ----------
    parts
        ``file``, a number of the part, with its ``name``, ``program`` and ``drum_score``.

    Returns
    -------
    DataFrame
        As from `find_tags`, of each part.
    """
    return pl.concat([*_of_parts(parts), _drums(parts)]).collect(engine="in-memory")


def _of_parts(parts: pl.DataFrame) -> list[pl.LazyFrame]:
    # Program 0 is what files without any program have, so it says nothing.
    programs = (
        parts.lazy()
        .filter(pl.col("drum_score") <= TAG_SCORE, pl.col("program") > 0)
        .join(program_families().lazy(), on="program", maintain_order="left")
        .select(
            "file", "tag", kind=pl.lit("instrument"), source=pl.lit("program"),
            confidence=pl.lit(PROGRAM_CONFIDENCE),
        )
        .unique(maintain_order=True)
    )  # fmt: skip
    return [_words("track", TRACK_CONFIDENCE, parts.select("file", "name")), programs]


def _drums(rows: pl.DataFrame) -> pl.LazyFrame:
    return (
        rows.lazy()
        .filter(pl.col("drum_score") > TAG_SCORE)
        .select(
            "file", tag=pl.lit("drums"), kind=pl.lit("instrument"), source=pl.lit("notes"),
            confidence=pl.col("drum_score").round(4),
        )
    )  # fmt: skip


def _of_names(names: pl.DataFrame, files: pl.DataFrame) -> list[pl.LazyFrame]:
    # One drum in the title of a piece (Ride On, Kick It) is a word of it, not what it plays.
    pieces = files.filter(pl.col("parts") > 1, pl.col("drum_score") <= TAG_SCORE)["file"]
    is_title = pl.col("file").is_in(pieces.implode()) & pl.col("tag").is_in(DRUM_CLASSES)
    return [
        _words("name", NAME_CONFIDENCE, names.select("file", name="stem")).filter(~is_title),
        _words("folder", FOLDER_CONFIDENCE, names.select("file", name="folder")),
    ]


def _words(source: str, confidence: float, names: pl.DataFrame) -> pl.LazyFrame:
    tagged = word_tags(names.lazy())
    return tagged.with_columns(source=pl.lit(source), confidence=pl.lit(confidence, pl.Float64)).select(
        TAG_COLUMNS
    )
