"""Cut a file of several parts into one file per track and channel, every note at its tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.midi.instruments import instrument
from etl.midi.split_kernel import EVENT_BYTES, NAME, NOTE_BYTES, PART_BYTES, SHARED_METAS, write_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.midi.arrays import MidiBatch

MOST_PARTS: Final = 512
MOST_BYTES: Final = 256 << 20


class TooMuchError(ValueError):
    """A file would come apart into more than anyone can want."""


class Part(NamedTuple):
    """One part as a file of its own: where it comes from, the end of its file name, its bytes."""

    track: int
    channel: int
    suffix: str
    blob: memoryview


def part_suffix(track: int, channel: int, program: int, drum_score: float) -> str:
    """Give the end of a part's file name: ``_t01_ch10_drums``; tracks and channels count from 1."""
    return f"_t{track + 1:02d}_ch{channel + 1:02d}_{instrument(program, drum_score)}"


def split_file(batch: MidiBatch, file: int, parts: Sequence[tuple[int, int, int, float]]) -> list[Part]:
    """Write each part of a file as a type 0 file.

    Tempo, time and key signatures of all tracks (of its own track, in a type 2 file) are copied at their
    ticks, and so are the channel's programs, controllers, bends and pressures in the same track, and its
    programs where another track sets them.

    Parameters
    ----------
    batch
        Read with ``keep_all``.
    file
        Which file.
    parts
        Track, channel, program and drum score of each part with notes.

    Returns
    -------
    list
        A `Part` for each of ``parts``, in order. The notes of all of them are the notes of the file.

    Raises
    ------
    TooMuchError
        If there are more than `MOST_PARTS`, or they may have more than `MOST_BYTES`.
    """
    if len(parts) > MOST_PARTS:
        raise TooMuchError(f"{len(parts):,} parts; at most {MOST_PARTS} are written")
    notes, events = batch.notes_of(file), batch.events_of(file)
    metas = events[events["status"] == 0xFF]
    names = int(metas["length"][metas["kind"] == NAME].sum())
    room = (
        len(parts) * (PART_BYTES + EVENT_BYTES * int(np.isin(metas["kind"], SHARED_METAS).sum()))
        + len(notes) * NOTE_BYTES
        + len(events) * EVENT_BYTES
        + 16 * names  # a track has parts on at most sixteen channels
    )
    if room > MOST_BYTES:
        raise TooMuchError(f"{len(parts):,} parts with all tempos are more than {MOST_BYTES >> 20} MB")
    out = np.empty(room, np.uint8)
    tracks, channels = (np.array([part[place] for part in parts], np.int64) for place in (0, 1))
    stops = write_parts(batch.data, batch.files[file], notes, events, tracks, channels, out).tolist()
    whole = out.data
    return [
        Part(track, channel, part_suffix(track, channel, program, score), whole[start:stop])
        for (track, channel, program, score), start, stop in zip(parts, stops[:-1], stops[1:], strict=True)
    ]
