"""What the samples of a recording show of it, against counts made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from etl.audio.integrity import CLIPPED_SHARE, OPPOSITE_DB, Inspection, Integrity
from etl.sources.audio.streams import by_ffmpeg
from tests.support.audio_files import encode

if TYPE_CHECKING:
    from pathlib import Path

RATE = 44_100


def heard(samples: Any, *, rate: int = RATE, block: int = 65_536) -> Integrity:
    """Tell of samples, (channels, n), that come in blocks."""
    inspection = Inspection()
    for first in range(0, samples.shape[1], block):
        inspection.hear(np.ascontiguousarray(samples[:, first : first + block], dtype=np.float32), rate)
    return inspection.result()


def noise(seconds: float = 8.0, channels: int = 2, seed: int = 2) -> Any:
    """Give unrelated noise for each channel, far below full scale."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.1, (channels, int(seconds * RATE))).clip(-0.9, 0.9).astype(np.float32)


def test_sound_noise_has_no_fault():
    """Noise is not silent, not clipped, not cut off, and its channels are unrelated."""
    found = heard(noise())
    assert (found.silent_share, found.clipped_share, found.cutoff_hz) == (0.0, 0.0, None)
    assert found.mono_db == pytest.approx(-3.0, abs=0.1)


def test_silence_is_measured_in_time():
    """A quarter of digital silence, and a quarter of noise at -80 dB, are half of the time."""
    samples = noise(channels=1)
    quarter = samples.shape[1] // 4 // 1024 * 1024
    samples[:, :quarter] = 0.0
    samples[:, quarter : 2 * quarter] *= 1e-4
    assert heard(samples).silent_share == 2 * quarter / samples.shape[1]
    assert heard(samples[:, : 2 * quarter]) == (1.0, 0.0, None, None)


def test_only_runs_at_full_scale_are_clipped():
    """Three samples at full scale count; two, or three below it, do not; each channel for itself."""
    samples = noise()
    samples[0, 100:103] = 32_767 / 32_768
    samples[1, 500:510] = -1.0
    samples[1, 900:905] = 1.7  # as a lossy decoder gives it
    samples[0, 2000:2002] = 1.0
    samples[0, 3000:3003] = 0.98
    assert heard(samples).clipped_share == pytest.approx((3 + 10 + 5) / samples.size, rel=1e-12)
    assert heard(np.clip(20 * noise(), -1, 1)).clipped_share > CLIPPED_SHARE


@pytest.mark.parametrize("block", [1, 333, 4096, 65_536])
def test_it_does_not_matter_how_blocks_are_divided(block):
    """Silence, clipping and level are the same from blocks of any size."""
    samples = np.clip(12 * noise(0.3), -1, 1)
    samples[:, 2000:9000] = 0.0
    found, expected = heard(samples, block=block), heard(samples, block=1 << 20)
    assert found[:2] == expected[:2]
    assert found.mono_db == pytest.approx(expected.mono_db, abs=1e-6)


@pytest.mark.parametrize(
    ("right", "expected"), [(1.0, 0.0), (0.0, -3.01), (-1.0, -120.0), (-0.9, -25.6), (-0.5, -10.0)]
)
def test_level_of_the_down_mix(right, expected):
    """Equal channels lose nothing, one alone 3 dB, opposite ones all."""
    left = noise(channels=1)[0]
    found = heard(np.stack([left, np.float32(right) * left]))
    assert found.mono_db == pytest.approx(expected, abs=0.1)
    assert (expected <= OPPOSITE_DB) is (right <= -0.9)


@pytest.mark.parametrize(
    ("codec", "ending", "bit_rate", "expected"),
    [
        ("libmp3lame", "mp3", 128_000, 16_500), ("libmp3lame", "mp3", 192_000, 18_600),
        ("aac", "m4a", 128_000, 17_000), ("libmp3lame", "mp3", 64_000, 10_000),
    ],
)  # fmt: skip
def test_the_filter_of_an_encoder_is_found(tmp_path, codec, ending, bit_rate, expected):
    """Noise is cut off where the encoder cuts it, to 6 %; the lowest rate begins to leave out bands below."""
    path: Path = encode(tmp_path / f"coded.{ending}", noise(), RATE, codec, bit_rate=bit_rate)
    coded = np.concatenate([samples for _, samples in by_ffmpeg(path).blocks], axis=1)
    found = heard(np.round(coded * 32_768) / 32_768)
    assert found.cutoff_hz == pytest.approx(expected, rel=0.06 if expected > 12_000 else 0.15)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 96_000])
def test_dull_is_not_cut_off(rate):
    """Sound that falls by 6 or 18 dB an octave, and single partials, are not cut off; nor is a low rate."""
    white = noise(seconds=8.0 * rate / RATE)
    spectrum, frequencies = np.fft.rfft(white), np.fft.rfftfreq(white.shape[1], 1 / rate)
    for order in (1, 3):
        dull = np.fft.irfft(spectrum / (1 + (frequencies / 3000) ** order), white.shape[1])
        assert heard(dull, rate=rate).cutoff_hz is None
    time = np.arange(white.shape[1]) / rate
    partials = sum(np.sin(2 * np.pi * 440 * k * time) / k for k in range(1, 1 + min(30, rate // 880)))
    assert heard(0.1 * partials[np.newaxis], rate=rate).cutoff_hz is None
