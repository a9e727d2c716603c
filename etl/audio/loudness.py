"""Loudness as broadcasters and players measure it: integrated loudness, loudness range, true peak.

Conventions
-----------
The meter hears all channels at the rate of the file, before anything is mixed down: a stereo pair that
cancels in mono is loud all the same. Loudness is in LUFS (LU re full scale); one channel counts as one, not
as a pair. Blocks of 400 ms (momentary) and 3 s (short-term) begin every 100 ms. How often each loudness
occurs, in steps of a tenth, is kept beside the results: the loudness of an album is that of the sums over its
tracks.

References
----------
.. [1] ITU-R BS.1770-5, "Algorithms to measure audio programme loudness and true-peak audio level", 2023.
.. [2] EBU Tech 3342, "Loudness range", 2023.
.. [3] ReplayGain 2.0 specification: gain to -18 LUFS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.runtime.jit import kernel_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

REPLAYGAIN_LUFS: Final = -18.0
"""What ReplayGain brings a track to [3]_."""

SILENCE_LUFS: Final = -70.0
"""Blocks below it count as silence [1]_."""

STEP_LU: Final = 0.1
"""Width of a step of the kept counts; the first begins at -70 LUFS."""

_STEPS: Final = 1000
_PER_SECOND: Final = 10
_MOMENTARY: Final = 4
_SHORT_TERM: Final = 30
_OFFSET: Final = -0.691  # of loudness: 997 Hz at full scale in one channel reads -3.01 LUFS
_RELATIVE_LU: Final = -10.0
_RANGE_RELATIVE_LU: Final = -20.0
_RANGE_PERCENT: Final = (10.0, 95.0)
_QUIETEST_PEAK: Final = 1e-5

SURROUND: Final = 1.41
"""Weight of a channel beside or behind the listener [1]_; that of low-frequency effects is none."""

# By the number of channels, in the order of WAV: left, right, center, effects, then back and side.
_WEIGHTS: Final[dict[int, tuple[float, ...]]] = {
    4: (1.0, 1.0, SURROUND, SURROUND),
    5: (1.0, 1.0, 1.0, SURROUND, SURROUND),
    6: (1.0, 1.0, 1.0, 0.0, SURROUND, SURROUND),
    7: (1.0, 1.0, 1.0, 0.0, SURROUND, SURROUND, SURROUND),
    8: (1.0, 1.0, 1.0, 0.0, SURROUND, SURROUND, SURROUND, SURROUND),
}

_TAPS: Final = 16
_CHUNK: Final = 32
"""Samples that are left out together where no point between them can be the peak."""


class Loudness(NamedTuple):
    """How loud a recording is."""

    integrated_lufs: float | None
    """Gated loudness of the whole [1]_; None if no block reaches -70 LUFS."""
    range_lu: float
    """Loudness range [2]_; 0 if it is shorter than three seconds or silent."""
    true_peak_dbtp: float
    """Largest point of the waveform between the samples too, dB re full scale; -100 for digital silence."""
    momentary: NDArray[np.int32]
    """Blocks of 400 ms at each loudness, from -70 LUFS in steps of 0.1; without zeros at the end."""
    short_term: NDArray[np.int32]
    """The same of blocks of 3 s."""


class LoudnessMeter:
    """Measures a recording as its samples come."""

    def __init__(self) -> None:
        self._rate = self._taken = 0
        self._weights = self._open = np.zeros(0)
        self._filters, self._state = np.zeros((2, 5)), np.zeros((0, 4))
        self._tail = np.zeros((0, 0), dtype=np.float32)
        self._tenths: list[Doubles] = []
        self._peak = 0.0

    def hear(self, samples: Floats, rate: int) -> None:
        """Take samples.

        Parameters
        ----------
        samples
            Shape (channels, n), finite, full scale ±1; channels in the order of WAV.
        rate
            Hz. Where it changes, or the number of channels, what was left of a tenth of a second is dropped.
        """
        if not samples.size:
            return
        if (rate, len(samples)) != (self._rate, len(self._weights)):
            self._begin(rate, len(samples))
        finished = self._taken * _PER_SECOND // self._rate
        powers = np.empty((self._taken + samples.shape[1]) * _PER_SECOND // self._rate - finished)
        _weigh(
            samples, self._filters, self._weights, self._state, self._rate, self._taken, self._open, powers
        )
        self._taken += samples.shape[1]
        self._tenths.append(powers * (_PER_SECOND / rate))
        self._hear_peak(samples)

    def result(self) -> Loudness:
        """Give the loudness of what was heard."""
        if not self._rate:
            self.hear(np.zeros((1, 1), dtype=np.float32), 48_000)
        self._hear_peak(np.zeros((len(self._weights), _TAPS), dtype=np.float32))
        energies = np.concatenate(self._tenths)
        momentary, short_term = _means(energies, _MOMENTARY), _means(energies, _SHORT_TERM)
        return Loudness(
            _integrated(momentary),
            _range(short_term),
            20.0 * float(np.log10(max(self._peak, _QUIETEST_PEAK))),
            _counts(momentary),
            _counts(short_term),
        )

    def _begin(self, rate: int, channels: int) -> None:
        self._rate, self._taken = rate, 0
        self._filters = k_weighting(rate)
        self._weights = np.array(_WEIGHTS.get(channels, (1.0,) * channels))
        self._state = np.zeros((channels, 4))
        self._tail = np.zeros((channels, _TAPS - 1), dtype=np.float32)
        self._open = np.zeros(1)

    def _hear_peak(self, samples: Floats) -> None:
        heard = np.concatenate([self._tail, samples], axis=1)
        self._peak = _true_peak(heard, _BETWEEN, self._peak)
        self._tail = heard[:, heard.shape[1] - _TAPS + 1 :]


def measure_loudness(samples: Floats, rate: int) -> Loudness:
    """Measure samples of shape (channels, n) at ``rate`` Hz."""
    meter = LoudnessMeter()
    meter.hear(samples, rate)
    return meter.result()


def k_weighting(rate: float) -> Doubles:
    """Give the two filters of K-weighting at any rate, from the analog ones behind those for 48 kHz.

    Parameters
    ----------
    rate
        Hz.

    Returns
    -------
    ndarray
        Shape (2, 5): b0, b1, b2, a1, a2 of the high shelf, then of the high pass.
    """
    shelf = np.tan(np.pi * min(1681.974450955533 / rate, 0.49))
    gain = 10.0 ** (3.999843853973347 / 20.0)
    band = gain**0.4996667741545416
    q = 0.7071752369554196
    norm = 1.0 + shelf / q + shelf**2
    high_shelf = [
        (gain + band * shelf / q + shelf**2) / norm,
        2.0 * (shelf**2 - gain) / norm,
        (gain - band * shelf / q + shelf**2) / norm,
        2.0 * (shelf**2 - 1.0) / norm,
        (1.0 - shelf / q + shelf**2) / norm,
    ]
    low = np.tan(np.pi * min(38.13547087602444 / rate, 0.49))
    q = 0.5003270373238773
    norm = 1.0 + low / q + low**2
    high_pass = [1.0, -2.0, 1.0, 2.0 * (low**2 - 1.0) / norm, (1.0 - low / q + low**2) / norm]
    return np.array([high_shelf, high_pass])


def _means(energies: Doubles, count: int) -> Doubles:
    """Mean energy of every ``count`` tenths of a second in a row."""
    if len(energies) < count:
        return np.zeros(0)
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    means: Doubles = np.maximum(sums[count:] - sums[:-count], 0.0) / count
    return means


def _lufs(energies: Doubles) -> Doubles:
    return _OFFSET + 10.0 * np.log10(np.maximum(energies, 1e-20))


def _energy(lufs: float) -> float:
    return float(10.0 ** ((lufs - _OFFSET) / 10.0))


def _integrated(energies: Doubles) -> float | None:
    audible = energies[energies >= _energy(SILENCE_LUFS)]
    if not len(audible):
        return None
    gate = audible.mean() * 10.0 ** (_RELATIVE_LU / 10.0)
    return float(_lufs(audible[audible >= gate].mean()))


def _range(energies: Doubles) -> float:
    audible = energies[energies >= _energy(SILENCE_LUFS)]
    if not len(audible):
        return 0.0
    gate = audible.mean() * 10.0 ** (_RANGE_RELATIVE_LU / 10.0)
    return float(
        -np.subtract(*np.percentile(_lufs(audible[audible >= gate]), _RANGE_PERCENT, method="nearest"))
    )


def _counts(energies: Doubles) -> NDArray[np.int32]:
    audible = _lufs(energies[energies >= _energy(SILENCE_LUFS)])
    steps = np.minimum((audible - SILENCE_LUFS) / STEP_LU, _STEPS - 1).astype(np.int64)
    return np.bincount(steps).astype(np.int32)


def _between() -> Floats:
    """Give filters of the points half a sample on, and a quarter on as its even and odd part, (3, 8)."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    half, quarter = (np.sinc(at - shift) * np.cos(np.pi * (at - shift) / _TAPS) ** 2 for shift in (0.5, 0.25))
    half /= half.sum()
    quarter /= quarter.sum()
    rows = [half, (quarter + quarter[::-1]) / 2, (quarter - quarter[::-1]) / 2]
    return np.array(rows, dtype=np.float32)[:, : _TAPS // 2].copy()


_BETWEEN: Final = _between()


@kernel_with(fastmath=("contract",))
def _weigh(  # noqa: PLR0917 -- numba compiles positional calls only
    samples: Floats,
    filters: Doubles,
    weights: Doubles,
    state: Doubles,
    rate: int,
    taken: int,
    carried: Doubles,
    energies: Doubles,
) -> None:
    """Add up the weighted power of each tenth of a second; what is unfinished is carried."""
    b0, b1, b2, a1, a2 = filters[0]
    c1, c2 = filters[1, 3], filters[1, 4]
    # Written so that each state waits for no more than one product of the last.
    d1, d2 = b1 - a1 * b0, b2 - a2 * b0
    e1, e2 = -2.0 - c1, 1.0 - c2
    start = 0
    number = taken * 10 // rate
    total = carried[0]
    done = 0
    while start < samples.shape[1]:
        stop = min(((number + 1) * rate + 9) // 10 - taken, samples.shape[1])
        # Two channels at a time: each waits for its own last sample, so the second costs no time.
        for first in range(0, len(samples), 2):
            second = min(first + 1, len(samples) - 1)
            s1, s2, t1, t2 = state[first]
            u1, u2, v1, v2 = state[second]
            power = other = 0.0
            for i in range(start, stop):
                x = float(samples[first, i])
                y = b0 * x + s1
                s1, s2 = d1 * x + s2 - a1 * s1, d2 * x - a2 * s1
                z = y + t1
                t1, t2 = e1 * y + t2 - c1 * t1, e2 * y - c2 * t1
                power += z * z
                x = float(samples[second, i])
                y = b0 * x + u1
                u1, u2 = d1 * x + u2 - a1 * u1, d2 * x - a2 * u1
                z = y + v1
                v1, v2 = e1 * y + v2 - c1 * v1, e2 * y - c2 * v1
                other += z * z
            state[first] = s1, s2, t1, t2
            state[second] = u1, u2, v1, v2
            total += weights[first] * power
            if second > first:
                total += weights[second] * other
        if done < len(energies) and taken + stop >= ((number + 1) * rate + 9) // 10:
            energies[done] = total
            done += 1
            number += 1
            total = 0.0
        start = stop
    carried[0] = total


@kernel_with(fastmath=("nnan", "ninf", "nsz", "contract"))
def _true_peak(samples: Floats, filters: Floats, peak: float) -> float:
    """Largest magnitude of the samples and of the points between them, or ``peak`` if that is larger."""
    # No point is larger than the sum of a filter's magnitudes times the largest sample that it reaches.
    half = np.abs(filters[0]).sum() * np.float32(2.0)
    quarter = np.abs(filters[1] + filters[2]).sum() + np.abs(filters[1] - filters[2]).sum()
    gain = max(half, quarter)
    largest = np.float32(peak)
    count = samples.shape[1] - _TAPS + 1
    row = np.zeros(_CHUNK + _TAPS - 1, dtype=np.float32)
    found = np.empty(_CHUNK, dtype=np.float32)
    for channel in range(len(samples)):
        for start in range(0, count, _CHUNK):
            length = min(_CHUNK, count - start) + _TAPS - 1
            loud = np.float32(0.0)
            for i in range(length):
                row[i] = samples[channel, start + i]
            for i in range(length):
                loud = max(loud, abs(row[i]))
            if loud * gain <= largest:
                continue
            largest = max(largest, loud)
            for i in range(_CHUNK):
                middle = even = odd = np.float32(0.0)
                for k in range(_TAPS // 2):
                    before, after = row[i + k], row[i + _TAPS - 1 - k]
                    middle += filters[0, k] * (before + after)
                    even += filters[1, k] * (before + after)
                    odd += filters[2, k] * (before - after)
                # A quarter on is even plus odd, three quarters on is even less odd.
                found[i] = max(abs(middle), abs(even) + abs(odd))
            for i in range(length - _TAPS + 1):
                largest = max(largest, found[i])
    return float(largest)
