"""Tempo, key, energy and the sonic vector of a track."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from etl.audio.beats import rhythm
from etl.audio.features import FEATURE_NAMES, FEATURE_UNITS, SEGMENTS, Mode
from etl.audio.frames import analyse
from etl.audio.signal import SAMPLE_RATE, DecodeError
from etl.audio.sonic import describe, measure_energy, window_bounds
from etl.music.keys import NO_KEY
from tests.support import audio_pieces


@pytest.mark.parametrize(
    ("style", "bpm"), [("rock", 96.0), ("house", 127.3), ("waltz", 151.7), ("swing", 112.2), ("reggae", 76.4)]
)
def test_tempo_is_within_a_half_percent_of_an_octave_equivalent(style, bpm):
    """The refined tempo is far finer than the steps of the tracker."""
    piece = audio_pieces.compose(style, bpm, 0, minor=False, seconds=30.0, seed=int(bpm))
    frames = analyse(audio_pieces.render(piece))
    found = rhythm(frames.onset_median, frames.onset_bands, frames.chroma_stft)
    assert min(abs(found.bpm / (bpm * ratio) - 1) for ratio in (0.5, 1, 2, 3, 1 / 3)) < 0.005
    assert 0 < found.confidence <= 1
    assert found.irregularity < 0.35


@pytest.mark.parametrize("seconds", [3.0, 4.0, 6.0])
def test_short_clips_keep_their_tempo(seconds):
    """Two bars of a loop give their tempo or an octave of it, not one that fits in eight times."""
    right = 0
    tempi = (72.0, 90.0, 100.0, 118.0, 140.0)
    for bpm in tempi:
        piece = audio_pieces.compose("rock", bpm, 0, minor=False, seconds=12.0, seed=int(bpm))
        clip = audio_pieces.render(piece)[2 * SAMPLE_RATE :][: int(seconds * SAMPLE_RATE)]
        frames = analyse(clip)
        found = rhythm(frames.onset_median, frames.onset_bands, frames.chroma_stft).bpm
        right += any(abs(found / (bpm * ratio) - 1) < 0.04 for ratio in (0.5, 1, 2))
    assert right >= 4


def test_two_seconds_have_no_tempo_and_say_why(rock):
    """What is too short for a tempo has none, and the reason is not that nothing sounds."""
    sonic = describe(rock[SAMPLE_RATE : 3 * SAMPLE_RATE])
    assert sonic.rhythm.bpm == 0
    assert sonic.fallback == "too short for a tempo"


def test_sine_has_known_level():
    """A full-scale sine lies 3.01 dB below full scale with that much crest and no dynamic range."""
    time = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    energy = measure_energy(np.sin(2 * np.pi * 441 * time).astype(np.float32))
    assert energy.rms_db == pytest.approx(-3.01, abs=0.03)
    assert energy.crest_db == pytest.approx(3.01, abs=0.03)
    assert energy.dynamic_range_db == pytest.approx(0, abs=0.05)


def test_dynamic_range_is_the_step_between_loud_and_soft():
    """Half the time 20 dB softer is a dynamic range of 20 dB."""
    noise = np.random.default_rng(1).normal(0, 0.1, 20 * SAMPLE_RATE).astype(np.float32)
    noise[len(noise) // 2 :] *= np.float32(0.1)
    assert measure_energy(noise).dynamic_range_db == pytest.approx(20, abs=0.7)


def test_vectors_have_names_and_units(rock):
    """One component per name and unit, four segments, all finite."""
    sonic = describe(rock)
    assert sonic.mode is Mode.BEAT
    assert len(FEATURE_NAMES) == len(FEATURE_UNITS) == len(set(FEATURE_NAMES)) == 128
    assert sonic.vectors.shape == (len(SEGMENTS), len(FEATURE_NAMES))
    assert np.isfinite(sonic.vectors).all()


def test_beat_vector_is_median_and_spread_over_beats(rock):
    """The vector can be computed by hand from frames and beats."""
    sonic = describe(rock)
    centroid = analyse(rock).centroid
    beats = sonic.rhythm.beats
    means = [centroid[a:b].mean() for a, b in pairwise(beats)]
    middle = FEATURE_NAMES.index("centroid_median")
    spread = FEATURE_NAMES.index("centroid_iqr")
    assert sonic.vectors[0, middle] == pytest.approx(np.median(means), rel=1e-5)
    expected = np.subtract(*np.percentile(means, [75, 25]))
    assert sonic.vectors[0, spread] == pytest.approx(expected, rel=1e-4)


def test_sound_without_a_pulse_is_described_over_half_seconds():
    """Silence between two clicks has no steady pulse: pulses stand in for beats, and the reason is told."""
    signal = np.zeros(10 * SAMPLE_RATE, dtype=np.float32)
    signal[[30_000, 150_000]] = 0.9
    sonic = describe(signal)
    assert sonic.mode is Mode.BEAT
    assert "beats" in sonic.fallback
    assert np.isfinite(sonic.vectors).all()


def test_statistics_over_pulses_compare_with_those_over_beats(monkeypatch):
    """Where the beats of a piece are not believed, its vector stays near; over single frames it does not."""
    pieces = [audio_pieces.render(piece) for piece in audio_pieces.pieces(7, seconds=12.0, seed=3)]
    by_beat = np.stack([describe(signal).vectors[0] for signal in pieces])
    by_frame = np.stack([describe(signal, Mode.WINDOW).vectors[0] for signal in pieces])
    monkeypatch.setattr("etl.audio.sonic.MAX_IRREGULARITY", -1.0)
    fallen_back = [describe(signal) for signal in pieces]
    assert all(sonic.fallback for sonic in fallen_back)
    by_pulse = np.stack([sonic.vectors[0] for sonic in fallen_back])
    spread = by_beat.std(axis=0)
    spread[spread == 0] = np.inf
    to_pulse = np.sqrt((((by_pulse - by_beat) / spread) ** 2).mean(axis=1))
    to_frame = np.sqrt((((by_frame - by_beat) / spread) ** 2).mean(axis=1))
    assert np.median(to_pulse) < np.median(to_frame) / 2


def test_silence_is_described():
    """Digital silence gives a description without tempo and key."""
    sonic = describe(np.zeros(5 * SAMPLE_RATE, dtype=np.float32))
    assert sonic.mode is Mode.BEAT
    assert sonic.fallback == "no onsets"
    assert sonic.rhythm.bpm == 0
    assert sonic.energy.rms_db == pytest.approx(-100)
    assert np.isfinite(sonic.vectors).all()


@pytest.mark.parametrize("mode", list(Mode))
def test_dither_has_neither_key_nor_tempo(mode):
    """Noise of the last bit, which any converter leaves in silence, is silence."""
    dither = np.random.default_rng(8).integers(-1, 2, 6 * SAMPLE_RATE) / 32_768
    sonic = describe(dither.astype(np.float32), mode)
    assert (sonic.key.key, sonic.rhythm.bpm) == (NO_KEY, 0)
    assert sonic.energy.rms_db == pytest.approx(-92, abs=1)


@pytest.mark.parametrize(("level", "fits"), [(3e4, True), (1e5, True), (1e7, False), (1e30, False)])
def test_samples_far_beyond_full_scale_give_numbers_or_a_reason(level, fits):
    """Float files may hold whole numbers; what leaves the range of floats is refused, not stored as NaN."""
    noise = (np.random.default_rng(9).normal(0, 1, 3 * SAMPLE_RATE) * level).astype(np.float32)
    if fits:
        assert np.isfinite(describe(noise).vectors).all()
    else:
        with pytest.raises(DecodeError, match="times full scale"):
            describe(noise)


def test_level_of_a_long_quiet_recording_is_exact():
    """A sum over tens of millions of squares keeps its digits."""
    signal = np.full(30_000_000, 1e-3, dtype=np.float32)
    signal[:1000] = 1.0
    expected = 10 * np.log10((1000 + (len(signal) - 1000) * float(np.float32(1e-3)) ** 2) / len(signal))
    assert measure_energy(signal).rms_db == pytest.approx(expected, abs=1e-5)


def test_window_mode_on_demand_has_no_fallback(rock):
    """Asked for, window mode is no fallback, and still finds the tempo."""
    sonic = describe(rock, Mode.WINDOW)
    assert (sonic.mode, sonic.fallback) == (Mode.WINDOW, "")
    assert min(abs(sonic.rhythm.bpm / (126.3 * ratio) - 1) for ratio in (0.5, 1, 2)) < 0.01


def test_too_short_signals_are_refused():
    """Below a second there is nothing to describe."""
    with pytest.raises(DecodeError, match=r"shorter than 1 s \(0\.50 s\)"):
        describe(np.zeros(SAMPLE_RATE // 2, dtype=np.float32))


def test_windows_lie_at_start_middle_and_end():
    """Windows are 30 s, and the whole signal where it is shorter."""
    minute = 60 * SAMPLE_RATE
    third = 30 * SAMPLE_RATE
    assert window_bounds(2 * minute) == [
        (0, third),
        (minute - third // 2, minute + third // 2),
        (minute + third, 2 * minute),
    ]
    assert window_bounds(1000) == [(0, 1000)] * 3
