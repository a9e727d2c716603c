"""Counts, profiles and entropy of a song."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from etl.chords.categories import CATEGORIES
from etl.chords.symbols import parse_chord
from tests.support.chord_songs import analyzed, harmony, sample, sample_harmony, songs


def test_tokens_are_counted_by_kind() -> None:
    """Known chords, unknown tokens and section tags are counted apart."""
    row = analyzed("<verse_1> C G H C <chorus_1> sC Amin").row(0, named=True)
    assert (row["n_chords"], row["n_unknown"], row["n_sections"]) == (4, 2, 2)
    assert row["distinct_chords"] == 3


@pytest.mark.parametrize(
    ("chords", "bits"),
    [("C C C C", 0.0), ("C G C G", 1.0), ("C C C G", 0.8112781), ("C G F Amin", 2.0), ("H C <a_1> G", 1.0)],
)
def test_entropy_is_shannons(chords: str, bits: float) -> None:
    """Entropy is that of the song's chord symbols; unknown tokens and tags have no part in it."""
    assert analyzed(chords)["chord_entropy_bits"].item() == pytest.approx(bits, abs=1e-6)


def test_repeats_count_in_the_mean_fingerprint() -> None:
    """The mean fingerprint divides by all chords, not by the distinct ones."""
    mean = np.array(analyzed("C C C G")["fingerprint_mean"].item())
    triad = np.array([1, 0, 0, 0, 0.5, 0, 0, 0.6, 0, 0, 0, 0]) / 2.1
    assert mean == pytest.approx((3 * triad + np.roll(triad, 7)) / 4, abs=1e-6)


def test_pitch_class_profile_is_the_share_of_chord_tones() -> None:
    """C E G and G B D over six chord tones; the bass is ignored."""
    profile = np.array(analyzed("C/Bb G")["pitch_class_profile"].item())
    assert profile == pytest.approx(np.array([1, 0, 1, 0, 1, 0, 0, 2, 0, 0, 0, 1]) / 6, abs=1e-6)


def test_category_counts_add_up_to_the_chords() -> None:
    """Each chord and each unknown token is in one of the 49 categories; tags are in none."""
    row = analyzed("<verse_1> C F G H C").row(0, named=True)
    counts = dict(zip(CATEGORIES, row["category_counts"], strict=True))
    assert {name: n for name, n in counts.items() if n} == {"I": 2, "IV": 1, "V": 1, "Other": 1}


def test_songs_without_chords_have_zeros() -> None:
    """Nothing is divided by zero."""
    for row in analyzed(None, "", "<verse_1>", "H").iter_rows(named=True):
        assert row["chord_entropy_bits"] == 0
        assert sum(row["pitch_class_profile"]) == sum(row["fingerprint_mean"]) == 0


def test_a_batch_of_no_songs_has_all_columns() -> None:
    """A block whose rows were all rejected still goes through."""
    assert analyzed().height == 0
    assert analyzed().schema == analyzed("C").schema


def test_statistics_of_the_sample_agree_with_plain_counting() -> None:
    """Entropy, means and profiles of every bundled song, worked out one song at a time."""
    found = sample_harmony().songs
    for song, row in zip(sample()["chords"], found.iter_rows(named=True), strict=True):
        parsed = [(token, parse_chord(token)) for token in song.split()]
        chords = [(token, chord) for token, chord in parsed if chord]
        shares = np.array(list(Counter(token for token, _ in chords).values())) / len(chords)
        assert row["chord_entropy_bits"] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-5)
        profile = np.zeros(12)
        for _, chord in chords:
            profile[sorted(chord.pitch_classes)] += 1
        assert row["pitch_class_profile"] == pytest.approx(profile / profile.sum(), abs=1e-6)
        mean = sum(np.roll(chord.quality.weights, chord.root_pc) for _, chord in chords) / len(chords)
        assert row["fingerprint_mean"] == pytest.approx(mean, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(songs)
def test_shares_add_up(song: str) -> None:
    """Profile and mean fingerprint add up to one, entropy lies between 0 and that of equal shares."""
    row = analyzed(song).row(0, named=True)
    whole = 1.0 if row["n_chords"] else 0.0
    assert sum(row["pitch_class_profile"]) == pytest.approx(whole, abs=1e-5)
    assert sum(row["fingerprint_mean"]) == pytest.approx(whole, abs=1e-5)
    assert sum(row["category_counts"]) == row["n_chords"] + row["n_unknown"]
    assert -1e-6 <= row["chord_entropy_bits"] <= np.log2(max(row["distinct_chords"], 1)) + 1e-6


def test_statistics_are_left_out_where_nobody_wants_them() -> None:
    """Without statistics the other columns are the same."""
    plain = harmony("<verse_1> C G", None, statistics=False).songs
    whole = analyzed("<verse_1> C G", None)
    assert "category_counts" not in plain.columns
    assert plain.equals(whole.select(plain.columns))
    assert isinstance(whole["category_counts"].dtype, pl.Array)
