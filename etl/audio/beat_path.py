"""Compiled: beats by dynamic programming, as ``librosa.beat.beat_track`` finds them at a given tempo.

librosa compiles its own at each start, and one of its functions cannot be kept; the tests compare the two.

References
----------
.. [1] Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.
.. [2] McFee et al., "librosa: Audio and music signal analysis in Python", SciPy 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from etl.runtime.jit import kernel_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_TIGHTNESS: Final = 100.0
_FIRST_SHARE: Final = 0.01  # of the largest score; what lies before the first above it has no beats


def beat_path(envelope: NDArray[np.float32], frames_per_beat: int) -> NDArray[np.int64]:
    """Find the beats whose onsets are strongest and whose distances stray least from the tempo's.

    Parameters
    ----------
    envelope
        Onset strength, shape (frames,), not all zero.
    frames_per_beat
        The tempo, at least 1.

    Returns
    -------
    ndarray
        Frame numbers, ascending.
    """
    scaled = envelope / (envelope.std(ddof=1) + np.finfo(envelope.dtype).tiny)
    steps = np.arange(-frames_per_beat, frames_per_beat + 1)
    window = np.exp(-0.5 * (steps * 32.0 / frames_per_beat) ** 2)
    local, sums, before = _best_paths(scaled.astype(np.float64), window, frames_per_beat)
    beats = []
    beat = _last(sums)
    while beat >= 0:
        beats.append(beat)
        beat = int(before[beat])
    return _trimmed(np.array(beats[::-1], np.int64), local)


def _last(sums: Doubles) -> int:
    """Find the last peak of the summed scores that is at least half their median."""
    is_peak = np.zeros(len(sums), np.bool_)
    is_peak[1:] = sums[1:] > sums[:-1]
    is_peak[1:-1] &= sums[1:-1] >= sums[2:]
    peaks = np.flatnonzero(is_peak)
    if not len(peaks):
        return len(sums) - 1
    high = peaks[sums[peaks] >= 0.5 * np.median(sums[peaks])]
    return int(high[-1]) if len(high) else len(sums) - 1


def _trimmed(beats: NDArray[np.int64], local: Doubles) -> NDArray[np.int64]:
    """Leave out beats before the first and after the last score above half the beats' own."""
    window = np.hanning(5)
    smooth = np.convolve(local[beats], window)[len(window) // 2 :][: len(local)]
    above = np.flatnonzero(local > 0.5 * np.sqrt(np.mean(smooth**2)))
    return beats[(beats >= above[0]) & (beats <= above[-1])] if len(above) else beats[:0]


@kernel_with(error_model="numpy")
def _best_paths(
    envelope: Doubles, window: Doubles, frames_per_beat: int
) -> tuple[Doubles, Doubles, NDArray[np.int64]]:
    """Score each frame by itself and as the end of the best path of beats, and find the beat before it."""
    total, half = len(envelope), len(window) // 2
    local, sums = np.empty(total), np.empty(total)
    before = np.empty(total, np.int64)
    largest = -np.inf
    for i in range(total):
        score = 0.0
        for k in range(max(0, i + half - total + 1), min(i + half, len(window))):
            score += window[k] * envelope[i + half - k]
        local[i] = score
        largest = max(largest, score)
    nearest = np.int64(np.rint(frames_per_beat / 2))
    begun = False
    for i in range(total):
        best, place = -np.inf, -1
        for at in range(i - nearest, max(i - 2 * frames_per_beat - 1, -1), -1):
            score = sums[at] - _TIGHTNESS * (np.log(i - at) - np.log(frames_per_beat)) ** 2
            if score > best:
                best, place = score, at
        sums[i] = local[i] + best if place >= 0 else local[i]
        begun = begun or local[i] >= _FIRST_SHARE * largest
        before[i] = place if begun else -1
    return local, sums, before
