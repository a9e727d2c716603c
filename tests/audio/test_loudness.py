"""Loudness against FFmpeg's ebur128, true peaks against band-limited interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soxr

from etl.audio.loudness import SILENCE_LUFS, LoudnessMeter, measure_loudness
from tests.support.audio_pieces import compose, render
from tests.support.ffmpeg_loudness import ffmpeg_loudness

RATES = (8_000, 11_025, 22_050, 44_100, 48_000, 96_000)


@pytest.fixture(scope="module")
def music():
    """Render 25 s of rock, mono at 22,050 Hz."""
    return render(compose("rock", 126.3, 9, minor=True, seconds=25.0, seed=5))


def at_rate(signal, rate):
    """Resample a signal, which may then overshoot full scale."""
    return signal if rate == 22_050 else soxr.resample(signal, 22_050, rate).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_loudness_of_music_is_that_of_ffmpeg(music, rate):
    """Integrated loudness and range agree within 0.1 LU, the true peak within 0.1 dB, at every rate."""
    left = at_rate(music, rate)
    swell = np.linspace(0.05, 1.0, len(left), dtype=np.float32)
    samples = np.stack([left * swell, 0.5 * left * swell], axis=1)
    ours, theirs = measure_loudness(samples.T, rate), ffmpeg_loudness(samples, rate)
    assert ours.integrated_lufs == pytest.approx(theirs.integrated_lufs, abs=0.1)
    assert ours.range_lu == pytest.approx(theirs.range_lu, abs=0.1)
    assert ours.true_peak_dbtp == pytest.approx(theirs.true_peak_dbtp, abs=0.1)


@pytest.mark.parametrize("seed", range(12))
def test_loudness_of_noises_and_pauses_is_that_of_ffmpeg(seed):
    """Colored noise of any level, with pauses, clicks and faint channels, agrees within 0.1 LU."""
    rng = np.random.default_rng(seed)
    rate = int(rng.choice(RATES))
    count = rate * int(rng.integers(5, 20))
    levels = np.repeat(10 ** rng.uniform(-4, -0.5, 10), count // 10 + 1)[:count] * (rng.random(count) < 0.99)
    samples = (rng.normal(0, 1, (count, 2)) * levels[:, None] * [1, rng.random()]).astype(np.float32)
    samples = np.cumsum(samples, axis=0) * 0.05 if seed % 3 == 0 else samples
    ours, theirs = measure_loudness(samples.T.astype(np.float32), rate), ffmpeg_loudness(samples, rate)
    assert ours.integrated_lufs == pytest.approx(theirs.integrated_lufs, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 6, 8])
def test_channels_weigh_as_in_ffmpeg(channels):
    """Surround channels count more, low-frequency effects not at all, one channel not as two."""
    samples = np.random.default_rng(channels).normal(0, 0.1, (5 * 48_000, channels)).astype(np.float32)
    samples[:, channels - 1] *= 3.0
    samples[:, channels // 2] *= 2.0
    ours, theirs = measure_loudness(samples.T, 48_000), ffmpeg_loudness(samples, 48_000)
    assert ours.integrated_lufs == pytest.approx(theirs.integrated_lufs, abs=0.1)


def test_a_pair_that_cancels_is_as_loud_as_one_that_does_not(music):
    """Opposite phase is silence in mono, not in loudness."""
    opposite = measure_loudness(np.stack([music, -music]), 22_050)
    alike = measure_loudness(np.stack([music, music]), 22_050)
    assert opposite.integrated_lufs == pytest.approx(alike.integrated_lufs)


def test_true_peak_lies_between_the_samples():
    """A tone at a quarter of the rate, sampled beside its tops, peaks 3 dB above its samples."""
    tone = 0.5 * np.sin(np.pi / 2 * np.arange(48_000) + np.pi / 4) * np.hanning(48_000)
    found = measure_loudness(tone.astype(np.float32)[None], 48_000)
    assert 20 * np.log10(np.abs(tone).max()) == pytest.approx(-9.03, abs=0.01)
    assert found.true_peak_dbtp == pytest.approx(-6.02, abs=0.05)


@pytest.mark.parametrize("style", ["house", "swing", "waltz"])
def test_true_peak_of_music_is_that_of_sixteen_points_a_sample(style):
    """Within 0.15 dB of the largest point of the band-limited waveform."""
    signal = render(compose(style, 110.0, 3, minor=False, seconds=8.0, seed=2))[: 1 << 17]  # a fast length
    reference = np.abs(scipy.signal.resample(signal, 16 * len(signal))).max()
    found = measure_loudness(signal[None], 22_050).true_peak_dbtp
    assert found == pytest.approx(20 * np.log10(reference), abs=0.15)


@pytest.mark.parametrize("rate", [11_025, 44_100])
def test_pieces_of_any_length_give_the_same(music, rate):
    """How the samples come makes no difference."""
    samples = np.stack([at_rate(music, rate), 0.3 * at_rate(music, rate)])
    whole = measure_loudness(samples, rate)
    meter = LoudnessMeter()
    rng = np.random.default_rng(1)
    start = 0
    while start < samples.shape[1]:
        stop = start + int(rng.choice([0, 1, 7, 1102, 1103, 65_536]))
        meter.hear(samples[:, start:stop], rate)
        start = stop
    pieces = meter.result()
    assert pieces.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-9)
    assert pieces.true_peak_dbtp == whole.true_peak_dbtp
    assert pieces.range_lu == pytest.approx(whole.range_lu, abs=1e-9)
    np.testing.assert_array_equal(pieces.momentary, whole.momentary)


def test_a_rate_that_changes_inside_is_measured_on(music):
    """A chained stream of two rates is as loud as its parts, and peaks as the louder one."""
    meter = LoudnessMeter()
    meter.hear(music[None], 22_050)
    other = 0.5 * at_rate(music, 44_100)
    meter.hear(np.stack([other, other]), 44_100)
    both, first = meter.result(), measure_loudness(music[None], 22_050)
    second = measure_loudness(np.stack([other, other]), 44_100)
    levels = [each.integrated_lufs or 0.0 for each in (second, both, first)]
    assert levels == sorted(levels)
    assert both.true_peak_dbtp == pytest.approx(first.true_peak_dbtp)
    assert both.momentary.sum() == pytest.approx(first.momentary.sum() + second.momentary.sum(), abs=4)


@pytest.mark.parametrize("count", [0, 1, 8_000])
def test_silence_and_short_sounds_have_no_loudness(count):
    """Nothing reaches -70 LUFS: no number, no range, the peak of digital silence."""
    found = measure_loudness(np.zeros((2, count), dtype=np.float32), 22_050)
    assert found.integrated_lufs is None
    assert (found.range_lu, found.true_peak_dbtp) == pytest.approx((0.0, -100.0))
    assert not found.momentary.size


def test_counts_hold_the_loudness(music):
    """Each audible block is counted at its loudness."""
    found = measure_loudness(music[None], 22_050)
    lufs = SILENCE_LUFS + 0.1 * (np.arange(len(found.momentary)) + 0.5)
    energy = np.average(10 ** (lufs / 10), weights=found.momentary)
    assert 10 * np.log10(energy) == pytest.approx(found.integrated_lufs, abs=1.0)
    assert measure_loudness(music[None, : 4 * 22_050], 22_050).momentary.sum() == 37
