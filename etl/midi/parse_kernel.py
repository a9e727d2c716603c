"""The compiled heart of the reader: bytes of Standard MIDI Files to note and event records.

Nothing here raises: damage is put right and noted in the file's warning bits. Every read is checked against
the end of the file, every search moves forward, so time is linear in the bytes.

References
----------
.. [1] MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001, 1996.
.. [2] Roland, "GS format", 1991: system exclusive 40 1n 15 makes a part a drum part (n = 0 is channel 10);
   after a GS reset (40 00 7F) banks 126 and 127 are melodic sounds of the CM-64.
.. [3] Yamaha, "XG specification" 2.00, 1999 (banks 126 and 127 are drums); MMA, "General MIDI 2" 1.2, 2007
   (bank 120; bank 121 is melody, on channel 10 too).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.arrays import DRUM_CHANNEL, Repair
from etl.midi.bytes_kernel import (
    LAST_TICK,
    MTHD,
    MTRK,
    chunk_at,
    find,
    find_track,
    next_chunk,
    signed,
    variable_length,
    word,
)
from etl.midi.header_kernel import read_header
from etl.midi.order_kernel import by_start
from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER_WINDOW: Final = 65536
DEFAULT_DIVISION: Final = 480
UNKNOWN_PROGRAM: Final = 255
UNKNOWN_BANK: Final = 255
GM2_DRUM_BANK: Final = 120
GM2_MELODY_BANK: Final = 121
XG_DRUM_BANK: Final = 127
XG_SFX_BANK: Final = 126
GS_DRUMS: Final = 2  # a drum part by system exclusive; 1: by bank or by being channel 10

# numba freezes module constants, but only plain integers.
_TRUNCATED: Final = int(Repair.TRACK_TRUNCATED)
_LENGTH: Final = int(Repair.TRACK_LENGTH_WRONG)
_ALIEN: Final = int(Repair.ALIEN_CHUNK)
_RESYNC: Final = int(Repair.RESYNCHRONISED)
_COUNT: Final = int(Repair.TRACK_COUNT_WRONG)
_NO_END: Final = int(Repair.NO_END_OF_TRACK)
_AFTER_END: Final = int(Repair.EVENTS_AFTER_END)
_NO_STATUS: Final = int(Repair.NO_RUNNING_STATUS)
_CLIPPED: Final = int(Repair.DATA_BYTE_CLIPPED)
_SYSTEM: Final = int(Repair.SYSTEM_MESSAGE)
_META: Final = int(Repair.BAD_META)
_EVENT: Final = int(Repair.EVENT_TRUNCATED)
_LONG: Final = int(Repair.LONG_VARIABLE_LENGTH)
_HANGING: Final = int(Repair.HANGING_NOTE)
_ORPHAN: Final = int(Repair.ORPHAN_NOTE_OFF)
_NO_TRACKS: Final = int(Repair.NO_TRACKS)
_TRAILING: Final = int(Repair.TRAILING_BYTES)
_SEVERAL: Final = int(Repair.SEVERAL_TRACKS_IN_TYPE_0)


@kernel
def _keep_event(
    row: Any, tick: int, offset: int, length: int, file: int, track: int, status: int, kind: int
) -> None:
    row.tick = tick
    row.offset = offset
    row.length = length
    row.file = file
    row.track = track
    row.status = status
    row.kind = kind


@kernel
def _track(
    data: NDArray[Any],
    start: int,
    declared_stop: int,
    stop: int,
    file: int,
    track: int,
    keep_all: bool,
    notes: NDArray[Any],
    note: int,
    events: NDArray[Any],
    event: int,
    open_head: NDArray[Any],
    open_tail: NDArray[Any],
    channels: NDArray[Any],
) -> tuple[int, int, int, int, int, bool]:
    """Read the messages of one track.

    Open notes of one channel and pitch form a queue (first on, first off); while a note is open its
    ``end_tick`` holds the next note of its queue as -2 - index, or -1.

    Returns
    -------
    tuple
        Position reached, next free note and event rows, last tick, warnings, whether the track ended.
    """
    at = start
    tick = 0
    running = 0
    warnings = 0
    ended = False
    first_note = note
    open_notes = 0
    programs, banks, drums, gs = channels[0], channels[1], channels[2], channels[3]
    programs[:] = UNKNOWN_PROGRAM
    banks[:] = UNKNOWN_BANK
    while at < stop and not (ended and at >= declared_stop):
        delta, at, size = variable_length(data, at, stop)
        if abs(size) > 4:
            warnings |= _LONG
        if size < 0 or at >= stop:
            if not ended:
                warnings |= _EVENT
            break
        tick = min(tick + delta, LAST_TICK)
        status = signed(data[at])
        if status < 128:
            if running == 0:
                # Skip to the next status byte; the data byte before it may be its delta time.
                warnings |= _AFTER_END if ended else _NO_STATUS
                while at < stop and data[at] < 128:
                    at += 1
                at -= at < stop
                continue
            status = running
        else:
            at += 1
        if ended:
            warnings |= _AFTER_END
        if status >= 0xF0:
            if status in (0xF0, 0xF7, 0xFF):
                kind = 0
                if status == 0xFF:
                    if at >= stop:
                        warnings |= _EVENT
                        break
                    kind = signed(data[at])
                    at += 1
                length, at, size = variable_length(data, at, stop)
                if abs(size) > 4:
                    warnings |= _LONG
                if kind == 0x2F and status == 0xFF:
                    # An end of track whose length byte was cut off is still an end.
                    ended = True
                    running = 0
                    at = min(at + length, stop)
                    if at >= declared_stop or (at + 8 <= stop and word(data, at) == MTRK):
                        break
                    continue
                if size < 0 or at + length > stop:
                    warnings |= _EVENT
                    at = stop
                    break
                if status == 0xFF:
                    good = kind < 128
                    if kind == 0x51:
                        good = length == 3
                    elif kind == 0x58:
                        good = length >= 2 and data[at] > 0 and data[at + 1] < 7
                    elif kind == 0x59:
                        good = length == 2 and data[at + 1] < 2 and (data[at] < 8 or data[at] > 248)
                    if not good:
                        warnings |= _META
                        at += length
                        continue
                elif (
                    # Roland GS: F0 len 41 dev 42 12, address, data, checksum, F7 [2]_.
                    length >= 9
                    and data[at] == 0x41
                    and data[at + 2] == 0x42
                    and data[at + 3] == 0x12
                    and data[at + 4] == 0x40
                ):
                    if data[at + 5] == 0 and data[at + 6] == 0x7F:
                        gs[:] = 1
                    elif (data[at + 5] & 0xF0) == 0x10 and data[at + 6] == 0x15:
                        block = signed(data[at + 5]) & 15
                        part = DRUM_CHANNEL if block == 0 else (block - 1 if block < 10 else block)
                        drums[part] = GS_DRUMS if data[at + 7] > 0 else 0
                if keep_all or (status == 0xFF and ((0 < kind < 8) or kind in (0x20, 0x51, 0x58, 0x59))):
                    _keep_event(events[event], tick, at, length, file, track, status, kind)
                    event += 1
                at += length
            else:
                # System common and real-time messages have no place in a file; step over them.
                warnings |= _SYSTEM
                if status == 0xF2:
                    at = min(at + 2, stop)
                elif status in (0xF1, 0xF3):
                    at = min(at + 1, stop)
            continue
        running = status
        message = status & 0xF0
        channel = status & 15
        needed = 1 if message in (0xC0, 0xD0) else 2
        if at + needed > stop:
            warnings |= _EVENT
            at = stop
            break
        first = signed(data[at])
        second = signed(data[at + 1]) if needed == 2 else 0
        if first > 127 or second > 127:
            warnings |= _CLIPPED
            first = min(first, 127)
            second = min(second, 127)
        if message == 0x90 and second > 0:
            row = notes[note]
            row.start_tick = tick
            row.end_tick = -1
            row.file = file
            row.track = track
            row.channel = channel
            row.program = programs[channel]
            row.pitch = first
            row.velocity = second
            row.drum = drums[channel] > 0
            queue = channel * 128 + first
            if open_head[queue] < 0:
                open_head[queue] = note
            else:
                notes[open_tail[queue]].end_tick = -2 - note
            open_tail[queue] = note
            note += 1
            open_notes += 1
        elif message in (0x80, 0x90):
            queue = channel * 128 + first
            oldest = open_head[queue]
            if oldest < 0:
                warnings |= _ORPHAN
            else:
                link = notes[oldest].end_tick
                open_head[queue] = -1 if link == -1 else -2 - link
                notes[oldest].end_tick = tick
                open_notes -= 1
        else:
            if message == 0xC0:
                programs[channel] = first
                bank = banks[channel]
                if bank == GM2_MELODY_BANK:
                    drums[channel] = 0
                elif channel != DRUM_CHANNEL and bank != UNKNOWN_BANK and drums[channel] != GS_DRUMS:
                    # On a part that GS made drums, banks choose among kits.
                    xg_drums = gs[channel] == 0 and bank in (XG_SFX_BANK, XG_DRUM_BANK)
                    drums[channel] = 1 if bank == GM2_DRUM_BANK or xg_drums else 0
                elif bank == GM2_DRUM_BANK:
                    drums[channel] = 1
            elif message == 0xB0 and first == 0:
                banks[channel] = second
            if keep_all or message == 0xC0:
                _keep_event(events[event], tick, at, needed, file, track, status, first)
                event += 1
        at += needed
    if open_notes > 0:
        warnings |= _HANGING
        for i in range(note - 1, first_note - 1, -1):
            if notes[i].end_tick < 0:
                notes[i].end_tick = tick
                open_head[signed(notes[i].channel) * 128 + notes[i].pitch] = -1
                open_notes -= 1
                if open_notes == 0:
                    break
    return at, note, event, tick, warnings, ended


@kernel
def parse_files(
    data: NDArray[Any],
    offsets: NDArray[Any],
    keep_all: bool,
    files: NDArray[Any],
    read: NDArray[Any],
    notes: NDArray[Any],
    events: NDArray[Any],
) -> tuple[int, int]:
    """Parse a batch of files into records; ends of notes and channels' programs are final but for 255.

    Parameters
    ----------
    data
        Files end to end, uint8.
    offsets
        Where each file starts, int64, shape (files + 1,).
    keep_all
        Also keep controllers, bends, pressures, system exclusives and all metas (needed to split a file).
    files, notes, events
        Filled in: `FILE`, `NOTE` (at least bytes / 3 rows), `EVENT` (at least bytes / 2 rows); notes by file,
        then start.
    read
        Room for the notes of a file as they are read, `NOTE` (at least bytes / 3 rows of the largest): it
        stays in the cache until they are in order.

    Returns
    -------
    tuple
        Numbers of note and event rows.
    """
    notes_before = 0
    event = 0
    open_head = np.full(16 * 128, -1, np.int64)
    open_tail = np.full(16 * 128, -1, np.int64)
    channels = np.zeros((4, 16), np.uint8)
    for file in range(len(files)):
        start, stop = offsets[file], offsets[file + 1]
        record = files[file]
        record.valid = False
        record.format = record.tracks = record.declared_tracks = 0
        record.division = record.written_division = DEFAULT_DIVISION
        record.seconds_per_tick = record.seconds = 0.0
        record.end_tick = 0
        warnings = 0
        note = 0
        at = find(data, start, min(stop, start + HEADER_WINDOW), MTHD)
        if at >= 0:
            record.valid = True
            at, warnings = read_header(data, start, at, stop, record)
            channels[2:] = 0
            channels[2, DRUM_CHANNEL] = 1
            found = 0
            intact = True
            while True:
                if at + 8 > stop or word(data, at) != MTRK:
                    if at == stop:
                        break
                    second_file = found > 0 and at + 4 <= stop and word(data, at) == MTHD
                    if chunk_at(data, at, stop) and not second_file:
                        warnings |= _ALIEN
                        at += 8 + word(data, at + 4)
                        continue
                    # What follows whole tracks is what another file has left behind.
                    whole = intact and 0 < record.declared_tracks <= found
                    following = stop if whole else find_track(data, at, stop, found > 0)
                    if following + 8 > stop:
                        warnings |= _TRAILING
                        break
                    warnings |= _RESYNC
                    at = following
                begin = at + 8
                declared = begin + word(data, at + 4)
                limit = declared
                if declared > stop or not chunk_at(data, declared, stop):
                    # The length is wrong or junk follows: the next header is the only sure limit.
                    limit = next_chunk(data, begin, stop)
                    declared = min(declared, limit)
                at, note, event, tick, found_warnings, ended = _track(
                    data, begin, declared, limit, file, found, keep_all, read, note, events, event,
                    open_head, open_tail, channels,
                )  # fmt: skip
                warnings |= found_warnings
                if at != begin + word(data, begin - 4):
                    warnings |= _TRUNCATED if limit == stop and at <= declared else _LENGTH
                    intact = False
                record.end_tick = max(record.end_tick, tick)
                found += 1
                if not ended:
                    warnings |= _NO_END
            record.tracks = found
            if found != record.declared_tracks:
                warnings |= _COUNT
            if found == 0:
                warnings |= _NO_TRACKS
            if found > 1 and record.format == 0:
                warnings |= _SEVERAL
        by_start(read, note, notes, notes_before)
        notes_before += note
        record.warnings = warnings
        record.note_end = notes_before
        record.event_end = event
    return notes_before, event
