"""Tags by tempo, program and notes: at both sides of each bound, with how far they are to be trusted."""

from __future__ import annotations

import polars as pl
import pytest

from etl.midi.tags import find_tags, part_tags, program_families

NO_NAMES = pl.DataFrame(schema={"file": pl.Int32, "stem": pl.String, "folder": pl.String})
NO_PARTS = pl.DataFrame(
    schema={"file": pl.Int32, "name": pl.String, "program": pl.Int16, "drum_score": pl.Float64}
)


def tempo_tag(bpm: float, source: str = "meta", confidence: float = 0.4) -> list[tuple[str, float]]:
    """Give tag and confidence of a file by its tempo."""
    files = pl.DataFrame(
        [(0, bpm, source, confidence, 0.0, 1)],
        schema={
            "file": pl.Int32, "bpm": pl.Float64, "bpm_source": pl.String, "bpm_confidence": pl.Float64,
            "drum_score": pl.Float64, "parts": pl.UInt32,
        },
        orient="row",
    )  # fmt: skip
    return find_tags(NO_NAMES, files, NO_PARTS).select("tag", "confidence").rows()


@pytest.mark.parametrize(
    ("bpm", "tag"),
    [
        (79.9, "slow"), (80, "moderate"), (107.9, "moderate"), (108, "upbeat"), (131.9, "upbeat"),
        (132, "fast"), (167.9, "fast"), (168, "very_fast"),
    ],
)  # fmt: skip
def test_a_tempo_has_its_band(bpm, tag):
    """From each bound on."""
    assert tempo_tag(bpm) == [(tag, 1.0)]


def test_what_a_file_says_of_its_tempo_is_so_and_what_is_heard_may_not_be():
    """The standard's 120 says nothing."""
    assert tempo_tag(100, "onsets") == [("moderate", 0.4)]
    assert tempo_tag(120, "default") == []


@pytest.mark.parametrize(("parts", "drum_score", "drums"), [(1, 0.0, True), (4, 0.3, False), (4, 0.9, True)])
def test_one_drum_in_the_title_of_a_piece_is_no_tag(parts, drum_score, drums):
    """Of one part, or of drums, it says what it plays; other words of a title are tags."""
    files = pl.DataFrame(
        {"file": 0, "bpm": 100.0, "bpm_source": "default", "bpm_confidence": 0.0, "drum_score": drum_score,
         "parts": parts},
        schema_overrides={"file": pl.Int32},
    )  # fmt: skip
    names = pl.DataFrame([(0, "Ride Bass Kick", "")], schema=NO_NAMES.schema, orient="row")
    tags = find_tags(names, files, NO_PARTS).filter(pl.col("source") == "name")["tag"].to_list()
    assert tags == (["bass", "cymbal", "kick"] if drums else ["bass"])


def test_parts_are_drums_above_half_and_have_the_family_of_their_program_otherwise():
    """Program 0 is what files without any have; the score of drums is told to four places."""
    rows = [(0, "", 33, 0.5), (1, "", 33, 0.512346), (2, "", 0, 0.0), (3, "", 1, 0.0)]
    parts = pl.DataFrame(rows, schema=NO_PARTS.schema, orient="row")
    tags = part_tags(parts).select("file", "tag", "source", "confidence").sort("file").rows()
    assert tags == [
        (0, "bass", "program", 0.5),
        (1, "drums", "notes", 0.5123),
        (3, "piano", "program", 0.5),
    ]


def test_programs_are_in_the_families_of_general_midi():
    """The first and the last of some families of eight."""
    families = dict(program_families().rows())
    wanted = {0: "piano", 7: "piano", 8: "mallet", 24: "guitar", 32: "bass", 39: "bass", 40: "strings"}
    wanted |= {56: "brass", 64: "woodwind", 80: "lead", 88: "pad", 104: "world", 112: "percussion", 127: "fx"}
    assert {program: families[program] for program in wanted} == wanted


def test_the_name_of_a_file_is_trusted_more_than_its_folder_and_its_tracks():
    """The word is the same in all three."""
    names = pl.DataFrame([(0, "deep house", "house")], schema=NO_NAMES.schema, orient="row")
    parts = pl.DataFrame([(0, "house", 0, 0.0)], schema=NO_PARTS.schema, orient="row")
    files = pl.DataFrame(
        schema={
            "file": pl.Int32, "bpm": pl.Float64, "bpm_source": pl.String, "bpm_confidence": pl.Float64,
            "drum_score": pl.Float64, "parts": pl.UInt32,
        }
    )  # fmt: skip
    found = find_tags(names, files, parts).filter(tag="house").select("source", "confidence").rows()
    assert found == [("folder", 0.6), ("name", 0.8), ("track", 0.6)]
