"""Compiled: whether note onsets keep to the beats of their file, and the tempo that is heard in them."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.runtime.jit import inlined_with, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOWEST: Final = 55.0
FASTEST: Final = 215.0
STEPS: Final = 160
MOST_ONSETS: Final = 256
FEWEST_ONSETS: Final = 8
WINDOW: Final = 4.0  # beats over which two onsets are compared
# Preference and shares: of a coarse grid, the best on the worse of Groove performances and songs of POP909.
PRIOR_BPM: Final = 80.0
PRIOR_OCTAVES: Final = 0.8
FINE_STEPS: Final = 8
FINE_ROUNDS: Final = 2
BEAT_SHARE: Final = 0.1
HALF_SHARE: Final = 0.2
QUARTER_SHARE: Final = 0.7


_SINE: Final = tuple((-1) ** n / factorial(2 * n + 1) for n in range(8))
_COSINE: Final = tuple((-1) ** n / factorial(2 * n) for n in range(8))

GRID_BINS: Final = 96  # of a beat
GRID_APART: Final = 24  # onsets closer than this part of a beat are one
SUBDIVISIONS: Final = (2, 3, 4, 6, 8)


@kernel
def grid_fits(
    files: NDArray[Any],
    notes: NDArray[Any],
    note_offsets: NDArray[np.int64],
    fits: NDArray[np.float64],
) -> None:
    """Tell how well the onsets of each file keep to a subdivision of its beats, wherever the beats begin.

    The mean resultant length of the onsets' phases [1]_ in halves, thirds, quarters, sixths and eighths of a
    beat, whichever is longest.

    Parameters
    ----------
    files, notes, note_offsets
        As in a `MidiBatch`.
    fits
        Filled in: the fit (0 by chance, 1 on the grid) and the number of onsets, (files, 2).

    References
    ----------
    .. [1] Mardia and Jupp, "Directional statistics", Wiley 2000, section 2.3.
    """
    cosines, sines = np.empty(GRID_BINS), np.empty(GRID_BINS)
    for place in range(GRID_BINS):
        cosines[place] = np.cos(2.0 * np.pi * place / GRID_BINS)
        sines[place] = np.sin(2.0 * np.pi * place / GRID_BINS)
    counts = np.empty(GRID_BINS, np.int64)
    for file in range(len(files)):
        division = files[file].division
        apart = division // GRID_APART
        counts[:] = 0
        onsets = 0
        last = -division
        for note in range(note_offsets[file], note_offsets[file + 1]):
            start = notes[note].start_tick
            if start - last > apart:
                last = start
                onsets += 1
                counts[(start % division) * GRID_BINS // division] += 1
        best = 0.0
        for parts in SUBDIVISIONS:
            along, across = 0.0, 0.0
            for place in range(GRID_BINS):
                along += counts[place] * cosines[place * parts % GRID_BINS]
                across += counts[place] * sines[place * parts % GRID_BINS]
            best = max(best, along * along + across * across)
        fits[file, 0] = np.sqrt(best) / max(1, onsets)
        fits[file, 1] = onsets


@kernel
def onset_tempo(
    notes: NDArray[Any],
    note_offsets: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    tempos: NDArray[np.float64],
) -> None:
    """Estimate beats per minute from the intervals between onsets.

    A tempo scores the mean of cos(2 pi interval / unit), for units of a beat, a half and a quarter, over all
    pairs of onsets up to four beats apart (weighted by their summed velocities), times a log-normal
    preference for moderate tempos [1]_.

    Parameters
    ----------
    notes, note_offsets
        As in a `MidiBatch`; the first 256 onsets count.
    wanted
        Which files to estimate, (files,).
    tempos
        Filled in: bpm and confidence (0 to 1) of the wanted files, (files, 2); 0 with fewer than 8 onsets.

    References
    ----------
    .. [1] Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007: the
       preference; phase coherence as in Povel and Essens, "Perception of temporal patterns", 1985.
    """
    onsets = np.empty(MOST_ONSETS)
    strengths = np.empty(MOST_ONSETS)
    phasors = np.empty((6, MOST_ONSETS))
    for file in range(len(wanted)):
        if not wanted[file]:
            continue
        tempos[file] = 0.0
        count = 0
        for note in range(note_offsets[file], note_offsets[file + 1]):
            start = notes[note].start_s
            if count == 0 or start - onsets[count - 1] > 0.03:
                if count == MOST_ONSETS:
                    break
                onsets[count] = start
                strengths[count] = 0.0
                count += 1
            strengths[count - 1] += notes[note].velocity
        if count < FEWEST_ONSETS:
            continue
        best, best_bpm = -1.0, 0.0
        ratio = (FASTEST / SLOWEST) ** (1.0 / (STEPS - 1))
        bpm = SLOWEST
        for _ in range(STEPS):
            octaves = np.log2(bpm / PRIOR_BPM) / PRIOR_OCTAVES
            preference = np.exp(-0.5 * octaves * octaves)
            if preference > best:  # else no coherence, which is at most 1, makes it the best
                score = _coherence(onsets, strengths, count, bpm, phasors) * preference
                if score > best:
                    best, best_bpm = score, bpm
            bpm *= ratio
        top, step = -1.0, best_bpm * (ratio - 1.0)
        for _ in range(FINE_ROUNDS):
            centre, step = best_bpm, step / FINE_STEPS
            for fine in range(-FINE_STEPS, FINE_STEPS + 1):
                coherence = _coherence(onsets, strengths, count, centre + fine * step, phasors)
                if coherence > top:
                    top = coherence
                    best_bpm = centre + fine * step
        tempos[file, 0] = best_bpm
        tempos[file, 1] = min(1.0, max(0.0, top))


@inlined_with(fastmath=("contract",))
def _coherence(
    onsets: NDArray[np.float64],
    strengths: NDArray[np.float64],
    count: int,
    bpm: float,
    phasors: NDArray[np.float64],
) -> float:
    """Give the mean agreement of onset intervals with the beat and its half and quarter, at most 1.

    The cosine of an interval is the real part of one onset's phasor times the conjugate of the other's, so
    that all pairs within the window are one product with a running sum. ``phasors`` is room for those of
    beats, halves and quarters, times the strength: cosines, then sines, (6, onsets).
    """
    beat = 60.0 / bpm
    _phasors(onsets, strengths, count, 1.0 / beat, phasors)
    sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # over the onsets after the one at hand, up to four beats
    strength = total = weights = 0.0
    end = 0
    for i in range(count):
        beat_x, half_x, quarter_x, beat_y, half_y, quarter_y = sums
        while end < count and onsets[end] - onsets[i] <= WINDOW * beat:
            beat_x += phasors[0, end]
            half_x += phasors[1, end]
            quarter_x += phasors[2, end]
            beat_y += phasors[3, end]
            half_y += phasors[4, end]
            quarter_y += phasors[5, end]
            strength += strengths[end]
            end += 1
        beat_x -= phasors[0, i]
        half_x -= phasors[1, i]
        quarter_x -= phasors[2, i]
        beat_y -= phasors[3, i]
        half_y -= phasors[4, i]
        quarter_y -= phasors[5, i]
        strength -= strengths[i]
        weights += strengths[i] * strength
        total += BEAT_SHARE * (beat_x * phasors[0, i] + beat_y * phasors[3, i])
        total += HALF_SHARE * (half_x * phasors[1, i] + half_y * phasors[4, i])
        total += QUARTER_SHARE * (quarter_x * phasors[2, i] + quarter_y * phasors[5, i])
        sums = (beat_x, half_x, quarter_x, beat_y, half_y, quarter_y)
    return total / weights if weights > 0 else 0.0


@inlined_with(fastmath=("contract",))
def _phasors(
    onsets: NDArray[np.float64],
    strengths: NDArray[np.float64],
    count: int,
    per_second: float,
    phasors: NDArray[np.float64],
) -> None:
    """Fill in the phasors of onsets, all in step: series [1]_ of half the angle, then doubled thrice.

    References
    ----------
    .. [1] Abramowitz and Stegun, "Handbook of mathematical functions", 4.3.65 and 4.3.66; to the fourteenth
       power they err by less than 1e-8 up to a right angle.
    """
    for i in range(count):
        turns = onsets[i] * per_second
        half = np.pi * (turns - np.floor(turns + 0.5))
        square = half * half
        sine, cosine = _SINE[-1], _COSINE[-1]
        for power in range(len(_SINE) - 2, -1, -1):
            sine = sine * square + _SINE[power]
            cosine = cosine * square + _COSINE[power]
        sine *= half
        x, y = cosine * cosine - sine * sine, 2.0 * sine * cosine
        phasors[0, i], phasors[3, i] = strengths[i] * x, strengths[i] * y
        x, y = x * x - y * y, 2.0 * x * y
        phasors[1, i], phasors[4, i] = strengths[i] * x, strengths[i] * y
        x, y = x * x - y * y, 2.0 * x * y
        phasors[2, i], phasors[5, i] = strengths[i] * x, strengths[i] * y
