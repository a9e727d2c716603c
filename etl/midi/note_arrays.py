"""Notes of files as arrays for models: a public record type, and piano rolls.

References
----------
.. [1] Cancino-Chacón et al., "Partitura: A Python Package for Symbolic Music Processing", 2022: the names of
   the fields of a performance's note array, which ours are where there are any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTE_ARRAY: Final = np.dtype(
    [
        ("onset_sec", "<f4"),
        ("duration_sec", "<f4"),
        ("onset_tick", "<i4"),
        ("duration_tick", "<i4"),
        ("track", "<u2"),
        ("pitch", "u1"),
        ("velocity", "u1"),
        ("channel", "u1"),
        ("program", "u1"),
        ("is_drum", "u1"),
    ]
)
"""One note: when it begins and how long it lasts, in seconds (through the tempo map) and in ticks, both from
the start of the file; track and channel from 0; pitch 0-127, 60 is middle C; velocity 1-127; the General MIDI
program 0-127, 255 where none is set; 1 for a note of a drum kit, else 0."""

ROLL_STEPS: Final = 4
"""Columns of a piano roll in a quarter note."""

MOST_STEPS: Final = 1 << 15
"""Columns of a piano roll that are kept: 2,048 bars of four quarter notes."""

_LAST: Final = np.iinfo(np.int32).max


def note_array(notes: NDArray[Any]) -> NDArray[Any]:
    """Give the notes of a file as `NOTE_ARRAY` records, by onset; ticks beyond 2**31 - 1 are cut to that.

    Parameters
    ----------
    notes
        `etl.midi.arrays.NOTE` records.
    """
    found = np.zeros(len(notes), NOTE_ARRAY)
    found["onset_sec"] = notes["start_s"]
    found["duration_sec"] = notes["end_s"] - notes["start_s"]
    found["onset_tick"] = np.minimum(notes["start_tick"], _LAST)
    found["duration_tick"] = np.minimum(notes["end_tick"] - notes["start_tick"], _LAST)
    found["track"] = np.minimum(notes["track"], np.iinfo(np.uint16).max)
    for name in ("pitch", "velocity", "channel", "program"):
        found[name] = notes[name]
    found["is_drum"] = notes["drum"]
    return found


def piano_roll(notes: NDArray[Any], division: int) -> NDArray[np.uint8]:
    """Give a piano roll of a file, drums left out: the loudest velocity of each pitch in each sixteenth.

    Parameters
    ----------
    notes
        `NOTE_ARRAY` records.
    division
        Ticks in a quarter note.

    Returns
    -------
    ndarray
        Shape (sixteenths, 128), uint8, 0 where nothing sounds; a note sounds in each that it reaches into,
        and in at least one. No more than `MOST_STEPS` rows.
    """
    pitched = notes[notes["is_drum"] == 0]
    onsets = pitched["onset_tick"].astype(np.int64)
    starts = onsets * ROLL_STEPS // division
    ends = -(-(onsets + pitched["duration_tick"]) * ROLL_STEPS // division)
    ends = np.minimum(np.maximum(ends, starts + 1), MOST_STEPS)
    roll = np.zeros((int(ends.max(initial=0)), 128), np.uint8)
    for start, end, pitch, velocity in zip(
        starts.tolist(), ends.tolist(), pitched["pitch"].tolist(), pitched["velocity"].tolist(), strict=True
    ):
        cells = roll[start:end, pitch]
        np.maximum(cells, velocity, out=cells)
    return roll
