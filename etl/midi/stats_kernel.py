"""Compiled: counts and ranges of the notes of each file and of each part (track and channel)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.bytes_kernel import signed
from etl.midi.drum_classes import CYMBAL, HAT, KICK, NO_DRUM, PERCUSSION, SNARE, TOM
from etl.runtime.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

HASH_GRID: Final = 960  # steps of a beat that the note hash tells apart

ONSETS_APART: Final = 16  # of a quarter
EDGES_APART: Final = 48
MOST_MOVES: Final = 16  # of an end, on average, before another way to sort is the faster
STEP: Final = 2  # semitones
LEAP: Final = 5


def _drum_class_of() -> NDArray[np.uint8]:
    """Class of each General MIDI (and GM2, 27-34 and 82-87) percussion note; 6 outside the map."""
    classes = np.full(128, NO_DRUM, np.uint8)
    classes[27:88] = PERCUSSION
    classes[[35, 36]] = KICK
    classes[[37, 38, 39, 40]] = SNARE
    classes[[42, 44, 46]] = HAT
    classes[[49, 51, 52, 53, 55, 57, 59]] = CYMBAL
    classes[[41, 43, 45, 47, 48, 50]] = TOM
    return classes


DRUM_CLASS_OF: Final = _drum_class_of()
"""Shape (128,), uint8: index into `DRUM_CLASSES` by note number (MMA, "General MIDI 2" 1.2, 2007)."""

PART: Final = np.dtype(
    [
        ("start_tick", np.int64),
        ("end_tick", np.int64),
        ("seconds", np.float64),
        ("pitch_class", np.float64, (12,)),
        ("hits", np.int64, (7,)),
        ("notes", np.int64),
        ("pitch_sum", np.int64),
        ("velocity_sum", np.int64),
        ("beats", np.float64),
        ("covered_beats", np.float64),
        ("note_hash", np.uint64, (2,)),
        ("polyphony", np.int32),
        ("distinct", np.int32),
        ("onsets", np.int32),
        ("repeats", np.int32),
        ("steps", np.int32),
        ("leaps", np.int32),
        ("file", np.int32),
        ("track", np.int32),
        ("channel", np.uint8),
        ("program", np.uint8),
        ("drum", np.uint8),
        ("pitch_min", np.uint8),
        ("pitch_max", np.uint8),
        ("first_pitch", np.uint8),
        ("last_pitch", np.uint8),
    ],
    align=True,
)
"""One (track, channel) with notes. ``program`` and ``drum`` are those of its first note; ``hits`` counts
notes by `DRUM_CLASS_OF`; ``pitch_class`` is seconds by pitch class; ``polyphony`` the most notes at once;
``beats`` how long all notes last, in quarters, ``covered_beats`` how long any sounds. Notes that begin within
a 16th of a quarter are one of ``onsets``; from one onset's top pitch to the next it is a repeat, a step (up
to two semitones), a leap (from a fourth on) or none of these. ``first_pitch`` and ``last_pitch`` are the
lowest of those that begin first and of those that end last; ``note_hash`` is as in `FILE_STATS`."""

FILE_STATS: Final = np.dtype(
    [
        ("hits", np.int64, (7,)),
        ("notes", np.int64),
        ("drum_notes", np.int64),
        ("velocity_sum", np.int64),
        ("velocity_squares", np.int64),
        ("mean_polyphony", np.float64),
        ("note_hash", np.uint64, (2,)),
        ("polyphony", np.int32),
        ("channels", np.uint16),
        ("pitch_min", np.uint8),
        ("pitch_max", np.uint8),
        ("velocity_min", np.uint8),
        ("velocity_max", np.uint8),
    ],
    align=True,
)
"""One file. Pitch range and polyphony leave drum channels out; ``hits`` counts drum notes only; ``channels``
has a bit per channel; ``mean_polyphony`` is notes sounding, while any sounds; ``note_hash`` is equal for
files with the same pitches at the same beats for as long, counted from the first note."""


@kernel
def part_stats(
    files: NDArray[Any],
    notes: NDArray[Any],
    note_offsets: NDArray[np.int64],
    parts: NDArray[Any],
) -> int:
    """Fill in `PART` rows, ordered by file, track and channel; returns how many."""
    row = 0
    for file in range(len(files)):
        first, last = note_offsets[file], note_offsets[file + 1]
        slots = np.full(max(1, files[file].tracks) * 16, -1, np.int64)
        count = 0
        for note in range(first, last):
            slot = notes[note].track * 16 + notes[note].channel
            if slots[slot] < 0:
                slots[slot] = 0
                count += 1
        found = 0
        for slot in range(len(slots)):
            if slots[slot] >= 0:
                slots[slot] = found
                found += 1
        sizes = np.zeros(count + 1, np.int64)
        for note in range(first, last):
            sizes[slots[notes[note].track * 16 + notes[note].channel] + 1] += 1
        starts = np.cumsum(sizes)
        members = np.empty(last - first, np.int64)
        filled = starts.copy()
        for note in range(first, last):
            part = slots[notes[note].track * 16 + notes[note].channel]
            members[filled[part]] = note
            filled[part] += 1
        for part in range(count):
            own = members[starts[part] : starts[part + 1]]
            _part(notes, own, files[file].division, parts[row + part])
        row += count
    return row


@kernel
def file_stats(
    files: NDArray[Any], notes: NDArray[Any], note_offsets: NDArray[np.int64], stats: NDArray[Any]
) -> None:
    """Fill in `FILE_STATS`, one per file."""
    for file in range(len(files)):
        first, last = note_offsets[file], note_offsets[file + 1]
        _file(notes, first, last, files[file].division, stats[file])


@inlined
def _part(notes: NDArray[Any], members: NDArray[np.int64], division: int, part: Any) -> None:
    """Summarise the notes of one part, given in order of their starts."""
    opening = notes[members[0]]
    part.file, part.track, part.channel = opening.file, opening.track, opening.channel
    part.program, part.drum = opening.program, opening.drum
    part.pitch_class[:] = 0.0
    part.hits[:] = 0
    part.onsets = part.repeats = part.steps = part.leaps = 0
    first_tick, last_tick = signed(opening.start_tick), signed(opening.end_tick)
    lowest, highest = 127, 0
    total_seconds = 0.0
    pitches, velocities = 0, 0
    sounding, covered, reach = 0, 0, -1
    onset, top, top_before = -division, -1, -1
    early = late = np.uint64(0)  # halves of the hash
    seen = np.zeros(128, np.uint8)
    ends = np.empty(len(members), np.int64)
    for i in range(len(members)):
        note = notes[members[i]]
        start, end, pitch = signed(note.start_tick), signed(note.end_tick), signed(note.pitch)
        seconds = note.end_s - note.start_s
        total_seconds += seconds
        part.pitch_class[pitch % 12] += seconds
        part.hits[DRUM_CLASS_OF[pitch]] += 1
        pitches += pitch
        velocities += note.velocity
        last_tick = max(last_tick, end)
        lowest, highest = min(lowest, pitch), max(highest, pitch)
        seen[pitch] = 1
        ends[i] = end
        sounding += end - start
        covered += max(0, end - max(reach, start))
        reach = max(reach, end)
        if start - onset > division // ONSETS_APART:
            _count_interval(part, top_before, top)
            part.onsets += 1
            onset, top_before, top = start, top, pitch
        else:
            top = max(top, pitch)
        once, twice = _mixed(start - first_tick, end - start, pitch, division)
        early, late = early + once, late + twice
    _count_interval(part, top_before, top)
    part.start_tick, part.end_tick = first_tick, last_tick
    part.seconds, part.notes = total_seconds, len(members)
    part.pitch_min, part.pitch_max = lowest, highest
    part.pitch_sum, part.velocity_sum = pitches, velocities
    part.note_hash[0], part.note_hash[1] = early, late
    part.beats, part.covered_beats = sounding / division, covered / division
    part.distinct = seen.sum()
    _edges(notes, members, division, part)
    _sort(ends)
    ended, most = 0, 0
    for i in range(len(members)):
        start = notes[members[i]].start_tick
        while ended < i and ends[ended] <= start:
            ended += 1
        most = max(most, i + 1 - ended)
    part.polyphony = most


@inlined
def _sort(ends: NDArray[np.int64]) -> None:
    """Sort ends of notes, which begin in order, by insertion, as long as few are far from their places."""
    moves = MOST_MOVES * len(ends)
    for i in range(1, len(ends)):
        end = ends[i]
        place = i
        while place > 0 and ends[place - 1] > end:
            ends[place] = ends[place - 1]
            place -= 1
        ends[place] = end
        moves -= i - place
        if moves < 0:
            ends.sort()
            return


@inlined
def _edges(notes: NDArray[Any], members: NDArray[np.int64], division: int, part: Any) -> None:
    """Find the lowest pitches that begin first and end last, within a 48th of a quarter."""
    slack = max(1, division // EDGES_APART)
    lowest_first, lowest_last = 127, 127
    for i in range(len(members)):
        note = notes[members[i]]
        if note.start_tick <= part.start_tick + slack:
            lowest_first = min(lowest_first, signed(note.pitch))
        if note.end_tick >= part.end_tick - slack:
            lowest_last = min(lowest_last, signed(note.pitch))
    part.first_pitch, part.last_pitch = lowest_first, lowest_last


@inlined
def _count_interval(part: Any, before: int, pitch: int) -> None:
    """Count how one onset's top pitch follows the one before; -1 is none."""
    if before < 0:
        return
    size = abs(pitch - before)
    if size == 0:
        part.repeats += 1
    elif size <= STEP:
        part.steps += 1
    elif size >= LEAP:
        part.leaps += 1


@inlined
def _file(notes: NDArray[Any], first: int, last: int, division: int, stats: Any) -> None:
    """Summarise the notes of one file, given in order of their starts."""
    stats.hits[:] = 0
    velocities, squares, channels = 0, 0, 0
    softest, loudest = 127, 0
    lowest, highest = 127, 0
    sounding, covered, reach = 0, 0, -1
    early = late = np.uint64(0)  # halves of the hash
    first_tick = signed(notes[first].start_tick) if last > first else 0
    ends = np.empty(last - first, np.int64)
    pitched = 0
    for i in range(first, last):
        note = notes[i]
        velocity, pitch = signed(note.velocity), signed(note.pitch)
        start, end = signed(note.start_tick), signed(note.end_tick)
        velocities += velocity
        squares += velocity * velocity
        softest, loudest = min(softest, velocity), max(loudest, velocity)
        channels |= 1 << note.channel
        once, twice = _mixed(start - first_tick, end - start, pitch, division)
        early, late = early + once, late + twice
        if note.drum:
            stats.hits[DRUM_CLASS_OF[pitch]] += 1
            continue
        lowest, highest = min(lowest, pitch), max(highest, pitch)
        ends[pitched] = end
        pitched += 1
        sounding += end - start
        covered += max(0, end - max(reach, start))
        reach = max(reach, end)
    stats.notes, stats.drum_notes = last - first, last - first - pitched
    stats.velocity_sum, stats.velocity_squares, stats.channels = velocities, squares, channels
    stats.note_hash[0], stats.note_hash[1] = early, late
    stats.pitch_min, stats.pitch_max = lowest, highest
    stats.velocity_min, stats.velocity_max = softest, loudest
    stats.mean_polyphony = sounding / covered if covered > 0 else 0.0
    ends = ends[:pitched]
    _sort(ends)
    ended, begun, most = 0, 0, 0
    for i in range(first, last):
        if notes[i].drum:
            continue
        while ended < begun and ends[ended] <= notes[i].start_tick:
            ended += 1
        begun += 1
        most = max(most, begun - ended)
    stats.polyphony = most


@inlined
def _mixed(start: int, length: int, pitch: int, division: int) -> tuple[Any, Any]:
    """Mix a note into two words, whose sums over notes are a hash: the order at one tick does not matter.

    By splitmix64 [1]_, once and twice.

    References
    ----------
    .. [1] Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    grid, beat = np.uint64(HASH_GRID), np.uint64(division)  # without a sign they are divided sooner
    word = np.uint64(start) * grid // beat * np.uint64(0x9E3779B97F4A7C15)
    word ^= np.uint64(length) * grid // beat * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(pitch)
    once = _split_mixed(word)
    return once, _split_mixed(once)


@inlined
def _split_mixed(word: Any) -> Any:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@kernel
def notes_of_parts(
    notes: NDArray[Any],
    note_offsets: NDArray[np.int64],
    parts: NDArray[Any],
    wanted: NDArray[np.bool_],
    chosen: NDArray[Any],
) -> None:
    """Lay the notes of the wanted `PART` rows end to end, in the order of the rows, then of their starts."""
    at, row = 0, 0
    for file in range(len(note_offsets) - 1):
        first = row
        lowest, highest = 1 << 60, -1
        while row < len(parts) and parts[row].file == file:
            if wanted[row]:
                slot = parts[row].track * 16 + parts[row].channel
                lowest, highest = min(lowest, slot), max(highest, slot)
            row += 1
        if highest < 0:
            continue
        places = np.full(highest - lowest + 1, -1, np.int64)
        for part in range(first, row):
            if wanted[part]:
                places[parts[part].track * 16 + parts[part].channel - lowest] = at
                at += parts[part].notes
        for note in range(note_offsets[file], note_offsets[file + 1]):
            slot = notes[note].track * 16 + notes[note].channel - lowest
            if 0 <= slot < len(places) and places[slot] >= 0:
                chosen[places[slot]] = notes[note]
                places[slot] += 1
