"""Compiled: whether note onsets keep to the beats of their file, and the tempo that is heard in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOWEST: Final = 55.0
FASTEST: Final = 215.0
STEPS: Final = 400
MOST_ONSETS: Final = 256
FEWEST_ONSETS: Final = 8
WINDOW: Final = 4.0  # beats over which two onsets are compared
# Preference and shares: of a coarse grid, the best on the worse of Groove performances and songs of POP909.
PRIOR_BPM: Final = 80.0
PRIOR_OCTAVES: Final = 0.8
FINE_STEPS: Final = 40
BEAT_SHARE: Final = 0.1
HALF_SHARE: Final = 0.2
QUARTER_SHARE: Final = 0.7


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
            score = _coherence(onsets, strengths, count, bpm) * np.exp(-0.5 * octaves * octaves)
            if score > best:
                best, best_bpm = score, bpm
            bpm *= ratio
        centre, step = best_bpm, best_bpm * (ratio - 1.0) / FINE_STEPS
        top = -1.0
        for fine in range(-FINE_STEPS, FINE_STEPS + 1):
            coherence = _coherence(onsets, strengths, count, centre + fine * step)
            if coherence > top:
                top = coherence
                best_bpm = centre + fine * step
        tempos[file, 0] = best_bpm
        tempos[file, 1] = min(1.0, max(0.0, top))


@kernel
def _coherence(onsets: NDArray[np.float64], strengths: NDArray[np.float64], count: int, bpm: float) -> float:
    """Give the mean agreement of onset intervals with the beat and its half and quarter, at most 1.

    The cosine of an interval is the real part of one onset's phasor times the conjugate of the other's, so
    that all pairs within the window are one product with a running sum.
    """
    beat = 60.0 / bpm
    phasors = np.empty((count, 3), np.complex128)  # in beats, halves and quarters, times the strength
    for i in range(count):
        angle = 2.0 * np.pi * onsets[i] / beat
        by_beat = complex(np.cos(angle), np.sin(angle))
        by_half = by_beat * by_beat
        phasors[i, 0] = strengths[i] * by_beat
        phasors[i, 1] = strengths[i] * by_half
        phasors[i, 2] = strengths[i] * by_half * by_half
    beats = halves = quarters = 0j  # sums over the onsets after the one at hand, up to four beats
    strength = total = weights = 0.0
    end = 0
    for i in range(count):
        while end < count and onsets[end] - onsets[i] <= WINDOW * beat:
            beats += phasors[end, 0]
            halves += phasors[end, 1]
            quarters += phasors[end, 2]
            strength += strengths[end]
            end += 1
        beats -= phasors[i, 0]
        halves -= phasors[i, 1]
        quarters -= phasors[i, 2]
        strength -= strengths[i]
        weights += strengths[i] * strength
        total += BEAT_SHARE * (beats * phasors[i, 0].conjugate()).real
        total += HALF_SHARE * (halves * phasors[i, 1].conjugate()).real
        total += QUARTER_SHARE * (quarters * phasors[i, 2].conjugate()).real
    return total / weights if weights > 0 else 0.0
