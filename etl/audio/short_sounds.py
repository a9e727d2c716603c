"""What a short sound measures: level, how often something begins, brightness, whether it has a pitch.

Conventions
-----------
Signals are mono at 22,050 Hz, full scale ±1. Levels are of all channels at the file's own rate, in dB
relative to a full scale of 1, so that a full square wave has an RMS of 0.

References
----------
.. [1] de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111(4),
   2002, eqs. 7 and 8: the cumulative mean normalized difference, which is 0 at the period of a sound.
.. [2] Bello et al., "A tutorial on onset detection in music signals", IEEE Transactions on Speech and Audio
   Processing 13(5), 2005: peaks of the log-energy rise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft

from etl.audio.signal import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SOUND_VERSION: Final = 1
"""Raised whenever any number that this module computes would change."""

_FRAME, _HOP = 1024, 256
_PITCH_FRAME: Final = 2048
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 1500.0
_RISE_DB: Final = 6.0
_QUIET_DB: Final = 40.0  # below the loudest frame; what lies lower begins nothing
_APART_S: Final = 0.05
_LOUDEST: Final = 12  # frames that are asked for a pitch
_MOST_S: Final = 60.0


@dataclass(frozen=True)
class ShortSound:
    """What a sound measures.

    Attributes
    ----------
    onsets
        How often something begins.
    centroid_hz
        Mean of the power spectrum, frames weighted by their energy; 0 for silence.
    pitchedness
        How periodic its loudest frames are, 0 to 1.
    """

    onsets: int
    centroid_hz: float
    pitchedness: float


class LevelMeter:
    """Peak and RMS of all that it hears.

    Examples
    --------
    >>> meter = LevelMeter()
    >>> meter.hear(np.full((2, 100), 0.5, np.float32), 44_100)
    >>> round(meter.peak_dbfs, 2), round(meter.rms_dbfs, 2)
    (-6.02, -6.02)
    """

    def __init__(self) -> None:
        self._peak = self._energy = 0.0
        self._samples = 0

    def hear(self, samples: Floats, rate: int) -> None:
        """Take a block, shape (channels, n), and its rate in Hz."""
        del rate
        if samples.size:
            self._peak = max(self._peak, float(np.abs(samples).max()))
            self._energy += float(np.square(samples, dtype=np.float64).sum())
            self._samples += samples.size

    @property
    def peak_dbfs(self) -> float | None:
        """Largest sample, None for silence."""
        return 20 * math.log10(self._peak) if self._peak > 0 else None

    @property
    def rms_dbfs(self) -> float | None:
        """Root mean square, None for silence."""
        return 10 * math.log10(self._energy / self._samples) if self._energy > 0 else None


def measure(signal: Floats) -> ShortSound:
    """Measure a sound.

    Parameters
    ----------
    signal
        Mono at 22,050 Hz, shape (n,); of longer ones the first minute is looked at.
    """
    signal = signal[: int(_MOST_S * SAMPLE_RATE)]
    padded = np.pad(signal, (_FRAME // 2, _FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    power = np.square(np.abs(scipy.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32), axis=1)))
    energy = power.sum(axis=1, dtype=np.float64)
    total = float(energy.sum())
    if total <= 0.0:
        return ShortSound(0, 0.0, 0.0)
    bins = scipy.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE)
    centroid = float((power @ bins).sum() / total)
    return ShortSound(_onsets(energy), centroid, _pitchedness(signal))


def _onsets(energy: NDArray[np.float64]) -> int:
    """Count the rises of the energy that stand out, at least 50 ms apart [2]_."""
    level = 10 * np.log10(np.maximum(energy, energy.max() * 1e-8))
    before = np.concatenate([np.full(2, level.min()), level[:-2]])
    rises = (level - before >= _RISE_DB) & (level >= level.max() - _QUIET_DB)
    apart = max(1, round(_APART_S * SAMPLE_RATE / _HOP))
    count, last = 0, -apart
    for frame in np.flatnonzero(rises).tolist():
        if frame - last >= apart:
            count += 1
        last = frame  # a rise that goes on is one
    return count


def _pitchedness(signal: Floats) -> float:
    """Give the median, over the loudest frames, of how periodic they are [1]_."""
    padded = np.pad(signal, (0, max(0, _PITCH_FRAME - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _PITCH_FRAME)[:: _PITCH_FRAME // 4]
    loudness = np.square(frames, dtype=np.float64).sum(axis=1)
    chosen = frames[np.argsort(loudness)[::-1][:_LOUDEST]].astype(np.float64)
    chosen = chosen - chosen.mean(axis=1, keepdims=True)
    longest = int(SAMPLE_RATE / _LOWEST_HZ)
    shortest = int(SAMPLE_RATE / _HIGHEST_HZ)
    width = _PITCH_FRAME - longest
    squares = np.cumsum(np.pad(np.square(chosen), ((0, 0), (1, 0))), axis=1)
    spectrum = scipy.fft.rfft(chosen, 2 * _PITCH_FRAME, axis=1)
    head = scipy.fft.rfft(chosen[:, :width], 2 * _PITCH_FRAME, axis=1)
    products = scipy.fft.irfft(spectrum * np.conj(head), axis=1)[:, : longest + 1]
    lags = np.arange(longest + 1)
    own = squares[:, width : width + 1]
    shifted = squares[:, lags + width] - squares[:, lags]
    difference = np.maximum(own + shifted - 2 * products, 0.0)[:, 1:]
    mean = np.cumsum(difference, axis=1) / np.arange(1, longest + 1)
    normal = np.divide(difference, mean, out=np.ones_like(difference), where=mean > 1e-12)
    return float(np.clip(1.0 - np.median(normal[:, shortest:].min(axis=1)), 0.0, 1.0))
