"""When things happen that are not notes, and what changes on the way: tempo, metre and key signatures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.music.keys import KEY_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

MOST_CHANGES: Final = 20_000
"""Steps of a tempo map, metres or key signatures of a file that are kept."""

_METRE, _KEY = 0x58, 0x59
_TYPE_2: Final = 2


def tick_seconds(batch: MidiBatch, events: NDArray[Any]) -> NDArray[np.float64]:
    """Give the seconds of events through the tempo map of their file (of their track, in a type 2 file).

    Parameters
    ----------
    batch
        Parsed files.
    events
        `etl.midi.arrays.EVENT` records, by file.

    Returns
    -------
    ndarray
        Seconds from the start of the file, shape (events,).
    """
    seconds = np.zeros(len(events))
    bounds = np.flatnonzero(np.diff(events["file"], prepend=-1, append=-1))
    for start, stop in pairwise(bounds):
        rows = slice(start, stop)
        record = batch.files[events["file"][start]]
        file = int(events["file"][start])
        tempos = batch.tempos[batch.tempo_offsets[file] : batch.tempo_offsets[file + 1]]
        ticks = events["tick"][rows]
        if record["seconds_per_tick"] > 0:
            seconds[rows] = ticks * record["seconds_per_tick"]
        elif record["format"] == _TYPE_2:
            for track in np.unique(events["track"][rows]):
                here = events["track"][rows] == track
                of_track = tempos[tempos["track"] == track]
                seconds[rows][here] = _through(of_track, ticks[here], int(record["division"]))
        else:
            seconds[rows] = _through(tempos, ticks, int(record["division"]))
    return seconds


def _through(tempos: NDArray[Any], ticks: NDArray[np.int64], division: int) -> NDArray[np.float64]:
    if not len(tempos):
        return np.asarray(ticks * (0.5 / division))
    step = np.searchsorted(tempos["tick"], ticks, side="right") - 1
    since = (ticks - tempos["tick"][step]) * tempos["microseconds"][step]
    return np.asarray(tempos["seconds"][step] + since / (1e6 * division))


def tempo_rows(batch: MidiBatch) -> pl.DataFrame:
    """Give the tempo maps as they are read: rows of ``midi_tempos``, with ``file`` in place of ``sha256``.

    A map begins at tick 0, where nothing else is said with the 120 of the standard; files in SMPTE time have
    none.

    Returns
    -------
    DataFrame
        ``file: i32``, ``track: i32`` (-1: of all tracks), ``tick: i64``, ``seconds: f64``, ``bpm: f64`` in
        quarter notes.
    """
    tempos = _first(batch.tempos[batch.files["seconds_per_tick"][batch.tempos["file"]] == 0])
    return pl.DataFrame(
        {
            "file": tempos["file"],
            "track": tempos["track"],
            "tick": tempos["tick"],
            "seconds": tempos["seconds"].round(6),
            "bpm": (60e6 / np.maximum(tempos["microseconds"], 1)).round(4),
        }
    )


def metre_rows(batch: MidiBatch) -> pl.DataFrame:
    """Give time signatures: ``file, track, tick, seconds``, ``numerator: i16``, ``denominator: i16``."""
    events, first, second = _metas(batch, _METRE)
    return _placed(batch, events).with_columns(
        numerator=pl.Series(first.astype(np.int16)),
        denominator=pl.Series((1 << second.astype(np.int32)).astype(np.int16)),
    )


def key_signature_rows(batch: MidiBatch) -> pl.DataFrame:
    """Give key signatures: ``file, track, tick, seconds``, ``key: str`` as in `etl.music.keys.KEY_NAMES`."""
    events, first, second = _metas(batch, _KEY)
    sharps = first.astype(np.int8).astype(np.int64)  # flats count below zero
    minor = second.astype(np.int64)
    numbers = (7 * sharps + 9 * minor) % 12 + 12 * minor
    return _placed(batch, events).with_columns(
        key=pl.Series([KEY_NAMES[number] for number in numbers], dtype=pl.String)
    )


def _metas(batch: MidiBatch, kind: int) -> tuple[NDArray[Any], NDArray[np.uint8], NDArray[np.uint8]]:
    events = batch.events
    found = _first(events[(events["status"] == 0xFF) & (events["kind"] == kind)])
    return found, batch.data[found["offset"]], batch.data[found["offset"] + 1]


def _first(rows: NDArray[Any]) -> NDArray[Any]:
    """Keep the first rows of each file, no more than `MOST_CHANGES`."""
    order = np.arange(len(rows)) - np.searchsorted(rows["file"], rows["file"])
    kept: NDArray[Any] = rows[order < MOST_CHANGES]
    return kept


def _placed(batch: MidiBatch, events: NDArray[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "file": events["file"],
            "track": events["track"],
            "tick": events["tick"],
            "seconds": tick_seconds(batch, events).round(6),
        }
    )
