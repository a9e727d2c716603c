"""Beats and tempo: librosa's tracker, then a tempo refined by regression over the beats.

References
----------
.. [1] Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.
.. [2] Grosche, Müller and Kurth, "Cyclic tempogram: a mid-level tempo representation for music signals",
   ICASSP 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import librosa
import numpy as np
import scipy.fft
import scipy.signal

from etl.audio.decode import SAMPLE_RATE
from etl.audio.spectral import HOP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FRAME_RATE: Final = SAMPLE_RATE / HOP
"""Frames per second, 43.07."""

_WINDOW: Final = int(8 * SAMPLE_RATE // HOP)
"""Frames of the tempogram: eight seconds."""

_BLOCK: Final = 2048


def track_beats(envelope: Floats) -> tuple[float, NDArray[np.int64]]:
    """Track beats exactly as ``librosa.beat.beat_track`` does.

    Parameters
    ----------
    envelope
        Onset strength by median, shape (frames,).

    Returns
    -------
    tempo : float
        Beats per minute of the tempo prior's winner; 0 without onsets.
    beats : ndarray
        Frame numbers, ascending.
    """
    if not envelope.any():
        return 0.0, np.empty(0, dtype=np.int64)
    tempogram = mean_tempogram(envelope)
    (tempo,) = librosa.feature.tempo(tg=tempogram[:, np.newaxis], sr=SAMPLE_RATE, hop_length=HOP, aggregate=None)
    _, beats = librosa.beat.beat_track(onset_envelope=envelope, sr=SAMPLE_RATE, hop_length=HOP, bpm=tempo)
    return float(tempo), beats


def mean_tempogram(envelope: Floats) -> NDArray[np.float64]:
    """Mean over all frames of the local autocorrelation of the onset strength, each frame's largest value 1.

    The largest value of an autocorrelation is its energy, so dividing each power spectrum by it lets the mean
    be taken before the one inverse transform: the (384, frames) matrix never exists.

    Parameters
    ----------
    envelope
        Onset strength, shape (frames,).

    Returns
    -------
    ndarray
        Shape (344,), by lag in frames.
    """
    window = scipy.signal.get_window("hann", _WINDOW)
    n_fft = scipy.fft.next_fast_len(2 * _WINDOW - 1, real=True)
    padded = np.pad(envelope, _WINDOW // 2, mode="linear_ramp", end_values=0)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: len(envelope)]
    total = np.zeros(n_fft // 2 + 1)
    for start in range(0, len(frames), _BLOCK):
        local = frames[start : start + _BLOCK] * window
        energy = np.einsum("ij,ij->i", local, local)
        energy[energy < np.finfo(np.float64).tiny] = 1.0
        spectra = scipy.fft.rfft(local, n=n_fft, axis=1)
        total += (1.0 / energy) @ (spectra.real**2 + spectra.imag**2)
    mean: NDArray[np.float64] = scipy.fft.irfft(total / len(frames), n=n_fft)[:_WINDOW]
    return mean
