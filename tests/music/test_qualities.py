"""Qualities: what chords are made of, against any textbook of harmony and the dataset's own table."""

from __future__ import annotations

import pytest

from etl.music.qualities import QUALITIES, QUALITY_BY_DEGREES, QUALITY_BY_SUFFIX, degree_semitones


@pytest.mark.parametrize(
    ("suffix", "semitones"),
    [
        ("", {0, 4, 7}), ("min", {0, 3, 7}), ("dim", {0, 3, 6}), ("aug", {0, 4, 8}), ("7", {0, 4, 7, 10}),
        ("maj7", {0, 4, 7, 11}), ("min7", {0, 3, 7, 10}), ("dim7", {0, 3, 6, 10}), ("dimb7", {0, 3, 6, 9}),
        ("sus2", {0, 2, 7}), ("sus4", {0, 5, 7}), ("7sus4", {0, 5, 7, 10}), ("no3d", {0, 7}),
        ("add13", {0, 4, 7, 9}), ("min9", {0, 2, 3, 7, 10}), ("b9", {0, 1, 4, 7, 10}),
        ("maj1311s", {0, 2, 4, 6, 7, 9, 11}), ("13b", {0, 2, 4, 5, 7, 8, 10}),
    ],
)  # fmt: skip
def test_a_suffix_stands_for_its_notes(suffix, semitones):
    """Over the root; ``dim7`` is the half-diminished."""
    assert QUALITY_BY_SUFFIX[suffix].pitch_classes == semitones


def test_degrees_fold_into_an_octave():
    """Compound ones too, with any accidentals."""
    degrees = ("1", "b3", "3", "#5", "bb7", "b9", "#11", "13")
    assert [degree_semitones(degree) for degree in degrees] == [0, 3, 4, 8, 9, 1, 6, 9]


def test_there_are_the_157_of_the_dataset_and_those_that_others_spell():
    """Each once, numbered as they stand: numbers are stored."""
    own = [quality for quality in QUALITIES if not quality.suffix.startswith("(")]
    assert own == list(QUALITIES[:157])
    assert len(QUALITY_BY_SUFFIX) == 157
    assert [quality.index for quality in QUALITIES] == list(range(len(QUALITIES)))
    assert len({quality.suffix for quality in QUALITIES}) == len(QUALITIES)


@pytest.mark.parametrize(
    "degrees",
    [
        "3 5 b7 #9",
        "3 #5 b7 #9",
        "3 5 6 9",
        "b3 5 6 9",
        "3 5 b7 b9 #9",
        "2 5 6",
        "5 b7",
        "b3 5 b13",
    ],
)
def test_a_chord_that_the_dataset_cannot_spell_goes_by_its_degrees(degrees):
    """In any order; what it can spell keeps its suffix."""
    spelled = degrees.split()
    quality = QUALITY_BY_DEGREES[frozenset(spelled)]
    assert quality.suffix == f"({','.join(spelled)})"
    assert quality.degrees == tuple(spelled)
    assert QUALITIES[quality.index] is quality
    assert QUALITY_BY_DEGREES[frozenset({"b7", "5", "3"})].suffix == "7"


def test_a_fingerprint_is_the_weights_of_the_roles_over_their_sum():
    """Root 1, fifth 0.6, third 0.5, seventh 0.4, ninth 0.3, eleventh 0.25, thirteenth 0.2."""
    weights = QUALITY_BY_SUFFIX["13"].weights
    total = 1 + 0.6 + 0.5 + 0.4 + 0.3 + 0.25 + 0.2
    wanted = {0: 1, 7: 0.6, 4: 0.5, 10: 0.4, 2: 0.3, 5: 0.25, 9: 0.2}
    assert weights == pytest.approx([wanted.get(semitone, 0) / total for semitone in range(12)])
    assert QUALITY_BY_SUFFIX["sus4"].weights[5] == pytest.approx(0.5 / 2.1)
    assert QUALITY_BY_SUFFIX["add13"].weights[9] == pytest.approx(0.4 / 2.5)
