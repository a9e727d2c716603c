"""The thirteen categories of an MPC or Force drive, and why a file has the one it has."""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.midi.drum_classes import CATEGORY_SCORE, DRUM_CLASSES, TAG_SCORE

CATEGORIES: Final = (
    "DrumKicks", "DrumSnares", "DrumHats", "DrumCymbals", "DrumToms", "DrumPerc", "Drums", "Bass", "Melody",
    "Chords", "Progressions", "FX", "Loops",
)  # fmt: skip
_DRUM_CATEGORIES: Final = dict(zip(DRUM_CLASSES, CATEGORIES[:6], strict=True))
_DOMINANT: Final = 0.8
# Tags and names in the order they are asked; the first that fits decides.
_TAG_CATEGORIES: Final = (
    ("kick", "DrumKicks"), ("snare", "DrumSnares"), ("hat", "DrumHats"), ("cymbal", "DrumCymbals"),
    ("tom", "DrumToms"), ("percussion", "DrumPerc"), ("drums", "Drums"), ("progression", "Progressions"),
    ("chords", "Chords"), ("bass", "Bass"), ("melody", "Melody"), ("lead", "Melody"), ("fx", "FX"),
    ("pad", "Chords"), ("pluck", "Melody"), ("arpeggio", "Melody"),
)  # fmt: skip
_DRUM_TAGS: Final = frozenset({"kick", "snare", "hat", "cymbal", "tom", "percussion", "drums"})
_FEWEST_CHORDS: Final = 3
_MOST_BARS: Final = 16
"""A progression is as long at most; what is longer, and of several parts, is a whole piece."""
_POLYPHONIC: Final = 2.0
_TRIADS: Final = 2.5
CHORDAL: Final = 1.5
"""Mean polyphony from which a part plays chords."""
_ROLE_CATEGORIES: Final = (("drums", "Drums"), ("bass", "Bass"), ("melody", "Melody"), ("chords", "Chords"))
_MELODY_POLYPHONY: Final = 1.2


def categorize(files: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """Choose a category for each file.

    The notes decide first for drums (above 0.9; one class with 80 % of the hits makes a granular category; of
    a single pitch, which may be any pad of a sampler, a name says more), then, for a file of one part, names
    and other tags, then what the notes are like: harmony, role and polyphony. A name cannot make drums of
    what its notes show is pitched, nor the other way round; the title of a song says nothing of what it is.
    A progression has sixteen bars at most; a longer file of several parts is a whole piece, whose parts have
    categories of their own.

    Parameters
    ----------
    files
        From `etl.midi.analysis.analyze`.
    tags
        From `etl.midi.tags.find_tags`.

    Returns
    -------
    DataFrame
        ``file``, ``category`` (of `CATEGORIES`, null without notes), ``category_reason``.
    """
    share = pl.max_horizontal([f"{name}_share" for name in DRUM_CLASSES])
    granular = pl.coalesce(
        pl.when(pl.col(f"{name}_share") == share).then(pl.lit(category))
        for name, category in _DRUM_CATEGORIES.items()
    )
    is_drum = pl.col("drum_score") > CATEGORY_SCORE
    chords = pl.col("distinct_chords") >= _FEWEST_CHORDS
    plays_chords = pl.col("role").is_in(["chords"]).fill_null(value=True)
    is_short = (pl.col("bars") <= _MOST_BARS).fill_null(value=False)
    rules = [
        (
            is_drum & pl.col("is_one_pitch") & pl.col("tagged").is_in(list(_DRUM_CATEGORIES.values())),
            pl.col("tagged"),
            pl.format("drums of one pitch, tag {} from {}", "tagged_by", "tagged_source"),
        ),
        (
            is_drum & (share >= _DOMINANT),
            granular,
            pl.format("drums, {} of the hits one class", share.round(2)),
        ),
        (is_drum, pl.lit("Drums"), pl.lit("drums of several classes")),
        (
            pl.col("tagged").is_not_null(),
            pl.col("tagged"),
            pl.format("tag {} from {}", "tagged_by", "tagged_source"),
        ),
        (
            chords
            & (pl.col("mean_polyphony") >= _POLYPHONIC)
            & (plays_chords | (pl.col("mean_polyphony") >= _TRIADS))
            & is_short,
            pl.lit("Progressions"),
            pl.format(
                "{} different chords in {} bars, polyphony {}",
                "distinct_chords",
                "bars",
                pl.col("mean_polyphony").round(1),
            ),
        ),
        (
            (pl.col("parts") > 1) & ~is_short,
            pl.lit("Loops"),
            pl.format("a whole piece of {} parts", "parts"),
        ),
        *(
            (
                pl.col("role") == role,
                pl.lit(category),
                pl.format("plays {} by its notes, {}", pl.lit(role), pl.col("role_confidence").round(2)),
            )
            for role, category in _ROLE_CATEGORIES
        ),
        (
            pl.col("mean_polyphony") >= CHORDAL,
            pl.lit("Chords"),
            pl.format("polyphony {}", pl.col("mean_polyphony").round(1)),
        ),
        (
            pl.col("mean_polyphony") < _MELODY_POLYPHONY,
            pl.lit("Melody"),
            pl.lit("one note at a time"),
        ),
    ]
    has_notes = pl.col("notes") > 0
    category = pl.coalesce(*(pl.when(condition).then(name) for condition, name, _ in rules), pl.lit("Loops"))
    reason = pl.coalesce(
        *(pl.when(condition).then(why) for condition, _, why in rules), pl.lit("nothing else fits")
    )
    return (
        files.lazy()
        .join(_first_tags(files, tags), on="file", how="left", maintain_order="left")
        .select(
            "file",
            category=pl.when(has_notes).then(category),
            category_reason=pl.when(has_notes).then(reason),
        )
        .collect(engine="in-memory")
    )


def _first_tags(files: pl.DataFrame, tags: pl.DataFrame) -> pl.LazyFrame:
    """Find the tag that decides for each file: sources by trust, then the order of `_TAG_CATEGORIES`."""
    order = pl.DataFrame(
        [
            {"tag": tag, "tagged": category, "place": place, "of_drums": tag in _DRUM_TAGS}
            for place, (tag, category) in enumerate(_TAG_CATEGORIES)
        ]
    )
    # The drum score has the name and program of the part in it, which must not count twice.
    in_score = pl.col("source").is_in(["track", "program"])
    least = pl.when(in_score).then(TAG_SCORE).otherwise(1 - CATEGORY_SCORE)
    return (
        tags.lazy()
        .filter(pl.col("source") != "notes")
        .join(order.lazy(), on="tag")
        .join(files.lazy().select("file", "parts", "drum_score"), on="file")
        .filter(~(pl.col("of_drums") & (pl.col("drum_score") <= least)))
        # Title, folder, and the name or program of one part say nothing of a file with several.
        .filter(pl.col("parts") == 1)
        .sort(["file", "confidence", "place"], descending=[False, True, False])
        .unique("file", keep="first", maintain_order=True)
        .select("file", "tagged", tagged_by="tag", tagged_source="source")
    )
