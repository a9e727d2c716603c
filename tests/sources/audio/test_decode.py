"""Decoding: one mono signal at 22,050 Hz from anything, or a reason."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile as sf

from etl.audio.features import Mode
from etl.audio.signal import SAMPLE_RATE, DecodeError
from etl.audio.sonic import window_bounds
from etl.sources.audio import decode as module
from etl.sources.audio.decode import decode
from etl.sources.audio.streams import by_ffmpeg, by_libsndfile
from tests.support.audio_files import encode
from tests.support.plain_librosa import librosa

if TYPE_CHECKING:
    from pathlib import Path


def stereo(seconds: float = 3.0, rate: int = 44_100) -> Any:
    """Give two different channels of tones and noise."""
    rng = np.random.default_rng(3)
    time = np.arange(int(seconds * rate)) / rate
    left = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.1 * rng.normal(size=len(time))
    right = 0.3 * np.sin(2 * np.pi * 3000 * time)
    return np.clip(np.column_stack([left, right]), -0.99, 0.99).astype(np.float32)


def decoded_by(opener: Any, path: Path) -> Any:
    """Give the signal that one of the libraries makes of a file."""
    attempt = module._Attempt(path, opener, (), 60.0)
    signal = module._Signal(60.0)
    attempt.run(signal)
    assert not attempt.problem
    return signal.samples()


@pytest.mark.filterwarnings("ignore:.*slated for removal:DeprecationWarning")  # librosa's audioread
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_both_decoders_agree_with_librosa(tmp_path, rate, subtype):
    """Libsndfile and FFmpeg give the samples of librosa.load to 2e-5, at any rate."""
    path = tmp_path / "tone.flac"
    sf.write(path, stereo(rate=rate), rate, subtype=subtype)
    expected, _ = librosa.load(path, sr=SAMPLE_RATE)
    for signal in (decoded_by(by_libsndfile, path), decoded_by(by_ffmpeg, path), decode(path).signal):
        assert signal.dtype == np.float32
        assert len(signal) == len(expected)
        assert np.abs(signal - expected).max() <= 2e-5


def test_mp3_decoders_agree(tmp_path):
    """The two MP3 decoders give the same samples to 2e-5, without the encoder's delay."""
    path = tmp_path / "tone.mp3"
    sf.write(path, stereo(), 44_100)
    ours, theirs = decode(path).signal, decoded_by(by_libsndfile, path)
    assert len(ours) == len(theirs)
    assert np.abs(ours - theirs).max() <= 2e-5


@pytest.mark.parametrize(("suffix", "codec"), [("m4a", "aac"), ("m4a", "alac"), ("wma", "wmav2")])
def test_formats_beyond_libsndfile_decode(tmp_path, suffix, codec):
    """AAC, ALAC and WMA decode to the signal that went in."""
    samples = stereo()
    signal = decode(encode(tmp_path / f"tone.{suffix}", samples.T, 44_100, codec)).signal
    expected = librosa.resample(samples.mean(axis=1), orig_sr=44_100, target_sr=SAMPLE_RATE)
    assert abs(len(signal) - len(expected)) < 0.1 * SAMPLE_RATE
    spectra = [np.abs(np.fft.rfft(s[:60_000])) for s in (signal, expected)]
    assert np.argmax(spectra[0]) == np.argmax(spectra[1])


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"RIFF\x24\0\0\0WAVEfmt ", b"ID3\x04\0\0\0\0\0\0", b"<html>not audio</html>" * 50],
    ids=["empty", "zero", "cut wav", "bare tag", "text"],
)
def test_broken_files_give_a_reason(tmp_path, content):
    """What is no audio raises DecodeError with words, whatever its extension."""
    path = tmp_path / "broken.mp3"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=r"\w"):
        decode(path)


def test_headers_without_samples_are_refused(tmp_path):
    """A valid file of no samples is refused."""
    path = tmp_path / "empty.wav"
    sf.write(path, np.empty((0, 1), dtype=np.float32), 44_100)
    with pytest.raises(DecodeError, match="no audio samples"):
        decode(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_silence(tmp_path, wrong):
    """One NaN or infinity in a float file costs that sample and is counted, not the track."""
    samples = stereo()
    sound_samples = samples.copy()
    samples[1000, 0], sound_samples[1000, 0] = wrong, 0.0
    for name, values in (("wrong", samples), ("sound", sound_samples)):
        sf.write(tmp_path / f"{name}.wav", values, 44_100, subtype="FLOAT")
    found = decode(tmp_path / "wrong.wav")
    assert found.not_finite == 1 / samples.size
    np.testing.assert_array_equal(found.signal, decode(tmp_path / "sound.wav").signal)


def test_hardly_any_number_is_refused(tmp_path):
    """A file of which more than one sample in a hundred is no number has no description."""
    samples = stereo()
    samples[::50] = np.nan
    path = tmp_path / "nan.wav"
    sf.write(path, samples, 44_100, subtype="FLOAT")
    with pytest.raises(DecodeError, match="2% of the samples are not finite"):
        decode(path)


def test_length_limit_counts_samples_not_headers(tmp_path):
    """A recording beyond the limit is refused while decoding."""
    path = tmp_path / "long.wav"
    sf.write(path, stereo(3.0), 44_100)
    assert len(decode(path, max_seconds=3.0).signal) == 3 * SAMPLE_RATE
    with pytest.raises(DecodeError, match="longer than"):
        decode(path, max_seconds=2.9)


def test_windows_are_taken_from_what_is_longer_than_the_limit(tmp_path):
    """Beyond the limit, windows get the first, middle and last 30 s of the whole, and its length."""
    path = tmp_path / "long.flac"
    sf.write(path, stereo(200.0), 44_100)
    whole, ends = decode(path), decode(path, mode=Mode.WINDOW, max_seconds=190.0)
    expected = [whole.signal[start:stop] for start, stop in window_bounds(len(whole.signal))]
    assert ends.seconds == whole.seconds == 200.0
    np.testing.assert_array_equal(ends.signal, np.concatenate(expected))
    np.testing.assert_array_equal(decode(path, mode=Mode.WINDOW).signal, whole.signal)


def test_a_rate_of_one_hertz_is_refused_before_it_fills_the_memory(tmp_path):
    """A few seconds that claim to last a day are too long, known before anything is resampled."""
    path = tmp_path / "slow.wav"
    sf.write(path, np.zeros(100_000, dtype=np.float32), 1)
    tracemalloc.start()
    with pytest.raises(DecodeError, match="longer than"):
        decode(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000


def test_odd_files_decode_or_say_why(odd_files):
    """Every odd file of the collection gives a finite signal or a reason."""
    signals = []
    for path in odd_files:
        with contextlib.suppress(DecodeError):
            signals.append(decode(path).signal)
    assert len(signals) >= 150
    assert all(np.isfinite(signal).all() for signal in signals)
