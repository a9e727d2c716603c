"""Frame features: each equals the plain librosa call."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from etl.audio.beats import mean_tempogram, rhythm, track_beats
from etl.audio.frames import ONSET_BANDS, Frames, analyse
from etl.audio.signal import SAMPLE_RATE
from etl.audio.spectral import BLOCK, spectra
from etl.sources.audio.decode import decode
from tests.support.plain_librosa import librosa

if TYPE_CHECKING:
    from collections.abc import Callable

F: Any = librosa.feature
SR = SAMPLE_RATE
PLAIN: dict[str, Callable[[Any], Any]] = {
    "mfcc": lambda y: F.mfcc(y=y, sr=SR, n_mfcc=20),
    "chroma_stft": lambda y: F.chroma_stft(y=y, sr=SR),
    "contrast": lambda y: F.spectral_contrast(y=y, sr=SR),
    "centroid": lambda y: F.spectral_centroid(y=y, sr=SR),
    "bandwidth": lambda y: F.spectral_bandwidth(y=y, sr=SR),
    "rolloff": lambda y: F.spectral_rolloff(y=y, sr=SR),
    "flatness": lambda y: F.spectral_flatness(y=y),
    "rms": lambda y: F.rms(y=y),
    "zero_crossing_rate": lambda y: F.zero_crossing_rate(y=y),
    "onset": lambda y: librosa.onset.onset_strength(y=y, sr=SR),
    "onset_median": lambda y: librosa.onset.onset_strength(y=y, sr=SR, aggregate=np.median),
}


def assert_relative(ours: Any, plain: Any, tolerance: float) -> None:
    """Compare rows of ours with columns of librosa's, relative to the largest value."""
    plain = np.atleast_2d(plain).T
    ours = ours if ours.ndim == 2 else ours[:, np.newaxis]
    assert ours.shape == plain.shape
    assert np.abs(ours - plain).max() <= tolerance * max(np.abs(plain).max(), 1e-30)


@pytest.fixture(scope="module")
def analysed(rock) -> Frames:
    """Give the features of the piece."""
    return analyse(rock)


@pytest.mark.parametrize("name", PLAIN)
def test_feature_equals_plain_librosa(rock, analysed, name):
    """Every spectral, cepstral and temporal feature is within 1e-5 of the plain call."""
    assert_relative(getattr(analysed, name), PLAIN[name](rock), 1e-5)


@pytest.mark.parametrize("name", ["chroma_stft", "centroid", "rms", "rolloff", "zero_crossing_rate"])
def test_feature_equals_plain_librosa_in_every_frame(rock, analysed, name):
    """The features that are no sums of logarithms agree frame by frame, not only against the largest."""
    plain = np.atleast_2d(PLAIN[name](rock)).T
    ours = getattr(analysed, name).reshape(plain.shape)
    np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-7)


def test_constant_q_chroma_and_tonnetz_equal_plain_librosa(rock, analysed):
    """The constant-Q features are within 1e-4 in every frame, those of near silence too."""
    assert_relative(analysed.chroma_cqt, F.chroma_cqt(y=rock, sr=SR), 1e-4)
    assert_relative(analysed.tonnetz, F.tonnetz(y=rock, sr=SR), 1e-4)


def test_beats_and_tempo_are_librosas(rock, analysed):
    """Before refinement, tempo and beats are exactly those of the plain call."""
    tempo, beats = librosa.beat.beat_track(y=rock, sr=SR)
    ours, our_beats = track_beats(analysed.onset_median)
    assert ours == np.atleast_1d(tempo)[0]
    np.testing.assert_array_equal(our_beats, beats)


def test_mean_tempogram_equals_the_mean_of_librosas(analysed):
    """Averaging before the inverse transform gives the mean of librosa's tempogram."""
    envelope = analysed.onset_median
    window = int(librosa.time_to_frames(8.0, sr=SR, hop_length=512))
    plain = F.tempogram(onset_envelope=envelope, sr=SR, win_length=window).mean(axis=1)
    np.testing.assert_allclose(mean_tempogram(envelope), plain, atol=1e-9)


def test_real_recordings_equal_plain_librosa(recordings):
    """The same holds for real recordings, with their silences and fades."""
    for path in recordings[:2]:
        signal = decode(path).signal[: 40 * SR]
        frames = analyse(signal)
        for name, plain in PLAIN.items():
            assert_relative(getattr(frames, name), plain(signal), 1e-5)
        assert_relative(frames.chroma_cqt, F.chroma_cqt(y=signal, sr=SR), 1e-4)
        np.testing.assert_array_equal(
            track_beats(frames.onset_median)[1], librosa.beat.beat_track(y=signal, sr=SR)[1]
        )


def test_onset_bands_add_up_to_the_onset_strength(analysed):
    """The four bands hold every mel band once."""
    shares = np.diff(ONSET_BANDS) / ONSET_BANDS[-1]
    np.testing.assert_allclose(shares @ analysed.onset_bands, analysed.onset, atol=1e-4)


@pytest.mark.parametrize("n", [22_050, 22_051, 23_040, 100_001])
def test_any_length_gives_librosas_number_of_frames(n):
    """Frame counts and edge frames are right at lengths on and off the hop."""
    signal = np.random.default_rng(n).normal(0, 0.1, n).astype(np.float32)
    frames = analyse(signal)
    for name in ("rms", "zero_crossing_rate", "centroid", "mfcc"):
        assert_relative(getattr(frames, name), PLAIN[name](signal), 1e-5)


def test_silence_and_constants_stay_finite():
    """Digital silence and a constant give finite features and no beats."""
    for level in (0.0, 0.25):
        frames = analyse(np.full(3 * SR, level, dtype=np.float32))
        assert all(np.isfinite(values).all() for values in frames)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silence = np.zeros((5, 200), dtype=np.float32)
        assert rhythm(silence[0], silence[1:], np.zeros((200, 12), dtype=np.float32)).bpm == 0.0


def test_long_tracks_have_the_same_chroma(rock, analysed):
    """Power spectra that are not kept are computed again, to the same chroma."""
    features, _, _ = spectra(rock, kept_frames=2 * BLOCK)
    np.testing.assert_allclose(features.chroma, analysed.chroma_stft, atol=1e-6)
