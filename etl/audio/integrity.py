"""Faults that a recording shows in its own samples: silence, clipping, opposite channels, lossy coding.

Conventions
-----------
All channels at the file's own rate, full scale ±1; they are heard block by block in one pass, whose results
do not depend on how the blocks are divided, the spectrum aside, which is a sample.

Silence: stretches of 1,024 samples in which no channel reaches -70 dB. Clipping: runs of three samples or
more at full scale, or beyond it, as lossy decoders give. Mono level: power of the mean of the channels over
the mean of their powers; 0 dB for equal channels, -3 dB for unrelated ones. Cut-off: the frequency at which
the median spectrum falls as steeply as a lossy encoder's low-pass filter makes it [1]_; below it there must
be noise and not single partials, so the lower quartile of a band is compared with the median of the next.

References
----------
.. [1] B. D'Alessandro and Y. Q. Shi, "MP3 bit rate quality detection through frequency spectrum analysis",
   ACM Multimedia and Security 2009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import fft

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SILENCE_DB: Final = -70.0
CLIPPED_RUN: Final = 3
CLIPPED_SHARE: Final = 1e-3
OPPOSITE_DB: Final = -20.0
"""From here on a share of clipped samples and a mono level are faults."""

CUTOFF_DROP_DB: Final = 15.0
"""Least fall of the spectrum at a cut-off; set on the pieces of ``benchmarks.audio_integrity``."""

_SILENCE: Final = np.float32(10 ** (SILENCE_DB / 20))
_FULL_SCALE: Final = np.float32(32_766.5 / 32_768)
_STRETCH: Final = 1024

_N_FFT: Final = 4096
_PHASE: Final = 2 * np.pi * np.arange(_N_FFT) / _N_FFT
# Blackman-Harris: between the partials of a synthesizer it leaves nothing of them that looked like noise.
_WINDOW: Final = (
    np.array([0.35875, -0.48829, 0.14128, -0.01168]) @ np.cos(np.arange(4)[:, np.newaxis] * _PHASE)
).astype(np.float32)
_EVERY: Final = 1 << 14
"""Samples between two spectra, to begin with."""

_MOST_SPECTRA: Final = 128
_LEAST_DB: Final = -54.0
"""Least level of a bin below a cut-off; rounding to 16 bits has -68 dB, a sine at full scale 57 dB."""

_BELOW_HZ: Final = 600.0
_GAP_HZ: Final = 500.0
"""Width of the bands that are compared, and of what lies between them: LAME's filter falls within 500 Hz."""

_LOWEST_HZ: Final = 9_000.0
_HIGHEST_HZ: Final = 19_600.0
"""Encoders leave out what is above such frequencies; above the second lie the filters of converters."""


class Integrity(NamedTuple):
    """What the samples of a recording show.

    Attributes
    ----------
    silent_share
        Of its time, 0-1.
    clipped_share
        Of its samples, 0-1.
    mono_db
        Level of the down-mix against that of the channels; None for one channel, and for silence.
    cutoff_hz
        Where the spectrum breaks off; None where it does not, or where the rate leaves no room to tell.
    """

    silent_share: float
    clipped_share: float
    mono_db: float | None
    cutoff_hz: float | None


class Inspection:
    """Hears a recording and tells its :class:`Integrity`."""

    def __init__(self) -> None:
        self._frames = self._samples = self._silent = self._clipped = 0
        self._power = self._mono_power = 0.0
        self._is_mono = True
        self._run = np.zeros(0, dtype=np.int64)
        self._stretch = np.zeros(2, dtype=np.float64)
        self._spectra: list[Floats] = []
        self._every = self._until_next = _EVERY
        self._rate = 0

    def hear(self, samples: Floats, rate: int) -> None:
        """Take a block, shape (channels, n), finite, and its rate in Hz."""
        channels, frames = samples.shape
        if len(self._run) != channels:
            self._run = np.zeros(channels, dtype=np.int64)
        silent, clipped, power, mono_power = _look(samples, self._run, self._stretch)
        self._silent += silent
        self._clipped += clipped
        self._power += power
        self._mono_power += mono_power
        self._frames += frames
        self._samples += samples.size
        self._is_mono &= channels == 1
        self._look_at_spectrum(samples, rate)

    def result(self) -> Integrity:
        """Tell what was heard; there must have been something."""
        # The stretch that the end cut short counts as far as it goes.
        silent = self._silent + (int(self._stretch[0]) if self._stretch[1] < _SILENCE else 0)
        mono_db = None
        if not self._is_mono and self._power > self._frames * float(_SILENCE) ** 2:
            mono_db = float(10 * np.log10(max(self._mono_power / self._power, 1e-12)))
        return Integrity(silent / self._frames, self._clipped / self._samples, mono_db, self._cutoff())

    def _look_at_spectrum(self, samples: Floats, rate: int) -> None:
        """Take the spectrum of every so manieth stretch, of the first two channels together."""
        if rate != self._rate:
            self._rate, self._spectra, self._every, self._until_next = rate, [], _EVERY, 0
        frames = samples.shape[1]
        while self._until_next + _N_FFT <= frames:
            part = samples[:2, self._until_next : self._until_next + _N_FFT] * _WINDOW
            power = np.square(np.abs(fft.rfft(part, axis=1))).sum(axis=0)
            if power.sum() > _N_FFT * _N_FFT * 1e-7:  # silence and fades tell nothing
                self._spectra.append(power)
            self._until_next += self._every
        self._until_next = max(self._until_next - frames, 0)
        if len(self._spectra) >= _MOST_SPECTRA:
            self._spectra = self._spectra[::2]
            self._every *= 2

    def _cutoff(self) -> float | None:
        """Find the steepest fall of the median spectrum."""
        highest = min(_HIGHEST_HZ, 0.88 * self._rate / 2)
        if len(self._spectra) < 8 or highest < _LOWEST_HZ + _GAP_HZ:
            return None
        step = self._rate / _N_FFT
        level = 10 * np.log10(np.median(np.stack(self._spectra), axis=0) + 1e-12)
        wide, gap = round(_BELOW_HZ / step), round(_GAP_HZ / step)
        bands = np.lib.stride_tricks.sliding_window_view(level, wide)
        below, above = np.percentile(bands, 25, axis=1), np.median(bands, axis=1)
        below = below[: len(bands) - wide - gap]
        fall = below - above[wide + gap :]
        middle = (np.arange(len(fall)) + wide + gap / 2) * step
        inside = (middle >= _LOWEST_HZ) & (middle <= highest) & (below >= _LEAST_DB)
        fall[~inside] = -np.inf
        best = int(np.argmax(fall))
        return float(middle[best]) if fall[best] >= CUTOFF_DROP_DB else None


@kernel
def _look(
    samples: NDArray[np.float32], run: NDArray[np.int64], stretch: NDArray[np.float64]
) -> tuple[int, int, float, float]:
    """Count silent frames and clipped samples, and sum powers; runs and stretch go on into the next block."""
    channels, frames = samples.shape
    silent = clipped = 0
    power = mono_power = 0.0
    for t in range(frames):
        total = np.float32(0.0)
        loudest = np.float32(0.0)
        for c in range(channels):
            x = samples[c, t]
            size = abs(x)
            total += x
            power += x * x / channels
            loudest = max(loudest, size)
            if size >= _FULL_SCALE:
                run[c] += 1
                if run[c] == CLIPPED_RUN:
                    clipped += CLIPPED_RUN
                elif run[c] > CLIPPED_RUN:
                    clipped += 1
            else:
                run[c] = 0
        mean = total / channels
        mono_power += mean * mean
        stretch[0] += 1
        stretch[1] = max(stretch[1], loudest)
        if stretch[0] == _STRETCH:
            if stretch[1] < _SILENCE:
                silent += _STRETCH
            stretch[0] = 0
            stretch[1] = 0
    return silent, clipped, power, mono_power
