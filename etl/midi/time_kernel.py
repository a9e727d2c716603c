"""Compiled: programs across tracks, tempo maps and seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.arrays import Repair
from etl.midi.bytes_kernel import signed
from etl.midi.parse_kernel import UNKNOWN_PROGRAM
from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_TEMPO: Final = 500_000
"""Microseconds a quarter note where a file does not say: 120 bpm (RP-001, p. 9)."""

SHORTEST_BEAT: Final = 60_000
"""Microseconds, 1,000 bpm: shorter quarter notes are damage, not tempos."""
MOST_BEATS: Final = 1_000_000
"""Quarter notes, six days at 120 bpm: longer files have a damaged time."""

_ZERO_TEMPO: Final = int(Repair.ZERO_TEMPO)
_FAST: Final = int(Repair.IMPLAUSIBLE_TEMPO)
_ENDLESS: Final = int(Repair.IMPLAUSIBLE_LENGTH)


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
        if record.end_tick > MOST_BEATS * record.division:
            record.warnings |= _ENDLESS
        note_end, event_end = record.note_end, record.event_end
        _resolve_programs(notes, note_start, note_end, events, event_start, event_end)
        first = row
        # One map for the file, or one for each sequence of a type 2 file.
        separate = record.format == 2 and record.tracks > 0
        maps = np.empty(record.tracks + 1 if separate else 2, np.int64)
        event = event_start
        for place in range(len(maps) - 1):
            maps[place] = row
            last = event_end
            if separate:
                last = event
                while last < event_end and events[last].track == place:
                    last += 1
            track = place if separate else -1
            row = _tempo_map(data, record, file, track, events, event, last, tempos, row)
            event = last
        maps[-1] = row
        for note in range(note_start, note_end):
            place = notes[note].track if separate else 0
            low, high = maps[place], maps[place + 1]
            notes[note].start_s = _at(record, tempos, low, high, notes[note].start_tick)
            notes[note].end_s = _at(record, tempos, low, high, notes[note].end_tick)
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
    """Append the tempo map that some events make; of two tempos at one tick the later wins."""
    first = row
    _set_tempo(tempos, row, file, track, 0, DEFAULT_TEMPO)
    row += 1
    if record.seconds_per_tick > 0:
        return row
    last = 0
    in_order = True
    for event in range(event_start, event_end):
        if events[event].status != 0xFF or events[event].kind != 0x51:
            continue
        at = events[event].offset
        tempo = (signed(data[at]) << 16) | (signed(data[at + 1]) << 8) | signed(data[at + 2])
        if tempo == 0:
            tempo = DEFAULT_TEMPO
            record.warnings |= _ZERO_TEMPO
        elif tempo < SHORTEST_BEAT:
            record.warnings |= _FAST
        _set_tempo(tempos, row, file, track, events[event].tick, tempo)
        in_order = in_order and events[event].tick >= last
        last = events[event].tick
        row += 1
    if not in_order:
        # Tempos of several tracks; a stable sort keeps the later of two at one tick behind the earlier.
        steps = tempos[first:row].copy()
        # A plain array: for a column of records the sort would be compiled once more.
        ticks = np.empty(len(steps), np.int64)
        for step in range(len(steps)):
            ticks[step] = steps[step].tick
        order = np.argsort(ticks, kind="mergesort")
        for place in range(len(order)):
            tempos[first + place] = steps[order[place]]
    kept = first
    for step in range(first + 1, row):
        if tempos[step].tick != tempos[kept].tick:
            kept += 1
        tempos[kept] = tempos[step]
    row = kept + 1
    for step in range(first + 1, row):
        before = tempos[step - 1]
        passed = tempos[step].tick - before.tick
        tempos[step].seconds = before.seconds + passed * _tick_seconds(record, before.microseconds)
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
