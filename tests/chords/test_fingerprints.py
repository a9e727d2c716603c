"""Harmonic fingerprints as the data3 CSV has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from etl.chords.fingerprints import fingerprint_texts
from etl.chords.symbols import parse_section
from etl.chords.vocabulary import QUALITY_WEIGHTS, Vocabulary
from etl.music.qualities import QUALITIES
from tests.support.chord_songs import NOTES, analyzed, songs

UNKNOWN = ",".join(["0.083"] * 12)

# Weights by role, as the format defines them, on pitch classes over C.
ROLES = {
    "C": {0: 1.0, 4: 0.5, 7: 0.6},
    "Cmin7": {0: 1.0, 3: 0.5, 7: 0.6, 10: 0.4},
    "Csus4": {0: 1.0, 5: 0.5, 7: 0.6},
    "Csus2": {0: 1.0, 2: 0.5, 7: 0.6},
    "Cadd13": {0: 1.0, 4: 0.5, 7: 0.6, 9: 0.4},
    "Cno3d": {0: 1.0, 7: 0.6},
    "Cdimb7": {0: 1.0, 3: 0.5, 6: 0.6, 9: 0.4},
    "Cmaj13": {0: 1.0, 4: 0.5, 7: 0.6, 11: 0.4, 2: 0.3, 5: 0.25, 9: 0.2},
    "Cadd9": {0: 1.0, 4: 0.5, 7: 0.6, 2: 0.3},
    "C7b9": {0: 1.0, 4: 0.5, 7: 0.6, 10: 0.4, 1: 0.3},
}


@pytest.mark.parametrize(("symbol", "roles"), ROLES.items())
def test_weights_are_shares_of_the_roles(symbol: str, roles: dict[int, float]) -> None:
    """Root 1.0, fifth 0.6, third 0.5 ... divided by their sum, three decimals, C first."""
    total = sum(roles.values())
    expected = ",".join(f"{roles.get(pc, 0) / total:.3f}" for pc in range(12))
    assert fingerprint_texts(Vocabulary([symbol])) == [expected]


def test_the_root_turns_the_vector() -> None:
    """G7 is C7 moved up by seven."""
    c, g = (text.split(",") for text in fingerprint_texts(Vocabulary(["C7", "G7"])))
    assert np.roll(c, 7).tolist() == g


def test_the_bass_is_ignored() -> None:
    """A slash chord has the fingerprint of the chord, whatever the bass."""
    assert len(set(fingerprint_texts(Vocabulary(["Cmin7", *(f"Cmin7/{note}" for note in NOTES)])))) == 1


def test_chords_are_joined_and_tags_stand_in_their_place() -> None:
    """``|`` between tokens; an unknown chord is twelve times 0.083."""
    text = analyzed("<verse_1> C  H <chorus_1> C").row(0, named=True)["harmonic_fingerprint"]
    c = fingerprint_texts(Vocabulary(["C"]))[0]
    assert text.split("|") == ["<verse_1>", c, UNKNOWN, "<chorus_1>", c]


def test_songs_without_a_chord_have_none() -> None:
    """Empty where the key is No Harmony or Parse Error."""
    assert analyzed(None, "", "<verse_1>", "H")["harmonic_fingerprint"].to_list() == [None] * 4


def test_each_quality_weighs_its_pitch_classes_and_nothing_else() -> None:
    """Rows sum to one; the root weighs most."""
    assert QUALITY_WEIGHTS.sum(axis=1) == pytest.approx(np.ones(len(QUALITIES)))
    assert (QUALITY_WEIGHTS.argmax(axis=1) == 0).all()
    assert [{*np.flatnonzero(row).tolist()} for row in QUALITY_WEIGHTS] == [
        q.pitch_classes for q in QUALITIES
    ]


@settings(max_examples=60, deadline=None)
@given(songs)
def test_one_vector_for_each_chord(song: str) -> None:
    """As many parts as tokens; each vector has twelve numbers that add up to one."""
    row = analyzed(song).row(0, named=True)
    if not row["n_chords"]:
        assert row["harmonic_fingerprint"] is None
        return
    for token, part in zip(song.split(), row["harmonic_fingerprint"].split("|"), strict=True):
        if parse_section(token):
            assert part == token
        else:
            assert sum(map(float, part.split(","))) == pytest.approx(1, abs=0.0061)
            assert len(part) == 12 * 6 - 1
