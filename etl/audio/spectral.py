"""One pass over the short-time spectrum: every spectral feature of a frame from one FFT.

Conventions
-----------
Frames are rows. All parameters are librosa's defaults at 22,050 Hz: Hann window of 2,048 samples, hop 512,
frames centred with zero padding, 128 Slaney mel bands; every number equals the plain librosa call to within
the rounding of float32. Spectra exist for one block of frames at a time, so memory does not grow with the
track beyond the features themselves.

References
----------
.. [1] McFee et al., "librosa: Audio and music signal analysis in Python", SciPy 2015.
.. [2] Jiang et al., "Music type classification by spectral contrast feature", ICME 2002.
.. [3] Dubnov, "Generalization of spectral flatness measure for non-Gaussian linear processes", IEEE Signal
   Processing Letters 11(8), 2004.
.. [4] Smith, "Spectral Audio Signal Processing", W3K 2011: quadratic interpolation of spectral peaks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft

from etl.audio.features import N_BANDS
from etl.audio.filters import chroma_filters, hann, mel_filters, octaves
from etl.audio.signal import SAMPLE_RATE
from etl.runtime.jit import kernel, kernel_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

N_FFT: Final = 2048
"""Samples per frame."""

HOP: Final = 512
"""Samples from frame to frame; 23.2 ms."""

N_BINS: Final = N_FFT // 2 + 1
N_MELS: Final = 128

BLOCK: Final = 128
"""Frames whose spectra exist at a time: few enough to stay in the cache of the processor."""

KEPT_FRAMES: Final = 100 * BLOCK
"""Frames whose power spectra are kept for the chroma, which must wait for the tuning: five minutes, 50 MB."""

_AMIN: Final = 1e-10
_TOP_DB: Final = 80.0
_ROLL_PERCENT: Final = np.float32(0.85)
_PEAK_THRESHOLD: Final = np.float32(0.1)
_PEAK_HZ: Final = (150.0, 4000.0)
_TUNING_STEPS: Final = 100
_TINY: Final = float(np.finfo(np.float32).tiny)


class Peaks(NamedTuple):
    """Spectral peaks of a track between 150 and 4,000 Hz: the evidence for its tuning."""

    frequencies: Floats
    """Hz, by quadratic interpolation [4]_."""
    magnitudes: Floats


class Spectra(NamedTuple):
    """Features of the spectrum, one row per frame."""

    centroid: Floats
    """Hz, (n,)."""
    bandwidth: Floats
    """Hz, (n,)."""
    rolloff: Floats
    """Hz below which 85 % of the magnitude lies, (n,)."""
    flatness: Floats
    """Geometric over arithmetic mean of the power, 0 to 1, (n,) [3]_."""
    contrast: Floats
    """Peak over valley in dB, (n, 7) [2]_."""
    chroma: Floats
    """Chroma of the power spectrum, largest 1, (n, 12)."""


def n_frames(n_samples: int) -> int:
    """Frames of a signal of ``n_samples``: one per hop, centred."""
    return n_samples // HOP + 1


def spectra(signal: Floats, *, kept_frames: int = KEPT_FRAMES) -> tuple[Spectra, Floats, Peaks]:
    """Compute every spectral feature of a signal.

    Parameters
    ----------
    signal
        Mono at 22,050 Hz, shape (n,).
    kept_frames
        Whole blocks of frames whose power spectra are kept; those of later frames are computed twice.

    Returns
    -------
    Spectra
        One row per frame, ``n // 512 + 1`` of them.
    ndarray
        Mel spectrum in dB, shape (frames, 128).
    Peaks
        Of the magnitude spectrum, on which the tuning of the constant-Q transform rests.
    """
    total = n_frames(len(signal))
    mel = np.empty((total, N_MELS), dtype=np.float32)
    scalars = np.empty((total, 4), dtype=np.float32)
    valleys = np.empty((total, N_BANDS), dtype=np.float32)
    peaks = np.empty((total, N_BANDS), dtype=np.float32)
    of_magnitude: list[Floats] = []
    of_power: list[Floats] = []
    kept = np.empty((min(total, kept_frames), N_BINS), dtype=np.float32)
    tables = _tables()
    for start, block in stft_blocks(signal):
        rows = slice(start, start + len(block))
        power = kept[rows] if start < len(kept) else np.empty((len(block), N_BINS), dtype=np.float32)
        found = np.empty((2, len(block) * (N_BINS // 2), 2), dtype=np.float32)
        n_magnitude, n_power = _analyse(
            block, tables, power, mel[rows], scalars[rows], valleys[rows], peaks[rows], found
        )
        of_magnitude.append(found[0, :n_magnitude].copy())
        of_power.append(found[1, :n_power].copy())
    tuning = tuning_of(_joined(of_power), bins_per_octave=12)
    filters = chroma_filters(SAMPLE_RATE, N_FFT, tuning).T
    chroma = np.concatenate([power @ filters for power in _powers(signal, kept)])
    features = Spectra(
        centroid=scalars[:, 0],
        bandwidth=scalars[:, 1],
        rolloff=scalars[:, 2],
        flatness=scalars[:, 3],
        contrast=power_to_db(peaks) - power_to_db(valleys),
        chroma=normalised(chroma),
    )
    return features, power_to_db(mel), _joined(of_magnitude)


def stft_blocks(signal: Floats, first_frame: int = 0) -> Iterator[tuple[int, NDArray[np.complex128]]]:
    """Short-time spectra of a signal, block by block.

    The transform runs in double precision, as librosa's does: in single precision its noise would show in
    the valleys of the spectral contrast and in quiet mel bands.

    Parameters
    ----------
    signal
        Mono, shape (n,).
    first_frame
        Where to begin.

    Yields
    ------
    int, ndarray
        Number of the first frame, and spectra of shape (up to 128, 1025), complex128.
    """
    window = hann(N_FFT)
    for start in range(first_frame, n_frames(len(signal)), BLOCK):
        stop = min(start + BLOCK, n_frames(len(signal)))
        frames = framed(signal, start, stop, length=N_FFT, hop=HOP)
        yield start, scipy.fft.rfft(frames * window, axis=1, overwrite_x=True)


def framed(signal: Floats, start: int, stop: int, *, length: int, hop: int) -> Floats:
    """Frames ``start`` to ``stop``, centred and zero-padded, as a view of shape (stop - start, length)."""
    begin = start * hop - length // 2
    end = (stop - 1) * hop + (length + 1) // 2
    inside = signal[max(begin, 0) : max(end, 0)]
    if begin < 0 or end > len(signal):
        inside = np.pad(inside, (max(-begin, 0), max(end - len(signal), 0)))
    return np.lib.stride_tricks.sliding_window_view(inside, length)[::hop]


def power_to_db(power: Floats) -> Floats:
    """Power in dB re 1, above 1e-10 and at most 80 dB below the largest value; in place of the power."""
    decibels: Floats = np.log10(np.maximum(power, np.float32(_AMIN), out=power), out=power)
    decibels *= np.float32(10.0)
    np.maximum(decibels, decibels.max() - np.float32(_TOP_DB), out=decibels)
    return decibels


def normalised(rows: Floats) -> Floats:
    """Divide each row by its largest magnitude; rows of zeros stay."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    largest[largest < _TINY] = 1.0
    scaled: Floats = rows / largest
    return scaled


def tuning_of(peaks: Peaks, *, bins_per_octave: int) -> float:
    """Deviation from A4 = 440 Hz of the peaks at least as strong as their median.

    Parameters
    ----------
    peaks
        Peaks of the whole track.
    bins_per_octave
        Resolution that the deviation is measured in.

    Returns
    -------
    float
        Fraction of a bin, -0.5 to 0.5, in steps of 0.01; 0 without peaks.
    """
    if not len(peaks.frequencies):
        return 0.0
    strong = peaks.frequencies[peaks.magnitudes >= np.median(peaks.magnitudes)]
    residual = np.mod(bins_per_octave * octaves(strong), 1.0)
    residual[residual >= 0.5] -= 1.0
    counts, edges = np.histogram(residual, np.linspace(-0.5, 0.5, _TUNING_STEPS + 1))
    return float(edges[np.argmax(counts)])


def _powers(signal: Floats, kept: Floats) -> Iterator[Floats]:
    """Power spectra of all blocks: those kept, then the rest computed again."""
    for start in range(0, len(kept), BLOCK):
        yield kept[start : start + BLOCK]
    for _, block in stft_blocks(signal, len(kept)):
        yield np.abs(block.astype(np.complex64)) ** 2


def _joined(found: list[Floats]) -> Peaks:
    joined = np.concatenate(found)
    return Peaks(np.ascontiguousarray(joined[:, 0]), np.ascontiguousarray(joined[:, 1]))


class _Tables(NamedTuple):
    """Constants of the kernel."""

    frequencies: NDArray[np.float64]
    """Hz of each bin, (1025,)."""
    mel: Floats
    """Mel filters, (128, 1025)."""
    spans: Ints
    """First bin and last bin + 1 of each mel filter, (128, 2)."""
    bands: Ints
    """First bin, last bin + 1, and bins in peak and valley of each contrast band, (7, 3)."""
    searched: Ints
    """First and last bin in which spectral peaks are sought, (2,)."""


@cache
def _tables() -> _Tables:
    frequencies = np.fft.rfftfreq(N_FFT, 1.0 / SAMPLE_RATE).astype(np.float64, copy=False)
    mel = mel_filters(SAMPLE_RATE, N_FFT, N_MELS)
    spans = np.array([[row.nonzero()[0][0], row.nonzero()[0][-1] + 1] for row in mel], dtype=np.int64)
    edges = np.concatenate([[0.0], 200.0 * 2.0 ** np.arange(N_BANDS)])
    bands = np.empty((N_BANDS, 3), dtype=np.int64)
    for band in range(N_BANDS):
        inside = np.flatnonzero((frequencies >= edges[band]) & (frequencies <= edges[band + 1]))
        first = inside[0] - (band > 0)
        last = N_BINS if band == N_BANDS - 1 else int(inside[-1])
        members = (last if band == N_BANDS - 1 else last + 1) - first
        bands[band] = first, last, max(1, round(0.02 * members))
    searched = np.flatnonzero((frequencies >= _PEAK_HZ[0]) & (frequencies < _PEAK_HZ[1]))
    return _Tables(frequencies, mel, spans, bands, searched[[0, -1]])


@kernel_with(error_model="numpy")
def _analyse(  # noqa: PLR0917 -- numba compiles positional calls only
    spectrum: NDArray[np.complex128],
    tables: _Tables,
    power: Floats,
    mel: Floats,
    scalars: Floats,
    valleys: Floats,
    peaks: Floats,
    found: Floats,
) -> tuple[int, int]:
    """Fill the outputs for one block; return how many peaks of magnitude and of power were found."""
    n_magnitude = n_power = 0
    magnitude = np.empty(N_BINS, dtype=np.float32)
    for t in range(spectrum.shape[0]):
        for k in range(N_BINS):
            real = float(np.float32(spectrum[t, k].real))
            imaginary = float(np.float32(spectrum[t, k].imag))
            magnitude[k] = np.sqrt(real * real + imaginary * imaginary)
            power[t, k] = magnitude[k] * magnitude[k]
        scalars[t, 2] = tables.frequencies[_rolloff_bin(magnitude)]
        _mel_row(power[t], tables.mel, tables.spans, mel[t])
        _shape_row(magnitude, power[t], tables.frequencies, scalars[t])
        for band in range(N_BANDS):
            _contrast(magnitude, tables.bands[band], valleys[t], peaks[t], band)
        n_magnitude = _find_peaks(magnitude, tables.searched, found[0], n_magnitude)
        n_power = _find_peaks(power[t], tables.searched, found[1], n_power)
    return n_magnitude, n_power


@kernel_with(fastmath=("reassoc", "contract"))
def _mel_row(power: Floats, filters: Floats, spans: Ints, out: Floats) -> None:
    for m in range(N_MELS):
        total = np.float32(0.0)
        for k in range(spans[m, 0], spans[m, 1]):
            total += filters[m, k] * power[k]
        out[m] = total


@kernel_with(error_model="numpy", fastmath=("reassoc", "contract"))
def _shape_row(magnitude: Floats, power: Floats, frequencies: NDArray[np.float64], out: Floats) -> None:
    total = first = second = arithmetic = 0.0
    for k in range(N_BINS):
        value = float(magnitude[k])
        total += value
        first += value * frequencies[k]
        second += value * frequencies[k] * frequencies[k]
    norm = total if total >= _TINY else 1.0
    centroid = first / norm
    out[0] = centroid
    out[1] = np.sqrt(max((second - 2.0 * centroid * first + centroid * centroid * total) / norm, 0.0))

    # The logarithm of a product of sixteen is the sum of sixteen logarithms: 1e-10 to 1e19 per factor stays
    # inside the range of float64.
    logarithm = 0.0
    product = 1.0
    for k in range(N_BINS):
        value = max(float(power[k]), _AMIN)
        arithmetic += value
        product *= value
        if k % 16 == 15:
            logarithm += np.log(product)
            product = 1.0
    logarithm += np.log(product)
    out[3] = np.exp(logarithm / N_BINS) / (arithmetic / N_BINS)


@kernel
def _rolloff_bin(magnitude: Floats) -> int:
    """First bin at which the running sum, added in order as librosa does, reaches 85 % of the whole."""
    sums = np.empty(N_BINS, dtype=np.float32)
    running = np.float32(0.0)
    for k in range(N_BINS):
        running += magnitude[k]
        sums[k] = running
    return int(np.searchsorted(sums, _ROLL_PERCENT * running))


@kernel
def _contrast(magnitude: Floats, band: Ints, valleys: Floats, peaks: Floats, index: int) -> None:
    """Mean of the smallest and of the largest 2 % of one band, kept in two short sorted lists."""
    first, last, count = band
    low = np.full(count, np.float32(np.inf), dtype=np.float32)  # ascending
    high = np.full(count, np.float32(-np.inf), dtype=np.float32)  # descending
    for k in range(first, last):
        value = magnitude[k]
        if value < low[count - 1]:
            j = count - 1
            while j > 0 and low[j - 1] > value:
                low[j] = low[j - 1]
                j -= 1
            low[j] = value
        if value > high[count - 1]:
            j = count - 1
            while j > 0 and high[j - 1] < value:
                high[j] = high[j - 1]
                j -= 1
            high[j] = value
    valleys[index] = low.mean()
    peaks[index] = high.mean()


@kernel
def _find_peaks(values: Floats, searched: Ints, found: Floats, n: int) -> int:
    """Append interpolated local maxima above a tenth of the largest value; return the new count."""
    threshold = _PEAK_THRESHOLD * values.max()
    for k in range(searched[0], searched[1] + 1):
        here, before, after = values[k], values[k - 1], values[k + 1]
        if here > threshold and here > before and here >= after:
            slope = (after - before) / np.float32(2.0)
            curve = after + before - np.float32(2.0) * here
            shift = -slope / curve if abs(slope) < abs(curve) else np.float32(0.0)
            found[n, 0] = (k + shift) * np.float32(SAMPLE_RATE / N_FFT)
            found[n, 1] = here + np.float32(0.5) * slope * shift
            n += 1
    return n
