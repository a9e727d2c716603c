"""A file or a part in another key, at another tempo, or without the silence before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.arrays import EVENT, MidiBatch
from etl.midi.split import split_file
from etl.midi.split_kernel import KEY_META, METRE_META, TEMPO_META
from etl.midi.tempo import MICROSECONDS_PER_MINUTE
from etl.music.keys import KEY_INDEX, KEY_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_META: Final = 0xFF
_KEY_PRESSURE: Final = 0xA0
_HIGHEST: Final = 127
_HEADER_BYTES: Final = 14
_SEQUENCES: Final = 2  # the MIDI file type whose tracks are pieces by themselves


@dataclass(frozen=True)
class Rework:
    """How a piece is changed.

    Attributes
    ----------
    key
        Transpose what has a key to this one, one of `etl.music.keys.KEY_NAMES`, or to its relative: the
        nearest way, at most six semitones.
    bpm
        One tempo throughout, in place of all; half a second of SMPTE time becomes a quarter note.
    trim
        Take off the bars of silence before the first note.
    """

    key: str | None = None
    bpm: float | None = None
    trim: bool = False

    def __bool__(self) -> bool:
        return self.key is not None or self.bpm is not None or self.trim


def semitones_between(key: str | None, wanted: str | None) -> int:
    """Give the semitones up (-5 to 6) from a key to another, or to its relative; 0 where one is None.

    Examples
    --------
    >>> semitones_between("D Minor", "A Minor"), semitones_between("G Major", "A Minor")
    (-5, 5)
    """
    if key is None or wanted is None:
        return 0
    return 6 - (6 - (_major(wanted) - _major(key))) % 12


def key_after(key: str | None, wanted: str | None) -> str | None:
    """Name the key that a piece has once it is transposed."""
    return transposed_key(key, semitones_between(key, wanted))


def transposed_key(key: str | None, semitones: int) -> str | None:
    """Name the key that is so many semitones up from another, in the same mode."""
    if key is None or semitones % 12 == 0:
        return key
    tonic = (KEY_INDEX[key] % 12 + semitones) % 12
    return KEY_NAMES[tonic + 12 * (KEY_INDEX[key] >= 12)]


def _major(key: str) -> int:
    number = KEY_INDEX[key]
    return (number - 12 + 3) % 12 if number >= 12 else number


def rework(batch: MidiBatch, file: int, wanted: Rework, *, semitones: int) -> MidiBatch:
    """Change one file of a batch; the batch stays as it is.

    Parameters
    ----------
    batch
        Read with ``keep_all``; drums flagged.
    file
        Which file.
    wanted
        What to change; of the key, ``semitones`` is what counts.
    semitones
        How far up to transpose what is no drum; pitches that leave the range come back by octaves.

    Returns
    -------
    MidiBatch
        The changed file alone. Key metas are left out of what is transposed.
    """
    record = batch.files[file : file + 1].copy()
    notes, events, data = batch.notes_of(file).copy(), batch.events_of(file).copy(), batch.data
    is_meta = events["status"] == _META
    if semitones:
        events = events[~(is_meta & (events["kind"] == KEY_META))]
        _transpose(notes, events, semitones)
        is_meta = events["status"] == _META
    if wanted.trim and len(notes):
        _trim(notes, events, data, int(record[0]["division"]))
    if wanted.bpm is not None:
        events = events[~(is_meta & (events["kind"] == TEMPO_META))]
        tempo = round(MICROSECONDS_PER_MINUTE / wanted.bpm)
        # In a file of sequences each track has tempos of its own.
        tracks = int(record[0]["tracks"]) if record[0]["format"] == _SEQUENCES else 1
        event = np.zeros(tracks, EVENT)
        event["track"] = np.arange(tracks)
        event["status"], event["kind"], event["offset"], event["length"] = _META, TEMPO_META, len(data), 3
        events = np.concatenate([event, events])
        data = np.concatenate([data, np.frombuffer(tempo.to_bytes(3, "big"), np.uint8)])
        record["written_division"], record["seconds_per_tick"] = record["division"], 0.0
    notes["file"], events["file"] = 0, 0
    return MidiBatch(
        data=data,
        files=record,
        notes=notes,
        events=events,
        tempos=batch.tempos[:0],
        note_offsets=np.array([0, len(notes)], np.int64),
        event_offsets=np.array([0, len(events)], np.int64),
        tempo_offsets=np.zeros(2, np.int64),
    )


def _transpose(notes: NDArray[Any], events: NDArray[Any], semitones: int) -> None:
    pitched = notes["drum"] == 0
    notes["pitch"][pitched] = _moved(notes["pitch"][pitched], semitones)
    drums = set(zip(*(notes[~pitched][name].tolist() for name in ("track", "channel")), strict=True))
    pressures = np.flatnonzero((events["status"] & 0xF0) == _KEY_PRESSURE)
    for row in pressures:
        if (int(events[row]["track"]), int(events[row]["status"]) & 15) not in drums:
            events["kind"][row] = _moved(events["kind"][row : row + 1], semitones)[0]


def _moved(pitches: NDArray[np.uint8], semitones: int) -> NDArray[np.uint8]:
    moved = pitches.astype(np.int64) + semitones
    moved = np.where(moved > _HIGHEST, moved - 12, np.where(moved < 0, moved + 12, moved))
    return moved.astype(np.uint8)


def _trim(notes: NDArray[Any], events: NDArray[Any], data: NDArray[np.uint8], division: int) -> None:
    """Move all to the left by the whole bars before the first note, in the metre that it is in."""
    first = int(notes["start_tick"].min())
    metres = events[(events["status"] == _META) & (events["kind"] == METRE_META) & (events["tick"] <= first)]
    numerator, power, start = 4, 2, 0
    if len(metres):
        last = metres[np.argsort(metres["tick"], kind="stable")[-1]]
        offset, start = int(last["offset"]), int(last["tick"])
        numerator, power = int(data[offset]), int(data[offset + 1])
    bar = max(1, 4 * division * max(1, numerator) >> min(power, 6))
    silent = start + (first - start) // bar * bar
    for name in ("start_tick", "end_tick"):
        notes[name] -= silent
    events["tick"] = np.maximum(0, events["tick"] - silent)


def written(piece: MidiBatch) -> bytes:
    """Write a file of one batch: as type 0 if it has one part, else with a track for each part.

    What is about no part, such as lyrics and markers, is left out.

    Raises
    ------
    TooMuchError
        As `etl.midi.split.split_file`.
    """
    notes = piece.notes
    places, first = np.unique(notes[["track", "channel"]], return_index=True)
    parts = [
        (int(track), int(channel), int(notes[row]["program"]), 0.0)
        for (track, channel), row in zip(places.tolist(), first.tolist(), strict=True)
    ]
    blobs = [bytes(part.blob) for part in split_file(piece, 0, parts)]
    if len(blobs) == 1:
        return blobs[0]
    kind = _SEQUENCES if piece.files[0]["format"] == _SEQUENCES else 1
    head = bytearray(blobs[0][:_HEADER_BYTES])
    head[8:12] = kind.to_bytes(2, "big") + len(blobs).to_bytes(2, "big")
    return bytes(head) + b"".join(blob[_HEADER_BYTES:] for blob in blobs)
