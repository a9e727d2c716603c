"""Cut a file of several parts into one file per track and channel, every note at its tick."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import mido
import numpy as np

from etl.midi.instruments import instrument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.midi.batch import MidiBatch

_TEMPO, _METRE, _KEY, _NAME = 0x51, 0x58, 0x59, 0x03
_SMPTE_TEMPO: Final = 500_000


class Part(NamedTuple):
    """One part as a file of its own: where it comes from, the end of its file name, its bytes."""

    track: int
    channel: int
    suffix: str
    blob: bytes


def part_suffix(track: int, channel: int, program: int, drum_score: float) -> str:
    """Give the end of a part's file name: ``_t01_ch10_drums``; tracks and channels count from 1."""
    return f"_t{track + 1:02d}_ch{channel + 1:02d}_{instrument(program, drum_score)}"


def split_file(batch: MidiBatch, file: int, parts: Sequence[tuple[int, int, int, float]]) -> Iterator[Part]:
    """Write each part of a file as a type 0 file.

    Tempo, time and key signatures of all tracks (of its own track, in a type 2 file) are copied at their
    ticks, and so are the channel's programs, controllers, bends and pressures in the same track.

    Parameters
    ----------
    batch
        Read with ``keep_all``.
    file
        Which file.
    parts
        Track, channel, program and drum score of each part with notes.

    Yields
    ------
    Part
        In the order of ``parts``. The notes of all of them are the notes of the file.
    """
    notes, events = batch.notes_of(file), batch.events_of(file)
    record = batch.files[file]
    metas = events[(events["status"] == 0xFF) & np.isin(events["kind"], (_TEMPO, _METRE, _KEY))]
    if record["seconds_per_tick"] > 0:
        # Tempos have no say in SMPTE time.
        metas = metas[metas["kind"] != _TEMPO]
    names = events[(events["status"] == 0xFF) & (events["kind"] == _NAME)]
    for track, channel, program, drum_score in parts:
        shared = metas[metas["track"] == track] if record["format"] == 2 else metas
        own = events[
            (events["track"] == track) & (events["status"] < 0xF0) & (events["status"] & 15 == channel)
        ]
        messages = [(int(event["tick"]), 1, _message(batch, event)) for event in shared]
        messages += [(int(event["tick"]), 1, _message(batch, event)) for event in own]
        for event in names[names["track"] == track][:1]:
            messages.append((0, 0, _message(batch, event)))
        mine = notes[(notes["track"] == track) & (notes["channel"] == channel)]
        messages += _note_messages(mine, channel)
        if own.size == 0 and program > 0:
            # The program was set in another track.
            messages.append((0, 0, mido.Message("program_change", channel=channel, program=program)))
        yield Part(
            track,
            channel,
            part_suffix(track, channel, program, drum_score),
            _written([entry for entry in messages if entry[2] is not None], int(record["written_division"])),
        )


def _note_messages(notes: Any, channel: int) -> list[tuple[int, int, Any]]:
    """Order note-ons and note-offs within a tick: ends first, but the end of a note of no length last."""
    entries = []
    columns = (notes[name].tolist() for name in ("pitch", "velocity", "start_tick", "end_tick"))
    for pitch, velocity, start, end in zip(*columns, strict=True):
        on = mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)
        off = mido.Message("note_off", channel=channel, note=pitch, velocity=0)
        entries.append((start, 3, on))
        entries.append((end, 4 if end == start else 2, off))
    return entries


def _message(batch: MidiBatch, event: Any) -> Any:
    """Turn an event record into a mido message; None for one that mido cannot write."""
    start, length = int(event["offset"]), int(event["length"])
    raw = batch.data[start : start + length].tobytes()
    if event["status"] != 0xFF:
        return mido.Message.from_bytes([int(event["status"]), *(byte & 127 for byte in raw)])
    if event["kind"] == _NAME:
        # mido writes Latin-1: the bytes stay what they were, in whatever encoding.
        return mido.MetaMessage("track_name", name=raw.decode("latin-1"))
    if event["kind"] == _TEMPO:
        return mido.MetaMessage("set_tempo", tempo=int.from_bytes(raw, "big") or _SMPTE_TEMPO)
    if event["kind"] == _METRE:
        clocks = raw[2:4] if len(raw) >= 4 else bytes([24, 8])
        return mido.MetaMessage(
            "time_signature", numerator=raw[0], denominator=1 << raw[1],
            clocks_per_click=clocks[0], notated_32nd_notes_per_beat=clocks[1],
        )  # fmt: skip
    return mido.midifiles.meta.build_meta_message(_KEY, list(raw))


def _written(entries: list[tuple[int, int, Any]], division: int) -> bytes:
    """Write messages at absolute ticks as a type 0 file."""
    entries.sort(key=lambda entry: (entry[0], entry[1]))
    track, now = mido.MidiTrack(), 0
    for tick, _, message in entries:
        track.append(message.copy(time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=division)
    file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()
