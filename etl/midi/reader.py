"""The lenient reader: bytes in, note arrays out, whatever state the file is in.

Nothing but a missing ``MThd`` is fatal; every repair is a bit of `etl.midi.arrays.Repair`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from etl.midi.arrays import EVENT, FILE, NOTE, TEMPO, MidiBatch
from etl.midi.parse_kernel import parse_files
from etl.midi.time_kernel import place_in_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SHORTEST_NOTE_ON = 3  # bytes: delta time and, under running status, pitch and velocity
_SHORTEST_EVENT = 2  # bytes: delta time and, under running status, a program


def read_files(blobs: Sequence[bytes | bytearray | memoryview], *, keep_all: bool = False) -> MidiBatch:
    """Parse MIDI files.

    Parameters
    ----------
    blobs
        Contents of the files.
    keep_all
        Keep every event, not only names, tempos, metres, keys and programs: needed to split a file.

    Returns
    -------
    MidiBatch
        Notes sorted by start; seconds through the tempo map of the file (of the track in a type 2 file).

    Examples
    --------
    >>> head = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 96])
    >>> track = bytes([0, 0x90, 60, 100, 96, 0x80, 60, 0, 0, 0xFF, 0x2F, 0])
    >>> batch = read_files([head + b"MTrk" + len(track).to_bytes(4, "big") + track])
    >>> batch.notes[["pitch", "end_tick", "end_s"]].tolist()
    [(60, 96, 0.5)]
    """
    sizes = np.fromiter((len(blob) for blob in blobs), np.int64, len(blobs))
    offsets = _offsets(np.cumsum(sizes))
    data = np.frombuffer(b"".join(blobs), np.uint8)
    files = np.zeros(len(blobs), FILE)
    # Rows that are never written cost address space only.
    read, notes = (
        np.empty(size // _SHORTEST_NOTE_ON + 1, NOTE) for size in (int(sizes.max(initial=0)), len(data))
    )
    events = np.empty(len(data) // _SHORTEST_EVENT + 1, EVENT)
    note_count, event_count = parse_files(data, offsets, keep_all, files, read, notes, events)
    notes, events = notes[:note_count], events[:event_count].copy()
    tempos = np.empty(len(files) + int(files["tracks"].sum()) + event_count, TEMPO)
    tempo_ends = np.empty(len(files), np.int64)
    tempo_count = place_in_time(data, files, notes, events, tempos, tempo_ends)
    return MidiBatch(
        data=data,
        files=files,
        notes=notes,
        events=events,
        tempos=tempos[:tempo_count].copy(),
        note_offsets=_offsets(files["note_end"]),
        event_offsets=_offsets(files["event_end"]),
        tempo_offsets=_offsets(tempo_ends),
    )


def _offsets(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), ends])
