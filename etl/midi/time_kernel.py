"""Compiled: programs across tracks, tempo maps and seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.batch import Repair
from etl.midi.bytes_kernel import signed
from etl.midi.jit import kernel
from etl.midi.parse_kernel import UNKNOWN_PROGRAM

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_TEMPO: Final = 500_000
"""Microseconds a quarter note where a file does not say: 120 bpm (RP-001, p. 9)."""

_ZERO_TEMPO: Final = int(Repair.ZERO_TEMPO)


@kernel
def gather(notes: NDArray[Any], order: NDArray[np.int64], ordered: NDArray[Any]) -> None:
    """``ordered[:] = notes[order]``, ten times faster than numpy copies records."""
    for row in range(len(order)):
        ordered[row] = notes[order[row]]


@kernel
def place_in_time(
    data: NDArray[Any],
    files: NDArray[Any],
    notes: NDArray[Any],
    events: NDArray[Any],
    tempos: NDArray[Any],
    tempo_ends: NDArray[Any],
) -> int:
    """Fill in seconds, the programs set from another track, and the tempo maps.

    Parameters
    ----------
    data, files, notes, events
        As `parse_files` left them, notes sorted by file and start.
    tempos
        Filled in: `TEMPO`, room for one row per file, track and event.
    tempo_ends
        Filled in: where each file's tempo rows end.

    Returns
    -------
    int
        Number of tempo rows.
    """
    row = 0
    note_start = 0
    event_start = 0
    for file in range(len(files)):
        record = files[file]
        note_end, event_end = record.note_end, record.event_end
        _resolve_programs(notes, note_start, note_end, events, event_start, event_end)
        first = row
        if record.format == 2 and record.tracks > 0:
            for track in range(record.tracks):
                begin = row
                row = _tempo_map(data, record, file, track, events, event_start, event_end, tempos, row)
                _seconds(record, notes, note_start, note_end, track, tempos, begin, row)
        else:
            row = _tempo_map(data, record, file, -1, events, event_start, event_end, tempos, row)
            _seconds(record, notes, note_start, note_end, -1, tempos, first, row)
        if record.format != 2:
            record.seconds = _at(record, tempos, first, row, record.end_tick)
        else:
            for note in range(note_start, note_end):
                record.seconds = max(record.seconds, notes[note].end_s)
        tempo_ends[file] = row
        note_start, event_start = note_end, event_end
    return row


@kernel
def _resolve_programs(
    notes: NDArray[Any],
    note_start: int,
    note_end: int,
    events: NDArray[Any],
    event_start: int,
    event_end: int,
) -> None:
    """Give notes whose track sets no program the one another track has set on their channel, else 0."""
    unknown = False
    for note in range(note_start, note_end):
        if notes[note].program == UNKNOWN_PROGRAM:
            unknown = True
            break
    if not unknown:
        return
    count = 0
    for event in range(event_start, event_end):
        count += (events[event].status & 0xF0) == 0xC0
    rows = np.empty(count, np.int64)
    ticks = np.empty(count, np.int64)
    count = 0
    for event in range(event_start, event_end):
        if (events[event].status & 0xF0) == 0xC0:
            rows[count] = event
            ticks[count] = events[event].tick
            count += 1
    order = np.argsort(ticks, kind="mergesort")
    current = np.zeros(16, np.uint8)
    done = 0
    for note in range(note_start, note_end):
        while done < count and ticks[order[done]] <= notes[note].start_tick:
            event = rows[order[done]]
            current[events[event].status & 15] = events[event].kind
            done += 1
        if notes[note].program == UNKNOWN_PROGRAM:
            notes[note].program = current[notes[note].channel]


@kernel
def _tempo_map(
    data: NDArray[Any],
    record: Any,
    file: int,
    track: int,
    events: NDArray[Any],
    event_start: int,
    event_end: int,
    tempos: NDArray[Any],
    row: int,
) -> int:
    """Append the tempo map of a file (track -1) or of one track; of two tempos at one tick the later wins."""
    first = row
    _set_tempo(tempos, row, file, track, 0, DEFAULT_TEMPO)
    row += 1
    for event in range(event_start, event_end):
        if events[event].status != 0xFF or events[event].kind != 0x51 or record.seconds_per_tick > 0:
            continue
        if track >= 0 and events[event].track != track:
            continue
        at = events[event].offset
        tempo = (signed(data[at]) << 16) | (signed(data[at + 1]) << 8) | signed(data[at + 2])
        if tempo == 0:
            tempo = DEFAULT_TEMPO
            record.warnings |= _ZERO_TEMPO
        tick = events[event].tick
        # Tempos nearly always come in order; insert from the end.
        place = row
        while place > first and tempos[place - 1].tick > tick:
            place -= 1
        if tempos[place - 1].tick == tick:
            tempos[place - 1].microseconds = tempo
            continue
        for later in range(row, place, -1):
            tempos[later] = tempos[later - 1]
        _set_tempo(tempos, place, file, track, tick, tempo)
        row += 1
    for step in range(first + 1, row):
        before = tempos[step - 1]
        ticks = tempos[step].tick - before.tick
        tempos[step].seconds = before.seconds + ticks * _tick_seconds(record, before.microseconds)
    return row


@kernel
def _set_tempo(tempos: NDArray[Any], row: int, file: int, track: int, tick: int, microseconds: int) -> None:
    step = tempos[row]
    step.tick = tick
    step.seconds = 0.0
    step.microseconds = microseconds
    step.file = file
    step.track = track


@kernel
def _tick_seconds(record: Any, microseconds: int) -> float:
    """Length of a tick at a tempo, or of the fixed SMPTE tick."""
    seconds: float = microseconds / (record.division * 1e6)
    if record.seconds_per_tick > 0:
        seconds = record.seconds_per_tick
    return seconds


@kernel
def _at(record: Any, tempos: NDArray[Any], first: int, last: int, tick: int) -> float:
    """Seconds of a tick by binary search in the map ``tempos[first:last]``."""
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if tempos[middle].tick <= tick:
            low = middle
        else:
            high = middle
    step = tempos[low]
    return float(step.seconds + (tick - step.tick) * _tick_seconds(record, step.microseconds))


@kernel
def _seconds(
    record: Any,
    notes: NDArray[Any],
    note_start: int,
    note_end: int,
    track: int,
    tempos: NDArray[Any],
    first: int,
    last: int,
) -> None:
    """Fill in the seconds of a file's notes (of one track's, for a type 2 file)."""
    for note in range(note_start, note_end):
        if track < 0 or notes[note].track == track:
            notes[note].start_s = _at(record, tempos, first, last, notes[note].start_tick)
            notes[note].end_s = _at(record, tempos, first, last, notes[note].end_tick)
