"""Compiled: where the beats are, what sounds in each, and the chords by Viterbi.

Beats are a quarter note long; their phase is the point of the quarter at which most note duration begins
(measured on 114 pop songs: right in all, where plain onset counts miss six).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.bytes_kernel import signed
from etl.runtime.jit import inlined, kernel, kernel_with
from etl.runtime.jit.intrinsics import LANES, highest, path_step, trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BEATS: Final = 20_000
"""Longer files (some three hours) are analysed up to here, so that a damaged delta time costs nothing."""

PHASE_BINS: Final = 96
SUB_BEATS: Final = 8
LONGEST_BEATS: Final = 4.0

NEVER: Final = np.float32(-1e6)
"""Score of what is no root."""


@kernel
def beat_grid(
    files: NDArray[Any],
    notes: NDArray[Any],
    note_offsets: NDArray[np.int64],
    origins: NDArray[np.float64],
    beat_ends: NDArray[np.int64],
) -> int:
    """Find the first beat's tick of each file (half a beat before tick 0 to half a beat after).

    Parameters
    ----------
    files, notes, note_offsets
        As in a `MidiBatch`.
    origins
        Filled in: tick of the first beat, float64, shape (files,).
    beat_ends
        Filled in: running count of beats, int64, shape (files,).

    Returns
    -------
    int
        Number of beats of all files.
    """
    total = 0
    for file in range(len(files)):
        division = files[file].division
        onsets = np.zeros(PHASE_BINS, np.float64)
        last = 0
        pitched = False
        for note in range(note_offsets[file], note_offsets[file + 1]):
            if notes[note].drum:
                continue
            pitched = True
            length = (notes[note].end_tick - notes[note].start_tick) / division
            place = (notes[note].start_tick % division) * PHASE_BINS // division
            onsets[place] += min(length, LONGEST_BEATS)
            last = max(last, notes[note].end_tick)
        best = 0
        if pitched:
            highest = -1.0
            width = PHASE_BINS // 16
            for phase in range(PHASE_BINS):
                mass = 0.0
                for step in range(-width + 1, width):
                    mass += onsets[(phase + step) % PHASE_BINS] * (1.0 - abs(step) / width)
                if mass > highest + 1e-9:
                    highest = mass
                    best = phase
        if best * 2 > PHASE_BINS:
            best -= PHASE_BINS
        origins[file] = best * division / PHASE_BINS
        if pitched:
            total += min(MAX_BEATS, max(1, int(np.ceil((last - origins[file]) / division))))
        beat_ends[file] = total
    return total


@kernel
def beat_profiles(
    files: NDArray[Any],
    notes: NDArray[Any],
    note_offsets: NDArray[np.int64],
    origins: NDArray[np.float64],
    beat_offsets: NDArray[np.int64],
    profiles: NDArray[np.float64],
    basses: NDArray[np.float64],
) -> None:
    """Add up what sounds in each beat, drums left out.

    Parameters
    ----------
    files, notes, note_offsets, origins
        As `beat_grid` takes and gives.
    beat_offsets
        Where each file's beats start, int64, shape (files + 1,).
    profiles
        Filled in: beats sounded by pitch class, (beats, 12).
    basses
        Filled in: share of the beat in which each pitch class is the lowest, (beats, 12).
    """
    for file in range(len(files)):
        first, last = beat_offsets[file], beat_offsets[file + 1]
        beats = last - first
        if beats == 0:
            continue
        origin, division = origins[file], files[file].division
        whole = np.zeros((beats + 2, 12), np.int64)  # changes in how many notes fill each beat
        reach = np.zeros(128, np.int64)  # the place up to which each pitch sounds
        sounding = np.zeros(2, np.uint64)  # a bit for each pitch that may
        place = 0
        for row in range(note_offsets[file], note_offsets[file + 1]):
            note = notes[row]
            if note.drum:
                continue
            start = (note.start_tick - origin) / division
            end = max((note.end_tick - origin) / division, start + 1.0 / 16)
            start, end = max(start, 0.0), min(end, float(beats))
            if start >= end:
                continue
            pitch = signed(note.pitch)
            pc = pitch % 12
            # From the beat it opens in on a note fills all, but for what lacks before it and after it.
            opening, closing = int(start), int(end)
            profiles[first + opening, pc] += opening + 1.0 - start
            whole[opening + 1, pc] += 1
            if closing < beats:
                profiles[first + closing, pc] -= closing + 1.0 - end
            whole[closing + 1, pc] -= 1
            opens = int(start * SUB_BEATS + 0.5)
            if opens > place:
                _add_basses(sounding, reach, place, opens, first, basses)
                place = opens
            reach[pitch] = max(reach[pitch], int(end * SUB_BEATS + 0.5))
            sounding[pitch >> 6] |= np.uint64(1) << np.uint64(pitch & 63)
        _add_basses(sounding, reach, place, beats * SUB_BEATS, first, basses)
        for pc in range(12):
            filled = 0
            for beat in range(beats):
                filled += whole[beat, pc]
                profiles[first + beat, pc] += filled


@inlined
def _add_basses(
    sounding: NDArray[np.uint64],
    reach: NDArray[np.int64],
    place: int,
    stop: int,
    first: int,
    basses: NDArray[np.float64],
) -> None:
    """Add the lowest of the pitches that sound at each place from ``place`` to before ``stop``."""
    while place < stop:
        half = 0 if sounding[0] else 1
        if sounding[half] == 0:
            break
        lowest = trailing_zeros(sounding[half])
        pitch = half * 64 + lowest
        if reach[pitch] <= place:
            sounding[half] &= ~(np.uint64(1) << np.uint64(lowest))
            continue
        until = min(stop, reach[pitch])
        for at in range(place, until):
            basses[first + at // SUB_BEATS, pitch % 12] += 1.0 / SUB_BEATS
        place = until


@kernel
def chord_path(
    beat_offsets: NDArray[np.int64],
    profiles: NDArray[np.float64],
    basses: NDArray[np.float64],
    intervals: NDArray[np.int64],
    sizes: NDArray[np.int64],
    biases: NDArray[np.float64],
    weights: NDArray[np.float64],
    labels: NDArray[np.int16],
) -> None:
    """Label every beat with its likeliest chord, changes costing a fixed amount (Viterbi).

    Parameters
    ----------
    beat_offsets, profiles, basses
        As `beat_profiles` takes and gives.
    intervals, sizes, biases
        Qualities: semitones above the root (qualities, 4), how many of them count, and the score each is
        given beforehand.
    weights
        Of root, other notes, fourth note, foreign notes, bass on the root, bass on another chord note, bass
        on a foreign note; sounding time that counts as silence; cost of a change. Sounding times count by
        their square root.
    labels
        Filled in: quality * 12 + root, or qualities * 12 in silence.
    """
    # In single precision, sixteen places for the twelve roots of a quality, so that each is one register;
    # the last four are never the highest.
    qualities = len(sizes)
    silence = qualities * LANES
    width = silence + 1
    # What each pitch class adds as root, as third or fifth, and as fourth note; the latter over and over,
    # so that root + interval needs no modulo; then nothing, to be added as root or otherwise.
    inner, fourths, no_roots, nothing = LANES, 3 * LANES, 5 * LANES, 6 * LANES
    terms = np.zeros(7 * LANES, np.float32)
    terms[12:LANES] = terms[no_roots + 12 : nothing] = NEVER
    levels = np.empty(12)
    root_gain, inner_gain, fourth_gain = (
        weights[0] + weights[3],
        weights[1] + weights[3],
        weights[2] + weights[3],
    )
    root_bass, chord_bass = weights[4] - weights[6], weights[5] - weights[6]
    # Typed as Python knows them; they are of single precision.
    cost: Any = np.float32(weights[8])
    none: Any = np.float32(0.0)
    longest = 0
    for file in range(len(beat_offsets) - 1):
        longest = max(longest, beat_offsets[file + 1] - beat_offsets[file])
    # Score of the best path to each chord of each beat, from the second row on; the first is no beat.
    best, tops = np.empty((longest + 1) * width, np.float32), np.empty(longest + 1, np.float32)
    best[:width] = 0.0
    for file in range(len(beat_offsets) - 1):
        first, last = beat_offsets[file], beat_offsets[file + 1]
        high = change = none
        for beat in range(first, last):
            before = (beat - first) * width
            row = before + width
            sounding = 0.0
            for pc in range(12):
                sounding += profiles[beat, pc]
            silent = sounding < weights[7]
            # Scores are counted from the highest of the beat before: they stay small, and so exact.
            held = max(best[before + silence] - high, change)
            best[row + silence] = held + np.float32(2.0 if silent else -2.0)
            if silent:
                for quality in range(qualities):
                    at = quality * LANES
                    places = (no_roots, nothing, nothing, nothing)
                    path_step(best, row + at, before + at, high, change, none, terms, places)
            else:
                total = bass = 0.0
                for pc in range(12):
                    levels[pc] = np.sqrt(profiles[beat, pc])
                    total += levels[pc]
                for pc in range(12):
                    level, low = levels[pc] / total, basses[beat, pc]
                    terms[pc] = level * root_gain + low * root_bass
                    terms[inner + pc] = terms[inner + 12 + pc] = level * inner_gain + low * chord_bass
                    terms[fourths + pc] = terms[fourths + 12 + pc] = level * fourth_gain + low * chord_bass
                    bass += low
                for quality in range(qualities):
                    at = quality * LANES
                    base: Any = np.float32(biases[quality] - weights[3] + bass * weights[6])
                    fourth = fourths + intervals[quality, 3] if sizes[quality] > 3 else nothing
                    places = (0, inner + intervals[quality, 1], inner + intervals[quality, 2], fourth)
                    path_step(best, row + at, before + at, high, change, base, terms, places)
            high = max(best[row + silence], highest(best, row, row + silence))
            tops[beat - first + 1] = high
            change = -cost
        if last == first:
            continue
        place = _place(best, (last - first) * width, high)
        for beat in range(last - 1, first - 1, -1):
            labels[beat] = place // LANES * 12 + place % LANES
            before, high = (beat - first) * width, tops[beat - first]
            if beat > first and high - cost > best[before + place]:
                place = _place(best, before, high)


@inlined
def _place(best: NDArray[np.float32], row: int, top: Any) -> int:
    """Find the first of the highest scores of a beat; those between the qualities are not among them."""
    place = 0
    while best[row + place] < top:
        place += 1
    return place


@kernel
def edge_basses(
    files: NDArray[Any], notes: NDArray[Any], note_offsets: NDArray[np.int64], edges: NDArray[np.int8]
) -> None:
    """Fill in the pitch classes of the lowest notes that begin first and end last, (files, 2), -1 for none.

    Notes within a 48th of a beat of the first or last count with it; drums do not.
    """
    for file in range(len(files)):
        edges[file] = -1
        slack = max(1, files[file].division // 48)
        first = -1
        last = -1
        for note in range(note_offsets[file], note_offsets[file + 1]):
            if notes[note].drum:
                continue
            if first < 0:
                first = notes[note].start_tick
            last = max(last, notes[note].end_tick)
        if first < 0:
            continue
        lowest_first, lowest_last = 255, 255
        for note in range(note_offsets[file], note_offsets[file + 1]):
            if notes[note].drum:
                continue
            if notes[note].start_tick <= first + slack:
                lowest_first = min(lowest_first, notes[note].pitch)
            if notes[note].end_tick >= last - slack:
                lowest_last = min(lowest_last, notes[note].pitch)
        edges[file, 0] = lowest_first % 12
        edges[file, 1] = lowest_last % 12


@kernel
def segment_basses(opens: NDArray[np.int64], basses: NDArray[np.float64], segments: NDArray[np.int8]) -> None:
    """Fill in the pitch class that is lowest most of the time in each stretch of beats, -1 in silence.

    Parameters
    ----------
    opens
        First beat of each stretch, which lasts to the next.
    basses
        As `beat_profiles` gives them.
    segments
        Filled in, (stretches,).
    """
    totals = np.empty(12)
    for segment in range(len(opens)):
        last = opens[segment + 1] if segment + 1 < len(opens) else len(basses)
        totals[:] = 0.0
        for beat in range(opens[segment], last):
            for pc in range(12):
                totals[pc] += basses[beat, pc]
        segments[segment] = -1
        for pc in range(12):
            if totals[pc] > 0 and (segments[segment] < 0 or totals[pc] > totals[segments[segment]]):
                segments[segment] = pc


@kernel_with(error_model="numpy")
def likeliest_cuts(
    beat_offsets: NDArray[np.int64],
    profiles: NDArray[np.float64],
    chances: NDArray[np.float64],
    shortest: int,
    least_gain: float,
    cuts: NDArray[np.int64],
    totals: NDArray[np.float64],
) -> None:
    """Find where two parts, each drawn from one key, are likeliest against the whole from one.

    Parameters
    ----------
    beat_offsets, profiles
        As `beat_profiles` takes and gives; each beat counts as one draw, shared out by what sounds in it.
    chances
        Log chance of each pitch class in each key, (12, 24).
    shortest
        Beats that a part has at least.
    least_gain
        Log likelihood ratio that makes a cut.
    cuts
        Filled in: beats before the cut, or -1, (files,).
    totals
        Filled in: beats sounded by pitch class before and after the cut (all before without one),
        (files, 2, 12).
    """
    whole, early, shares = np.empty(24), np.empty(24), np.empty(12)
    for file in range(len(cuts)):
        first, last = beat_offsets[file], beat_offsets[file + 1]
        cuts[file] = -1
        totals[file] = 0.0
        whole[:] = 0.0
        of_beats = np.zeros((last - first, 24))
        for beat in range(first, last):
            total = 0.0
            for pc in range(12):
                total += profiles[beat, pc]
            if total <= 0:
                continue
            for pc in range(12):
                shares[pc] = profiles[beat, pc] / total
            for key in range(24):  # several at a time, as the next loop is short
                likelihood = 0.0
                for pc in range(12):
                    likelihood += shares[pc] * chances[pc, key]
                of_beats[beat - first, key] = likelihood
                whole[key] += likelihood
        gain = least_gain + whole.max()
        early[:] = 0.0
        for beat in range(first, last - shortest):
            row = of_beats[beat - first]
            for key in range(24):
                early[key] += row[key]
            if beat - first + 1 < shortest:
                continue
            before, after = early[0], whole[0] - early[0]
            for key in range(1, 24):
                before = max(before, early[key])
                after = max(after, whole[key] - early[key])
            if before + after > gain:
                gain = before + after
                cuts[file] = beat - first + 1
        for beat in range(first, last):
            part = 1 if 0 <= cuts[file] <= beat - first else 0
            for pc in range(12):
                totals[file, part, pc] += profiles[beat, pc]
