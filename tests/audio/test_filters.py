"""Filters and beats of our own against librosa's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from etl.audio.beat_path import beat_path
from etl.audio.filters import chroma_filters, hann, mel_filters, wavelets, without_faint
from etl.audio.frames import tonnetz
from etl.audio.signal import SAMPLE_RATE as SR
from tests.support.plain_librosa import librosa

TUNINGS = [-0.5, -0.37, 0.0, 0.01, 0.49]


@pytest.mark.parametrize("count", [2, 3, 100, 384, 2048, 9999])
def test_windows_are_scipys(count):
    """Every sample, to the bit."""
    np.testing.assert_array_equal(hann(count), scipy.signal.get_window("hann", count))


def test_mel_filters_are_librosas():
    """Every weight, to the bit."""
    np.testing.assert_array_equal(
        mel_filters(SR, 2048, 128), librosa.filters.mel(sr=SR, n_fft=2048, n_mels=128)
    )


@pytest.mark.parametrize("tuning", TUNINGS)
def test_chroma_filters_are_librosas(tuning):
    """Every weight, to the bit."""
    np.testing.assert_array_equal(
        chroma_filters(SR, 2048, tuning), librosa.filters.chroma(sr=SR, n_fft=2048, tuning=tuning)
    )


@pytest.mark.parametrize("tuning", TUNINGS)
def test_wavelets_and_what_is_kept_of_them_are_librosas(tuning):
    """Every filter of an octave, to the bit, before and after the faint parts are dropped."""
    frequencies = librosa.cqt_frequencies(36, fmin=2093.0 * 2 ** (tuning / 36), bins_per_octave=36)
    bandwidth = 0.02
    filters, lengths = wavelets(frequencies, SR, bandwidth)
    expected, expected_lengths = librosa.filters.wavelet(
        freqs=frequencies,
        sr=SR,
        alpha=np.full(36, bandwidth),
    )
    np.testing.assert_array_equal(filters, expected)
    np.testing.assert_array_equal(lengths, expected_lengths)
    spectra = np.fft.fft(filters, axis=1).astype(np.complex64)
    np.testing.assert_array_equal(
        without_faint(spectra, 0.01), librosa.util.sparsify_rows(spectra, quantile=0.01).toarray()
    )


@pytest.mark.parametrize("density", [0.02, 0.2, 1.0])
def test_beats_at_a_tempo_are_librosas(density):
    """Random onsets of any length, most of them short, sparse and dense, at tempi from 40 to 300."""
    random = np.random.default_rng(7)
    for frames in [3, 10, 47, *np.geomspace(3, 2500, 40).astype(int)]:
        envelope = np.maximum(0, random.normal(0, 1, frames)) * (random.random(frames) < density)
        envelope[random.integers(frames)] = 1.0
        bpm = random.uniform(40, 300)
        try:
            _, expected = librosa.beat.beat_track(onset_envelope=envelope.astype(np.float32), sr=SR, bpm=bpm)
        except (
            IndexError
        ):  # it drops all beats and then leaves the array, which its compiled code does not see
            expected = np.array([], np.int64)
        found = beat_path(envelope.astype(np.float32), round(SR / 512 * 60 / bpm))
        np.testing.assert_array_equal(found, expected)


def test_tonnetz_is_librosas():
    """Within the rounding of float32, silent frames too."""
    chroma = np.random.default_rng(2).random((300, 12)).astype(np.float32)
    chroma[5] = 0
    np.testing.assert_allclose(tonnetz(chroma), librosa.feature.tonnetz(chroma=chroma.T, sr=1).T, atol=1e-7)
