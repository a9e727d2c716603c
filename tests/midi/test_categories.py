"""Which category a file gets, and why: each rule at both sides of its bound."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from etl.midi.categories import categorize
from etl.midi.drum_classes import DRUM_CLASSES

PITCHED: dict[str, Any] = {
    **{f"{name}_share": 0.0 for name in DRUM_CLASSES},
    "file": 0,
    "notes": 40,
    "parts": 1,
    "drum_score": 0.0,
    "distinct_chords": 0,
    "mean_polyphony": 1.3,
    "bars": 4,
    "role": None,
    "is_one_pitch": False,
    "role_confidence": 0.9,
}
DRUMS = PITCHED | {"drum_score": 1.0}
TYPES = {"role": pl.String, "bars": pl.Int32}


def category(song: dict[str, Any], *tags: tuple[str, str, float]) -> tuple[str | None, str | None]:
    """Give category and reason of one file; tags are name, source and confidence."""
    found = pl.DataFrame(
        [(0, *tag) for tag in tags],
        schema={"file": pl.Int64, "tag": pl.String, "source": pl.String, "confidence": pl.Float64},
        orient="row",
    )
    row = categorize(pl.DataFrame([song], schema_overrides=TYPES), found).row(0)
    return row[1:]


@pytest.mark.parametrize(
    ("of_class", "expected"),
    [
        ("kick", "DrumKicks"), ("snare", "DrumSnares"), ("hat", "DrumHats"), ("cymbal", "DrumCymbals"),
        ("tom", "DrumToms"), ("percussion", "DrumPerc"),
    ],
)  # fmt: skip
def test_drums_of_one_class_have_its_category(of_class, expected):
    """From four fifths of the hits on."""
    assert category(DRUMS | {f"{of_class}_share": 0.8}) == (expected, "drums, 0.8 of the hits one class")
    assert category(DRUMS | {f"{of_class}_share": 0.8763})[1] == "drums, 0.88 of the hits one class"
    assert category(DRUMS | {f"{of_class}_share": 0.79}) == ("Drums", "drums of several classes")


def test_a_name_says_which_drum_a_single_sound_is():
    """Note 60 is a bongo in General MIDI, and the first pad, or the only sample, elsewhere."""
    one = DRUMS | {"percussion_share": 1.0, "is_one_pitch": True}
    assert category(one, ("kick", "name", 0.9)) == ("DrumKicks", "drums of one pitch, tag kick from name")
    assert category(one, ("drums", "name", 0.9))[0] == "DrumPerc"
    assert category(one, ("bass", "name", 0.9))[0] == "DrumPerc"
    assert category(one | {"is_one_pitch": False}, ("kick", "name", 0.9))[0] == "DrumPerc"
    assert category(one | {"drum_score": 0.05}, ("kick", "name", 0.9))[0] == "Loops"


def test_only_what_is_surely_drums_is_drums_by_its_notes():
    """Above 0.9; at it something else decides."""
    assert category(DRUMS | {"drum_score": 0.91})[0] == "Drums"
    assert category(DRUMS | {"drum_score": 0.9})[0] == "Loops"


def test_a_name_makes_no_drums_of_pitched_notes_nor_the_other_way_round():
    """A tag of drums counts where the notes leave it open, another where they are not drums."""
    kick, bass = ("kick", "name", 0.9), ("bass", "name", 0.9)
    assert category(PITCHED | {"drum_score": 0.5}, kick) == ("DrumKicks", "tag kick from name")
    assert category(PITCHED | {"drum_score": 0.09}, kick)[0] == "Loops"
    assert category(PITCHED | {"drum_score": 0.11}, kick)[0] == "DrumKicks"
    assert category(PITCHED, bass) == ("Bass", "tag bass from name")
    assert category(DRUMS, bass) == ("Drums", "drums of several classes")


@pytest.mark.parametrize("source", ["track", "program"])
def test_what_is_in_the_drum_score_does_not_count_once_more(source):
    """A bass on no program, in a track called "Kick it", has a score of 0.18 by that name."""
    kick = ("kick", source, 0.9)
    bass = PITCHED | {"role": "bass"}
    assert category(bass | {"drum_score": 0.18}, kick)[0] == "Bass"
    assert category(bass | {"drum_score": 0.5}, kick)[0] == "Bass"
    assert category(bass | {"drum_score": 0.51}, kick)[0] == "DrumKicks"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("kick", "DrumKicks"), ("snare", "DrumSnares"), ("hat", "DrumHats"), ("cymbal", "DrumCymbals"),
        ("tom", "DrumToms"), ("percussion", "DrumPerc"), ("drums", "Drums"), ("progression", "Progressions"),
        ("chords", "Chords"), ("bass", "Bass"), ("melody", "Melody"), ("lead", "Melody"), ("fx", "FX"),
        ("pad", "Chords"), ("pluck", "Melody"), ("arpeggio", "Melody"), ("house", "Loops"),
    ],
)  # fmt: skip
def test_what_each_tag_stands_for(tag, expected):
    """A tag of no category leaves it to the notes."""
    assert category(PITCHED | {"drum_score": 0.5}, (tag, "folder", 0.5))[0] == expected


def test_the_surest_tag_decides_then_the_order_of_the_tags():
    """Tags from the notes do not count, nor those of a file of several parts."""
    assert category(PITCHED, ("bass", "name", 0.6), ("lead", "name", 0.9))[0] == "Melody"
    assert category(PITCHED, ("lead", "name", 0.9), ("bass", "name", 0.9))[0] == "Bass"
    assert category(PITCHED, ("bass", "notes", 0.9))[0] == "Loops"
    assert category(PITCHED | {"parts": 2}, ("bass", "name", 0.9))[0] == "Loops"


def test_a_progression_has_three_chords_and_sixteen_bars_at_most():
    """And two notes at a time, two and a half where it is not played as chords."""
    song = PITCHED | {"distinct_chords": 3, "mean_polyphony": 2.0, "bars": 16}
    assert category(song) == ("Progressions", "3 different chords in 16 bars, polyphony 2.0")
    assert category(song | {"distinct_chords": 2})[0] == "Chords"
    assert category(song | {"mean_polyphony": 1.99})[0] == "Chords"
    assert category(song | {"bars": 17})[0] == "Chords"
    assert category(song | {"bars": None})[0] == "Chords"
    assert category(song | {"role": "bass"})[0] == "Bass"
    assert category(song | {"role": "bass", "mean_polyphony": 2.5})[0] == "Progressions"
    assert category(song | {"role": "chords"})[0] == "Progressions"


def test_a_whole_piece_is_of_several_parts_and_longer():
    """Whatever is played in it."""
    song = PITCHED | {"parts": 2, "bars": 17, "role": "melody"}
    assert category(song) == ("Loops", "a whole piece of 2 parts")
    assert category(song | {"bars": 16})[0] == "Melody"
    assert category(song | {"parts": 1})[0] == "Melody"


@pytest.mark.parametrize(
    ("role", "expected"),
    [("drums", "Drums"), ("bass", "Bass"), ("melody", "Melody"), ("chords", "Chords")],
)
def test_the_role_decides_before_the_polyphony(role, expected):
    """With how sure it is."""
    song = PITCHED | {"role": role, "mean_polyphony": 9.0 if role != "chords" else 1.0}
    assert category(song) == (expected, f"plays {role} by its notes, 0.9")


def test_without_a_role_the_polyphony_decides():
    """One note at a time, chords, and what is neither; nothing without notes."""
    assert category(PITCHED | {"mean_polyphony": 1.5}) == ("Chords", "polyphony 1.5")
    assert category(PITCHED | {"mean_polyphony": 1.19}) == ("Melody", "one note at a time")
    assert category(PITCHED | {"mean_polyphony": 1.2}) == ("Loops", "nothing else fits")
    assert category(PITCHED | {"notes": 0}) == (None, None)
