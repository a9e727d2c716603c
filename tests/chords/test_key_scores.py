"""Scores of estimated keys against annotated ones, and how annotated keys are read."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest

from etl.chords.key_scores import (
    OUTCOMES,
    calibration_error,
    calibration_error_by_chance,
    key_scores,
    outcomes,
    parse_key,
    reliability,
    scores_by_confidence,
)
from etl.music.keys import KEY_NAMES, NO_KEY


def test_the_mirex_score_is_that_of_mir_eval_for_every_pair_of_keys():
    """All 576 pairs agree with the reference implementation."""
    for annotated, true_name in enumerate(KEY_NAMES):
        for estimated, found_name in enumerate(KEY_NAMES):
            expected = mir_eval.key.weighted_score(true_name.lower(), found_name.lower())
            scores = key_scores(np.array([estimated]), np.array([annotated]))
            assert scores["mirex"] == expected, (true_name, found_name)


def test_a_song_without_a_key_counts_as_wrong():
    """No key is neither exact nor any of the near misses, and has no tonic."""
    scores = key_scores(np.array([NO_KEY, 0]), np.array([11, 0]))
    assert scores["other"] == scores["exact"] == scores["tonic"] == scores["mirex"] == 0.5


def test_outcomes_add_up():
    """Each song has one outcome."""
    pairs = np.array([(e, a) for e in range(-1, 24) for a in range(24)])
    counts = np.bincount(outcomes(pairs[:, 0], pairs[:, 1]), minlength=len(OUTCOMES))
    assert counts.tolist() == [24, 24, 24, 24, len(pairs) - 96]


def test_no_songs_have_no_scores():
    """An empty corpus gives NaN, not an error."""
    nothing = np.zeros(0, int)
    assert all(np.isnan(score) for score in key_scores(nothing, nothing).values())


def test_calibration_error_is_the_mean_gap_over_bins():
    """Two songs at 0.95 of which one is right, one at 0.55 that is right."""
    confidence, right = np.array([0.95, 0.95, 0.55]), np.array([True, False, True])
    assert calibration_error(confidence, right) == pytest.approx((2 * 0.45 + 0.45) / 3)
    table = reliability(confidence, right)
    assert table["songs"].to_list() == [1, 2]
    assert table["exact"].to_list() == [1.0, 0.5]
    assert table["from"].to_list() == [0.5, 0.9]


@pytest.mark.parametrize(("songs", "sureness"), [(200, 4.0), (2000, 4.0), (200, 1.0), (50, 9.0)])
def test_error_by_chance_is_what_drawn_keys_give(songs, sureness):
    """Keys that are right as often as the confidence says have that error on average, within a tenth."""
    random = np.random.default_rng(songs)
    confidence = random.beta(sureness, 1.0, songs)
    drawn = [calibration_error(confidence, random.random(songs) < confidence) for _ in range(300)]
    assert calibration_error_by_chance(confidence) == pytest.approx(np.mean(drawn), rel=0.1)


def test_error_by_chance_is_nothing_where_there_is_no_doubt():
    """Nor where there are no songs."""
    assert calibration_error_by_chance(np.array([0.0, 1.0])) == 0.0
    assert calibration_error_by_chance(np.zeros(0)) == 0.0


def test_full_confidence_falls_into_the_last_bin():
    """A confidence of exactly 1 has a bin."""
    assert reliability(np.array([1.0]), np.array([True]))["to"].to_list() == [1.0]


def test_bands_cut_the_songs_from_the_surest_down():
    """Bands are disjoint, complete, and in order of confidence."""
    confidence = np.array([0.1, 0.9, 0.5, 0.7])
    keys = np.array([3, 0, 0, 0])
    table = scores_by_confidence(keys, confidence, np.zeros(4, int), bands=2)
    assert table["band"].to_list() == ["all", "0-50 %", "50-100 %"]
    assert table["songs"].to_list() == [4, 2, 2]
    assert table["exact"].to_list() == [0.75, 1.0, 0.5]
    assert table["lowest_confidence"].to_list() == [0.1, 0.7, 0.1]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *((name, index) for index, name in enumerate(KEY_NAMES)),
        ("c major", 0),
        ("a:min", 21),
        ("Am", 21),
        ("F♯ minor", 18),
        ("E♭maj", 3),
        ("Fs Minor", 18),
        ("C-minor", 12),
        ("B", 11),
        ("b", NO_KEY),
        ("H Major", NO_KEY),
        ("C mixolydian", NO_KEY),
        ("", NO_KEY),
        ("C Major ", 0),
    ],
)
def test_annotated_keys_are_read_as_data_sets_write_them(text, key):
    """Every name of ours and the common notations; what is ambiguous is left unread."""
    assert parse_key(text) == key
