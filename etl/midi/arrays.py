"""What a batch of MIDI files looks like in memory: notes, events and tempo maps as flat arrays.

Conventions
-----------
A batch is many files laid end to end, so that one compiled call serves them all. ``note_offsets[i]`` to
``note_offsets[i + 1]`` are the rows of file ``i``; events and tempos likewise. Ticks are absolute. Seconds
count from tick 0 of the file. Channels count from 0, so the General MIDI drum channel is 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRUM_CHANNEL: Final = 9

NOTE: Final = np.dtype(
    [
        ("start_tick", np.int64),
        ("end_tick", np.int64),
        ("start_s", np.float64),
        ("end_s", np.float64),
        ("file", np.int32),
        ("track", np.int32),
        ("channel", np.uint8),
        ("program", np.uint8),
        ("pitch", np.uint8),
        ("velocity", np.uint8),
        ("drum", np.uint8),
    ],
    align=True,
)
"""One sounding note; ``drum`` is 1 on a channel that plays a drum kit (10, or made one by GS, XG or GM2)."""

EVENT: Final = np.dtype(
    [
        ("tick", np.int64),
        ("offset", np.int64),
        ("length", np.int64),
        ("file", np.int32),
        ("track", np.int32),
        ("status", np.uint8),
        ("kind", np.uint8),
    ],
    align=True,
)
"""One message that is not a note. ``kind`` is the meta type (status 0xFF) or the first data byte; ``offset``
and ``length`` give its data bytes in the batch's buffer."""

TEMPO: Final = np.dtype(
    [
        ("tick", np.int64),
        ("seconds", np.float64),
        ("microseconds", np.int64),
        ("file", np.int32),
        ("track", np.int32),
    ],
    align=True,
)
"""One step of a tempo map: from ``tick`` (at ``seconds``) a quarter note lasts ``microseconds``. ``track``
is -1 for a map of the whole file, the track for a type 2 file."""

FILE: Final = np.dtype(
    [
        ("end_tick", np.int64),
        ("seconds", np.float64),
        ("seconds_per_tick", np.float64),
        ("note_end", np.int64),
        ("event_end", np.int64),
        ("warnings", np.int64),
        ("format", np.int32),
        ("declared_tracks", np.int32),
        ("tracks", np.int32),
        ("division", np.int32),
        ("written_division", np.int32),
        ("valid", np.bool_),
    ],
    align=True,
)
"""One file. ``division`` is ticks per quarter note (for SMPTE time the ticks in half a second, as at 120
bpm); ``written_division`` is the header's own word, negative for SMPTE time; ``seconds_per_tick`` is the
fixed SMPTE tick, else 0; ``valid`` is false where there is no MThd."""


class Repair(IntFlag):
    """What the reader had to put right; one bit each, names as stored in the library."""

    JUNK_BEFORE_HEADER = 1
    HEADER_DAMAGED = 2
    UNKNOWN_FORMAT = 4
    ZERO_DIVISION = 8
    ZERO_TEMPO = 16
    TRACK_TRUNCATED = 32
    TRACK_LENGTH_WRONG = 64
    ALIEN_CHUNK = 128
    RESYNCHRONISED = 256
    TRACK_COUNT_WRONG = 512
    NO_END_OF_TRACK = 1024
    EVENTS_AFTER_END = 2048
    NO_RUNNING_STATUS = 4096
    DATA_BYTE_CLIPPED = 8192
    SYSTEM_MESSAGE = 16384
    BAD_META = 32768
    EVENT_TRUNCATED = 65536
    LONG_VARIABLE_LENGTH = 131072
    HANGING_NOTE = 262144
    ORPHAN_NOTE_OFF = 524288
    NO_TRACKS = 1048576
    TRAILING_BYTES = 2097152
    SEVERAL_TRACKS_IN_TYPE_0 = 4194304
    IMPLAUSIBLE_TEMPO = 8388608
    IMPLAUSIBLE_LENGTH = 16777216


def repair_names(warnings: int) -> list[str]:
    """Names of the repairs in a bit set, in lower case.

    Examples
    --------
    >>> repair_names(Repair.ZERO_TEMPO | Repair.HANGING_NOTE)
    ['zero_tempo', 'hanging_note']
    """
    return [str(repair.name).lower() for repair in Repair if repair & warnings]


@dataclass(frozen=True, slots=True)
class MidiBatch:
    """Parsed files.

    Parameters
    ----------
    data
        The bytes of all files, end to end, uint8.
    files
        One `FILE` record per file.
    notes
        `NOTE` records, by file, then start tick (ties in track order, then file order).
    events
        `EVENT` records, by file, then track, then file order.
    tempos
        `TEMPO` records, by file (and track for type 2), then tick; every map starts at tick 0.
    note_offsets, event_offsets, tempo_offsets
        Where each file's rows start, shape (files + 1,).
    """

    data: NDArray[np.uint8]
    files: NDArray[Any]
    notes: NDArray[Any]
    events: NDArray[Any]
    tempos: NDArray[Any]
    note_offsets: NDArray[np.int64]
    event_offsets: NDArray[np.int64]
    tempo_offsets: NDArray[np.int64]

    def some(self, first: int, last: int) -> MidiBatch:
        """Give the files from ``first`` to before ``last``, by the same notes, events and tempos."""
        bounds = slice(first, last + 1)
        return replace(
            self,
            files=self.files[first:last],
            note_offsets=self.note_offsets[bounds],
            event_offsets=self.event_offsets[bounds],
            tempo_offsets=self.tempo_offsets[bounds],
        )

    def notes_of(self, file: int) -> NDArray[Any]:
        """Give the notes of one file, `NOTE` records."""
        return self.notes[self.note_offsets[file] : self.note_offsets[file + 1]]

    def events_of(self, file: int) -> NDArray[Any]:
        """Give the events of one file, `EVENT` records."""
        return self.events[self.event_offsets[file] : self.event_offsets[file + 1]]
