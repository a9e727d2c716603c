"""Chroma of the constant-Q transform, octave by octave and block by block.

The transform is the recursive one of [1]_ as librosa implements it: the filters of the top octave act on
short spectra, then the signal is halved in rate and the same filters give the octave below. Only the
magnitudes of one block of frames exist at a time, folded into chroma at once, and the spectra are multiplied
only where a filter has weight.

References
----------
.. [1] Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", Sound and Music Computing
   Conference 2010.
.. [2] McFee et al., "librosa: Audio and music signal analysis in Python", SciPy 2015.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft
import soxr

from etl.audio.filters import wavelets, without_faint
from etl.audio.signal import SAMPLE_RATE
from etl.audio.spectral import HOP, framed, n_frames, normalised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

BINS_PER_OCTAVE: Final = 36
N_OCTAVES: Final = 7
FMIN: Final = 440.0 * 2.0 ** ((24 - 69) / 12)
"""Hz; C1, the lowest bin, before tuning."""

_HIGH_OCTAVES: Final = 5
"""Octaves above C3, 131 Hz: below lie basses and kick drums, which may be loud and out of tune."""

_FAINT: Final = 0.3
"""Magnitude, over the level of the signal, at which compression sets in; that of a lone sine is about 100."""

_BLOCK: Final = 256
_SPARSITY: Final = 0.01


class _Basis(NamedTuple):
    """Filters of the top octave in the frequency domain."""

    n_fft: int
    bins: slice
    """FFT bins on which any filter has weight."""
    weights: Floats
    """Shape (2 * bins, 72): from interleaved real and imaginary parts to real parts, then imaginary parts."""


def chroma_cqt(signal: Floats, tuning: float) -> tuple[Floats, Floats]:
    """Compute the chroma of the constant-Q transform, and one in which loud notes and basses weigh little.

    Parameters
    ----------
    signal
        Mono at 22,050 Hz, shape (n,).
    tuning
        Deviation from A4 = 440 Hz in fractions of a 36th of an octave.

    Returns
    -------
    chroma : ndarray
        Shape (frames, 12), largest of each frame 1.
    compressed : ndarray
        Shape (frames, 12): logarithms of the magnitudes relative to the level of the signal, from C3 upwards.
    """
    basis = _basis(round(tuning, 2))
    chroma = np.zeros((n_frames(len(signal)), 12), dtype=np.float32)
    compressed = np.zeros_like(chroma)
    level = np.float32(_FAINT * np.sqrt(np.einsum("i,i->", signal, signal, dtype=np.float64) / len(signal)))
    hop = HOP
    for octave in range(N_OCTAVES):
        _add_octave(chroma, compressed if octave < _HIGH_OCTAVES else None, level, signal, hop, basis)
        hop //= 2
        signal = _halved(signal)
    return normalised(chroma), compressed


def _halved(signal: Floats) -> Floats:
    """Half the sample rate at equal power."""
    halved: Floats = np.asarray(soxr.resample(signal, 2, 1, quality="HQ"), dtype=np.float32)
    length = (len(signal) + 1) // 2
    halved = halved[:length] if len(halved) >= length else np.pad(halved, (0, length - len(halved)))
    # Rounded to the bit as librosa rounds: before a loud entry that rounding is the loudest sound there is.
    halved /= np.float64(np.sqrt(0.5))
    return halved


def _add_octave(  # noqa: PLR0917 -- the same for each octave but for the signal
    chroma: Floats, compressed: Floats | None, level: np.float32, signal: Floats, hop: int, basis: _Basis
) -> None:
    """Add one octave of magnitudes to the chroma, three bins around each pitch class."""
    for start in range(0, len(chroma), _BLOCK):
        stop = min(start + _BLOCK, len(chroma))
        frames = framed(signal, start, stop, length=basis.n_fft, hop=hop)
        spectra = scipy.fft.rfft(frames, axis=1)[:, basis.bins]
        response = np.ascontiguousarray(spectra).view(np.float32) @ basis.weights
        magnitudes = np.hypot(response[:, :BINS_PER_OCTAVE], response[:, BINS_PER_OCTAVE:])
        # Bin 0 is the pitch C itself, so a pitch class gathers the bin below it, its own and the one above.
        rolled = np.roll(magnitudes, 1, axis=1).reshape(-1, 12, 3)
        octave = rolled.sum(axis=2)
        chroma[start:stop] += octave
        if compressed is not None and level > 0:
            compressed[start:stop] += np.log1p(octave / level)


@lru_cache(maxsize=8)
def _basis(tuning: float) -> _Basis:
    """Build the filters for one tuning as ``librosa.vqt`` does; every octave at its own rate has the same."""
    fmin = FMIN * 2.0 ** (tuning / BINS_PER_OCTAVE)
    n_bins = BINS_PER_OCTAVE * N_OCTAVES
    top = (fmin * 2.0 ** (np.arange(n_bins) / BINS_PER_OCTAVE))[-BINS_PER_OCTAVE:]
    ratio = 2.0 ** (2.0 / BINS_PER_OCTAVE)
    filters, lengths = wavelets(top, SAMPLE_RATE, (ratio - 1) / (ratio + 1))
    n_fft = filters.shape[1]
    filters *= lengths[:, np.newaxis] / float(n_fft)
    spectra = np.fft.fft(filters, axis=1)[:, : n_fft // 2 + 1]
    sparse = without_faint(spectra.astype(np.complex64), _SPARSITY)
    # An octave k down, librosa weights the filters by sqrt(2**k) and divides by sqrt(length * 2**k).
    sparse /= np.sqrt(lengths)[:, np.newaxis].astype(np.float32)
    used = np.flatnonzero(sparse.any(axis=0))
    bins = slice(int(used[0]), int(used[-1]) + 1)
    kept = sparse[:, bins].T  # (bins, 36)
    weights = np.empty((kept.shape[0], 2, 2 * BINS_PER_OCTAVE), dtype=np.float32)
    weights[:, 0] = np.hstack([kept.real, kept.imag])
    weights[:, 1] = np.hstack([-kept.imag, kept.real])
    return _Basis(n_fft, bins, weights.reshape(-1, 2 * BINS_PER_OCTAVE))
