"""Compiled: the notes and events of one file to the bytes of all its parts.

References
----------
.. [1] MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001, 1996.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.bytes_kernel import MTHD, MTRK
from etl.midi.time_kernel import DEFAULT_TEMPO
from etl.runtime.jit import kernel
from etl.runtime.jit.intrinsics import copy_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME: Final = 0x03
TEMPO_META: Final = 0x51
METRE_META: Final = 0x58
KEY_META: Final = 0x59
SHARED_METAS: Final = (TEMPO_META, METRE_META, KEY_META)

PART_BYTES: Final = 64
"""Room for what every part has: header, name's head, first program, end of track."""
NOTE_BYTES: Final = 34
"""Room for a note: two messages of 11 bytes (delta time of up to 8), and a program before it."""
EVENT_BYTES: Final = 15
"""Room for a controller, program, bend or pressure, or a tempo, metre or key."""

_NEVER: Final = 1 << 62
_CLOCKS_PER_CLICK: Final = 24
_THIRTY_SECONDS: Final = 8


@kernel
def _put_word(out: NDArray[np.uint8], at: int, value: int) -> int:
    """Write a big-endian 32-bit word."""
    for shift in range(4):
        out[at + shift] = (value >> (24 - 8 * shift)) & 255
    return at + 4


@kernel
def _put_quantity(out: NDArray[np.uint8], at: int, value: int) -> int:
    """Write a variable-length quantity."""
    shift = 0
    while value >> (shift + 7) > 0:
        shift += 7
    while shift > 0:
        out[at] = 128 | ((value >> shift) & 127)
        at += 1
        shift -= 7
    out[at] = value & 127
    return at + 1


@kernel
def _put_message(
    out: NDArray[np.uint8], at: int, running: int, status: int, first: int, second: int
) -> tuple[int, int]:
    """Write a channel message, under running status where it can; give what follows and the status."""
    if status != running:
        out[at] = status
        at += 1
    out[at] = min(first, 127)
    at += 1
    if status & 0xE0 != 0xC0:
        out[at] = min(second, 127)
        at += 1
    return at, status


@kernel
def _put_meta(out: NDArray[np.uint8], at: int, data: NDArray[np.uint8], event: Any) -> int:
    """Write a tempo, metre or key, mended: a tempo of 0 is the default, clocks that are missing the usual."""
    start = event.offset
    length = 4 if event.kind == METRE_META else event.length
    out[at] = 0xFF
    out[at + 1] = event.kind
    out[at + 2] = length
    at += 3
    copy_bytes(out, at, data, start, min(length, event.length))
    if event.kind == TEMPO_META:
        if data[start] == 0 and data[start + 1] == 0 and data[start + 2] == 0:
            for place in range(3):
                out[at + place] = (DEFAULT_TEMPO >> (16 - 8 * place)) & 255
    elif event.kind == METRE_META and event.length < 4:
        out[at + 2] = _CLOCKS_PER_CLICK
        out[at + 3] = _THIRTY_SECONDS
    return at + length


@kernel
def _deal(keys: NDArray[np.int64], parts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort places by their part, in order: where each part starts, and the places; -1 is no part."""
    starts = np.zeros(parts + 1, np.int64)
    for key in keys:
        if key >= 0:
            starts[key + 1] += 1
    starts = np.cumsum(starts)
    filled = starts.copy()
    members = np.empty(starts[parts], np.int64)
    for place in range(len(keys)):
        key = keys[place]
        if key >= 0:
            members[filled[key]] = place
            filled[key] += 1
    return starts, members


@kernel
def _metas(events: NDArray[Any], smpte: bool) -> NDArray[np.int64]:
    """Find tempos, metres and keys, in order of their ticks; tempos have no say in SMPTE time."""
    rows = np.empty(len(events), np.int64)
    ticks = np.empty(len(events), np.int64)
    count = 0
    for row in range(len(events)):
        kind = events[row].kind
        if events[row].status == 0xFF and (
            kind in (METRE_META, KEY_META) or (kind == TEMPO_META and not smpte)
        ):
            rows[count] = row
            ticks[count] = events[row].tick
            count += 1
    return rows[:count][np.argsort(ticks[:count], kind="mergesort")]


@kernel
def _first_program(
    notes: NDArray[Any], ons: NDArray[np.int64], events: NDArray[Any], own: NDArray[np.int64]
) -> int:
    """Find the program to begin with: that of the first note, where another track has set it; else 0."""
    opening = notes[ons[0]]
    for row in own:
        if events[row].tick > opening.start_tick:
            break
        if events[row].status & 0xF0 == 0xC0:
            return 0
    program: int = opening.program + 0
    return program


@kernel
def write_parts(
    data: NDArray[np.uint8],
    record: Any,
    notes: NDArray[Any],
    events: NDArray[Any],
    tracks: NDArray[np.int64],
    channels: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Write parts of one file as type 0 files, end to end.

    Within a tick: metas, then the channel's own events, ends of notes, beginnings, and last the ends of notes
    of no length. A program that another track sets is written before the first note that has it.

    Parameters
    ----------
    data
        The bytes that events point into.
    record
        `FILE`.
    notes, events
        `NOTE` and `EVENT` of the file, all events kept.
    tracks, channels
        Of each part, shape (parts,); each pair once, and with notes.
    out
        Filled in; room for every part, note and event (for metas in every part), and for the names.

    Returns
    -------
    ndarray
        Where each part starts in ``out``, shape (parts + 1,).
    """
    count = len(tracks)
    slots = np.full(max(1, record.tracks) * 16, -1, np.int64)
    for part in range(count):
        slots[tracks[part] * 16 + channels[part]] = part
    keys = np.empty(len(notes), np.int64)
    ends = np.empty(len(notes), np.int64)
    for note in range(len(notes)):
        keys[note] = slots[notes[note].track * 16 + notes[note].channel]
        ends[note] = 2 * notes[note].end_tick + (notes[note].end_tick == notes[note].start_tick)
    by_end = np.argsort(ends, kind="mergesort")
    on_starts, all_ons = _deal(keys, count)
    off_starts, all_offs = _deal(keys[by_end], count)
    keys = np.full(len(events), -1, np.int64)
    names = np.full(max(1, record.tracks), -1, np.int64)
    for row in range(len(events)):
        event = events[row]
        if event.status < 0xF0:
            keys[row] = slots[event.track * 16 + (event.status & 15)]
        elif event.status == 0xFF and event.kind == NAME and names[event.track] < 0:
            names[event.track] = row
    own_starts, all_own = _deal(keys, count)
    metas = _metas(events, record.seconds_per_tick > 0)

    stops = np.zeros(count + 1, np.int64)
    at = 0
    for part in range(count):
        track, channel = tracks[part], channels[part]
        at = _put_word(out, at, MTHD)
        at = _put_word(out, at, 6)
        at = _put_word(out, at, 1)  # type 0, one track
        out[at] = (record.written_division >> 8) & 255
        out[at + 1] = record.written_division & 255
        at = _put_word(out, at + 2, MTRK)
        begin = at + 4
        at = begin
        if names[track] >= 0:
            name = events[names[track]]
            out[at] = 0
            out[at + 1] = 0xFF
            out[at + 2] = NAME
            at = _put_quantity(out, at + 3, name.length)
            copy_bytes(out, at, data, name.offset, name.length)
            at += name.length
        ons = all_ons[on_starts[part] : on_starts[part + 1]]
        offs = all_offs[off_starts[part] : off_starts[part + 1]]
        own = all_own[own_starts[part] : own_starts[part + 1]]
        running = 0
        now = 0
        program = _first_program(notes, ons, events, own)
        if program > 0:
            out[at] = 0
            at, running = _put_message(out, at + 1, running, 0xC0 | channel, program, 0)
        meta, event, on, off = 0, 0, 0, 0
        while True:
            while meta < len(metas) and record.format == 2 and events[metas[meta]].track != track:
                meta += 1
            meta_tick = events[metas[meta]].tick if meta < len(metas) else _NEVER
            own_tick = events[own[event]].tick if event < len(own) else _NEVER
            on_tick = notes[ons[on]].start_tick if on < len(ons) else _NEVER
            off_tick = notes[by_end[offs[off]]].end_tick if off < len(offs) else _NEVER
            tick = min(meta_tick, own_tick, on_tick, off_tick)
            if tick == _NEVER:
                break
            at = _put_quantity(out, at, tick - now)
            now = tick
            if meta_tick == tick:
                at = _put_meta(out, at, data, events[metas[meta]])
                running = 0
                meta += 1
            elif own_tick == tick:
                row = events[own[event]]
                second = data[row.offset + 1] + 0 if row.length > 1 else 0
                at, running = _put_message(out, at, running, row.status + 0, row.kind + 0, second)
                if row.status & 0xF0 == 0xC0:
                    program = row.kind + 0
                event += 1
            elif off_tick == tick and (on_tick > tick or ends[by_end[offs[off]]] & 1 == 0):
                pitch = notes[by_end[offs[off]]].pitch + 0
                at, running = _put_message(out, at, running, 0x80 | channel, pitch, 0)
                off += 1
            else:
                note = notes[ons[on]]
                if note.program != program:
                    program = note.program + 0
                    at, running = _put_message(out, at, running, 0xC0 | channel, program, 0)
                    out[at] = 0
                    at += 1
                at, running = _put_message(
                    out, at, running, 0x90 | channel, note.pitch + 0, note.velocity + 0
                )
                on += 1
        at = _put_word(out, at, 0x00FF2F00)
        _put_word(out, begin - 4, at - begin)
        stops[part + 1] = at
    return stops
