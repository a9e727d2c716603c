"""Beats and tempo: librosa's tracker, guided to the right level by a comb filter, refined by regression.

librosa takes its tempo from the best single lag of the autocorrelation, which is coarse (117.5 and then 123.0
beats per minute) and easily caught by a dotted rhythm. A comb over eight beats asks instead which period
*keeps* fitting. The tracker then runs at that tempo, and a straight line through its beats gives the last
digits.

References
----------
.. [1] Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.
.. [2] Scheirer, "Tempo and beat analysis of acoustic musical signals", JASA 103(1), 1998: comb filters.
.. [3] Grosche, Müller and Kurth, "Cyclic tempogram: a mid-level tempo representation for music signals",
   ICASSP 2010.
.. [4] Lartillot et al., "Multi-feature modeling of pulse clarity", ISMIR 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal

from etl.audio.beat_path import beat_path
from etl.audio.signal import SAMPLE_RATE
from etl.audio.spectral import HOP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FRAME_RATE: Final = SAMPLE_RATE / HOP
"""Frames per second, 43.07."""

_WINDOW: Final = int(8 * SAMPLE_RATE // HOP)
"""Frames of the tempogram: eight seconds."""

_BLOCK: Final = 2048

_TEMPI: Final = np.geomspace(40.0, 240.0, 2000)
"""Beats per minute that the comb tries, 0.09 % apart."""

_TEETH: Final = np.arange(1, 9)

# Of the autocorrelation only the part that many beats still support counts, and two teeth at the least must
# fit into it: a signal in which those of 60 beats per minute do not, below 2.7 s, has no tempo.
_SUPPORTED: Final = 0.75
_MIN_TEETH: Final = 2
_MIN_FRAMES: Final = int(_MIN_TEETH * FRAME_RATE / _SUPPORTED) + 1
_PRIOR_BPM: Final = 120.0
_PRIOR_OCTAVES: Final = 1.0
_MAX_BPM: Final = 320.0

# The regression may correct the comb by the comb's own error; beyond it the tracker has slipped.
_TRUST: Final = 0.01
_MIN_BEATS: Final = 8


class Rhythm(NamedTuple):
    """Tempo and beats of a signal."""

    bpm: float
    """Beats per minute; 0 if there is no pulse, or too little of it."""
    confidence: float
    """Pulse clarity, 0 to 1: mean autocorrelation of the onset strength at one to eight beats, or as many as
    fit [4]_."""
    half: float
    """The same for half the tempo."""
    double: float
    """The same for twice the tempo."""
    beats: NDArray[np.int64]
    """Frame numbers, ascending."""
    irregularity: float
    """Interquartile range over median of the time between beats; infinite with fewer than eight beats."""
    support: float
    """Share of the beats, 0 to 1, within two frames of any onset at all."""
    tracker_bpm: float
    """What ``librosa.beat.beat_track`` reports."""


NO_RHYTHM: Final = Rhythm(0.0, 0.0, 0.0, 0.0, np.empty(0, dtype=np.int64), float("inf"), 0.0, 0.0)
"""Of silence."""


def rhythm(envelope: Floats) -> Rhythm:
    """Find tempo and beats.

    Parameters
    ----------
    envelope
        Onset strength by median, shape (frames,).

    Returns
    -------
    Rhythm
        The tempo level with the strongest comb under librosa's own prior (120 beats per minute, one octave).
    """
    tracked, beats = track_beats(envelope)
    if not tracked or len(envelope) < _MIN_FRAMES:
        return NO_RHYTHM._replace(beats=beats, tracker_bpm=tracked)
    correlation = _autocorrelation(envelope)
    salience = _comb(correlation, _TEMPI)
    prior = -0.5 * (np.log2(_TEMPI / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2
    bpm = float(_TEMPI[np.argmax(np.log(np.maximum(salience, 1e-3)) + prior)])
    beats = beat_path(envelope, _frames_per_beat(bpm))
    bpm = _refined(beats, bpm)
    own, half, double = np.clip(_comb(correlation, np.array([bpm, bpm / 2, bpm * 2])), 0.0, 1.0)
    support = float((scipy.ndimage.maximum_filter1d(envelope, 5)[beats] > 0).mean()) if len(beats) else 0.0
    return Rhythm(bpm, float(own), float(half), float(double), beats, _irregularity(beats), support, tracked)


def _autocorrelation(envelope: Floats) -> NDArray[np.float64]:
    """Unbiased autocorrelation coefficients of the whole envelope."""
    centred = envelope - envelope.mean(dtype=np.float64)
    n = len(centred)
    spectrum = scipy.fft.rfft(centred, n=scipy.fft.next_fast_len(2 * n, real=True))
    sums = scipy.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:n]
    unbiased = sums / np.arange(n, 0, -1)
    coefficients: NDArray[np.float64] = unbiased / max(unbiased[0], np.finfo(np.float64).tiny)
    return coefficients


def _comb(correlation: NDArray[np.float64], tempi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean autocorrelation at one to eight beats of each tempo, as many as fit; -1 to 1."""
    lags = np.outer(60.0 * FRAME_RATE / tempi, _TEETH)
    fits = lags < _SUPPORTED * len(correlation)
    counts = fits.sum(axis=1)
    values = np.interp(lags, np.arange(len(correlation)), correlation)
    means: NDArray[np.float64] = (values * fits).sum(axis=1) / np.maximum(counts, 1)
    means[counts < _MIN_TEETH] = -1.0
    return means


def _refined(beats: NDArray[np.int64], bpm: float) -> float:
    """Tempo by a straight line through the beats that do not stray; ``bpm`` if it disagrees with them."""
    if len(beats) < _MIN_BEATS:
        return bpm
    steps = np.maximum(np.round(np.diff(beats) * bpm / (60.0 * FRAME_RATE)), 1)
    numbers = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.ones(len(beats), dtype=bool)
    slope = 0.0
    for _ in range(6):
        slope, offset = np.polyfit(numbers[kept], beats[kept], 1)
        residuals = np.abs(beats - offset - slope * numbers)
        kept = residuals <= max(3.0 * float(np.median(residuals)), 1.5)
    fitted = float(60.0 * FRAME_RATE / slope)
    return fitted if abs(fitted / bpm - 1.0) < _TRUST else bpm


def _irregularity(beats: NDArray[np.int64]) -> float:
    if len(beats) < _MIN_BEATS:
        return float("inf")
    lower, middle, upper = np.quantile(np.diff(beats), [0.25, 0.5, 0.75])
    return float((upper - lower) / middle)


def track_beats(envelope: Floats) -> tuple[float, NDArray[np.int64]]:
    """Track beats exactly as ``librosa.beat.beat_track`` does [1]_.

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
    tempo = _likeliest_lag(tempogram)
    return tempo, beat_path(envelope, _frames_per_beat(tempo))


def _likeliest_lag(tempogram: NDArray[np.float64]) -> float:
    """Give the tempo of the lag that is strongest under the prior; below 320 beats per minute."""
    tempi = 60.0 * SAMPLE_RATE / (HOP * np.arange(1.0, len(tempogram)))
    prior = -0.5 * ((np.log2(tempi) - np.log2(_PRIOR_BPM)) / _PRIOR_OCTAVES) ** 2
    prior[tempi >= _MAX_BPM] = -np.inf
    return float(tempi[np.argmax(np.log1p(1e6 * tempogram[1:]) + prior)])


def _frames_per_beat(bpm: float) -> int:
    return int(np.round(FRAME_RATE * 60.0 / bpm))


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
        Shape (344,), by lag in frames [3]_.
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
