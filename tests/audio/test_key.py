"""Triads and keys from chroma whose harmony is known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from etl.audio.chords import TEMPLATES, find_chords
from etl.audio.key import NO_KEY_FOUND, find_key
from etl.music.key_profiles import BELLMANN_BUDGE, rotated_profiles
from tests.support.command_line import ROOT

C, DM, E, F, G, AM, BB = 0, 12 + 2, 4, 5, 7, 12 + 9, 10
SECOND = 43
"""Frames."""


def chroma(*triads: int, seconds: float = 2.0, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """Frames in which each triad sounds for a while, its three tones as loud, over a little noise."""
    steps = [{(t + n) % 12 for n in ((0, 4, 7) if t < 12 else (0, 3, 7))} for t in triads]
    rows = np.array([[float(tone in tones) for tone in range(12)] for tones in steps])
    frames = np.repeat(rows, int(seconds * SECOND), axis=0)
    return (frames + noise * np.random.default_rng(seed).random(frames.shape)).astype(np.float32)


@pytest.mark.parametrize("triad", range(24))
def test_a_triad_that_lasts_is_heard_as_itself(triad):
    """One triad, whatever its root and mode, and nothing else."""
    found = find_chords(chroma(triad))
    assert found.triads.tolist() == [triad]
    assert found.lengths.sum() == -(-2 * SECOND // 16)


def test_triads_are_heard_in_order_and_as_long_as_they_last():
    """Two seconds of each, in spite of noise a third as loud."""
    found = find_chords(chroma(C, AM, F, G, noise=0.35))
    assert found.triads.tolist() == [C, AM, F, G]
    assert np.ptp(found.lengths) <= 1


def test_a_passing_window_does_not_break_a_chord():
    """A fifth of a second of something else within four seconds is no chord."""
    frames = chroma(C, seconds=4.0)
    frames[80:88] = chroma(BB, seconds=8 / SECOND)
    assert find_chords(frames).triads.tolist() == [C]


def test_silence_within_a_piece_keeps_the_chord():
    """Empty windows, a rest, change nothing."""
    frames = np.concatenate([chroma(C), np.zeros((SECOND, 12), np.float32), chroma(C)])
    assert find_chords(frames).triads.tolist() == [C]


def test_templates_are_deviations_of_length_one():
    """So that loudness and a noise floor say nothing."""
    assert np.abs(TEMPLATES.sum(axis=1)).max() < 1e-12
    assert np.allclose(np.linalg.norm(TEMPLATES, axis=1), 1)


@pytest.mark.parametrize("key", range(24))
def test_key_of_a_profile_is_that_key(key):
    """Chroma that is the profile of a key gives that key, with confidence."""
    profile = rotated_profiles(BELLMANN_BUDGE)[key]
    found = find_key(np.tile(profile, (10, 1)).astype(np.float32))
    assert found.key == key
    assert found.correlation == pytest.approx(1)
    assert 0 < found.confidence < 1


def test_flat_chroma_has_no_key():
    """Silence has no key rather than C major."""
    assert find_key(np.zeros((10, 12), dtype=np.float32)) == NO_KEY_FOUND


@pytest.mark.parametrize("shift", range(12))
def test_a_transposed_piece_has_the_transposed_key(shift):
    """By as many semitones, with the same confidence."""
    frames = chroma(C, AM, F, G, C)
    original, moved = find_key(frames), find_key(np.roll(frames, shift, axis=1))
    assert original.key == C
    assert moved.key == shift
    assert moved.confidence == pytest.approx(original.confidence, abs=1e-6)


def test_the_order_of_chords_tells_relative_keys_apart():
    """The same notes as long: by its beginning, its end and its cadences one is minor."""
    major, minor = (C, F, G, C, AM, DM, G, C), (AM, DM, E, AM, C, DM, E, AM)
    assert find_key(chroma(*major)).key == C
    assert find_key(chroma(*minor)).key == AM


def test_confidence_grows_with_what_is_heard():
    """One chord is a guess, and a whole cadence is not."""
    alone, cadence = find_key(chroma(C)), find_key(chroma(C, F, G, C, AM, F, G, C, DM, G, C))
    assert cadence.key == C
    assert alone.confidence < 0.6 < cadence.confidence


def test_training_again_gives_the_weights_that_ship():
    """To within one unit of the third digit."""
    command = [sys.executable, "-m", "benchmarks.training.fit_audio_key", "--check"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
