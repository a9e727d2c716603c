"""Features of the waveform itself: RMS energy and zero-crossing rate per frame.

Both are sums over the four hops that a frame spans, so one pass over the samples serves all frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from etl.audio.spectral import HOP, N_FFT, n_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# librosa takes samples no larger than this for zero.
_ZERO: Final = np.float32(1e-10)


def rms(signal: Floats) -> Floats:
    """Root mean square of each frame, zero-padded at the ends; shape (frames,), 0 to 1."""
    # Frame t covers hops t - 2 to t + 1.
    total = n_frames(len(signal))
    hops = np.zeros(total + 3, dtype=np.float64)
    whole = len(signal) // HOP
    rows = signal[: whole * HOP].reshape(-1, HOP)
    hops[2 : 2 + whole] = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    rest = signal[whole * HOP :].astype(np.float64)
    hops[2 + whole] = rest @ rest
    sums = hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]
    return np.sqrt(sums / N_FFT).astype(np.float32)


def zero_crossing_rate(signal: Floats) -> Floats:
    """Share of samples of each frame at which the sign changes; shape (frames,), 0 to 1."""
    negative = signal < -_ZERO
    changes = np.zeros(n_frames(len(signal)) * HOP + N_FFT, dtype=bool)
    inside = changes[N_FFT // 2 :][: len(signal)]  # the repeated ends never cross zero
    np.not_equal(negative[1:], negative[:-1], out=inside[1:])
    hops = np.count_nonzero(changes.reshape(-1, HOP), axis=1)
    sums = hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]
    # The change into a frame's first sample belongs to the frame before.
    counts: NDArray[np.int64] = (sums - changes[::HOP][: len(sums)])[: n_frames(len(signal))]
    return (counts / N_FFT).astype(np.float32)
