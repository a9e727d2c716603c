"""Filters of the spectral features, by numpy alone: mel bands, pitch classes, constant-Q wavelets.

Each is bit by bit that of librosa 0.11, which compiles two dozen functions when it is first imported.

References
----------
.. [1] Slaney, "Auditory toolbox", Interval Research 1998-010: the mel scale, and filters of equal area.
.. [2] Ellis, "Chroma feature analysis and synthesis", Columbia University, 2007.
.. [3] Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", Sound and Music Computing
   Conference 2010.
.. [4] McFee et al., "librosa: Audio and music signal analysis in Python", SciPy 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

# The scale is linear up to 1 kHz, logarithmic above [1]_.
_HZ_PER_MEL: Final = 200.0 / 3
_LINEAR_HZ: Final = 1000.0
_LINEAR_MELS: Final = _LINEAR_HZ / _HZ_PER_MEL
_LOG_STEP: Final = np.log(6.4) / 27.0

# Pitch classes are weighted by a bell of two octaves around the fifth above 27.5 Hz [2]_.
_CENTRE_OCTAVE: Final = 5.0
_OCTAVES: Final = 2.0
_SILENT_FILTER: Final = np.finfo(np.float64).tiny


def mel_filters(rate: int, n_fft: int, n_mels: int) -> Floats:
    """Make triangular filters of equal area, evenly spaced in mels from 0 Hz to half the rate.

    Parameters
    ----------
    rate
        Samples per second.
    n_fft
        Samples of a frame.
    n_mels
        How many filters.

    Returns
    -------
    ndarray
        Shape (n_mels, n_fft // 2 + 1).
    """
    top = _LINEAR_MELS + np.log(rate / 2 / _LINEAR_HZ) / _LOG_STEP
    mels = np.linspace(0.0, top, n_mels + 2)
    edges = _HZ_PER_MEL * mels
    high = mels >= _LINEAR_MELS
    edges[high] = _LINEAR_HZ * np.exp(_LOG_STEP * (mels[high] - _LINEAR_MELS))
    widths = np.diff(edges)
    ramps = np.subtract.outer(edges, np.fft.rfftfreq(n_fft, 1.0 / rate))
    rising = -ramps[:-2] / widths[:-1, np.newaxis]
    falling = ramps[2:] / widths[1:, np.newaxis]
    weights: Floats = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    weights *= (2.0 / (edges[2:] - edges[:-2]))[:, np.newaxis]
    return weights


def chroma_filters(rate: int, n_fft: int, tuning: float) -> Floats:
    """Make the weights that fold a power spectrum into twelve pitch classes, C first.

    Parameters
    ----------
    rate, n_fft
        As in :func:`mel_filters`.
    tuning
        Deviation from A4 = 440 Hz in semitones.

    Returns
    -------
    ndarray
        Shape (12, n_fft // 2 + 1).
    """
    frequencies = np.linspace(0, rate, n_fft, endpoint=False)[1:]
    semitones = 12 * octaves(frequencies, tuning, 12)
    semitones = np.concatenate(([semitones[0] - 18], semitones))  # 0 Hz lies an octave and a half below
    widths = np.concatenate((np.maximum(np.diff(semitones), 1.0), [1]))
    distance = np.remainder(np.subtract.outer(semitones, np.arange(12.0)).T + 6 + 120, 12) - 6
    weights = np.exp(-0.5 * (2 * distance / widths) ** 2)
    lengths = np.sum(weights**2, axis=0, keepdims=True) ** 0.5
    lengths[lengths < _SILENT_FILTER] = 1.0
    weights /= lengths
    weights *= np.exp(-0.5 * ((semitones / 12 - _CENTRE_OCTAVE) / _OCTAVES) ** 2)
    return np.ascontiguousarray(np.roll(weights, -3, axis=0)[:, : n_fft // 2 + 1], dtype=np.float32)


def octaves(frequencies: Doubles | Floats, tuning: float = 0.0, bins_per_octave: int = 12) -> Doubles:
    """Give frequencies in octaves above 27.5 Hz, tuned by a fraction of a bin."""
    found: Doubles = np.log2(frequencies / (440.0 * 2.0 ** (tuning / bins_per_octave) / 16))
    return found


def hann(count: int) -> Doubles:
    """Make a periodic Hann window of two samples or more, as ``scipy.signal.get_window("hann", count)``.

    That module loads all of SciPy's statistics, which takes a third of what a worker needs to start.
    """
    window: Doubles = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, count + 1)[:-1])
    return window


def wavelets(frequencies: Doubles, rate: int, bandwidth: float) -> tuple[NDArray[np.complex64], Doubles]:
    """Make the constant-Q filters of some frequencies, windowed by Hann, their magnitudes summing to 1.

    Parameters
    ----------
    frequencies
        Hz, shape (n,), ascending.
    rate
        Samples per second.
    bandwidth
        Relative to the frequency, the inverse of Q.

    Returns
    -------
    filters
        Shape (n, length), centred in a power of two of samples.
    lengths
        Samples of each, shape (n,), not whole.
    """
    lengths: Doubles = 1.0 / bandwidth * rate / frequencies
    size = int(2.0 ** np.ceil(np.log2(lengths.max())))
    filters = np.zeros((len(frequencies), size), dtype=np.complex64)
    for row, (length, frequency) in enumerate(zip(lengths, frequencies, strict=True)):
        angles = np.arange(-length // 2, length // 2, dtype=float) * 2 * np.pi * frequency / rate
        wave = (np.cos(angles) + 1j * np.sin(angles)) * hann(len(angles))
        left = (size - len(wave)) // 2
        filters[row, left : left + len(wave)] = wave / np.abs(wave).sum()
    return filters, lengths


def without_faint(rows: NDArray[np.complex64], share: float) -> NDArray[np.complex64]:
    """Set the smallest magnitudes of each row to zero, that together make less than a share of its sum."""
    magnitudes = np.abs(rows)
    ascending = np.sort(magnitudes, axis=1)
    sums = np.cumsum(ascending / magnitudes.sum(axis=1, keepdims=True), axis=1)
    thresholds = np.take_along_axis(ascending, np.argmin(sums < share, axis=1)[:, np.newaxis], axis=1)
    return np.where(magnitudes >= thresholds, rows, 0)
