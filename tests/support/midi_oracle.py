"""What mido makes of a file: the reference that the reader and the writer of parts are held to."""

from __future__ import annotations

import io
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import mido
import numpy as np
from mido.midifiles.midifiles import MidiFile

if TYPE_CHECKING:
    from etl.midi.arrays import MidiBatch

COLUMNS = ["track", "channel", "pitch", "velocity", "start_tick", "end_tick"]


def mido_notes(file: MidiFile) -> list[tuple[int, ...]]:
    """Pair notes, first on first off; hanging ones end with the track. Rows in the order of `COLUMNS`."""
    rows: list[list[int]] = []
    for index, track in enumerate(file.tracks):
        tick = 0
        sounding: dict[tuple[int, int], deque[list[int]]] = defaultdict(deque)
        started: list[list[int]] = []
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                note = [index, message.channel, message.note, message.velocity, tick, -1]
                started.append(note)
                sounding[message.channel, message.note].append(note)
            elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
                sounding[message.channel, message.note].popleft()[5] = tick
        for note in started:
            note[5] = tick if note[5] < 0 else note[5]
        rows += started
    return sorted(tuple(row) for row in rows)


def mido_file(blob: bytes, *, clip: bool = False) -> MidiFile:
    """Parse a blob with mido."""
    return MidiFile(file=io.BytesIO(blob), clip=clip)


def mido_seconds(file: MidiFile, tick: int) -> float:
    """Seconds of an absolute tick by walking every tempo of the merged tracks."""
    tempos = []
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "set_tempo":
                tempos.append((now, message.tempo or 500_000))
    seconds, at, tempo = 0.0, 0, 500_000
    for now, following in sorted(tempos, key=lambda pair: pair[0]):
        if now > tick:
            break
        seconds += mido.tick2second(now - at, file.ticks_per_beat, tempo)
        at, tempo = now, following
    return seconds + float(mido.tick2second(tick - at, file.ticks_per_beat, tempo))


def midi_bytes(tracks: list[list[Any]], *, division: int = 480, kind: int = 1) -> bytes:
    """Write tracks of mido messages to bytes."""
    file = MidiFile(type=kind, ticks_per_beat=division)
    for messages in tracks:
        file.tracks.append(mido.MidiTrack(messages))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def mido_part(batch: MidiBatch, file: int, track: int, channel: int) -> bytes:
    """Write one part of a file with mido: what `etl.midi.split` writes is held to this, byte for byte."""
    record, events, notes = batch.files[file], batch.events_of(file), batch.notes_of(file)
    notes = notes[(notes["track"] == track) & (notes["channel"] == channel)]
    own = events[events["track"] == track]
    shared = own if record["format"] == 2 else events
    kinds = (0x58, 0x59) if record["seconds_per_tick"] > 0 else (0x51, 0x58, 0x59)
    metas = shared[(shared["status"] == 0xFF) & np.isin(shared["kind"], kinds)]
    names = own[(own["status"] == 0xFF) & (own["kind"] == 3)]
    own = own[(own["status"] < 0xF0) & (own["status"] & 15 == channel)]
    entries = [(int(event["tick"]), 1, mido_message(batch, event)) for event in metas]
    entries += [(int(event["tick"]), 2, mido_message(batch, event)) for event in own]
    for note in notes:
        start, end, pitch = int(note["start_tick"]), int(note["end_tick"]), int(note["pitch"])
        velocity = int(note["velocity"])
        on = mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)
        off = mido.Message("note_off", channel=channel, note=pitch, velocity=0)
        entries += [(start, 4, on), (end, 5 if end == start else 3, off)]
    entries.sort(key=lambda entry: entry[:2])
    programs = own[own["status"] & 0xF0 == 0xC0]
    is_set = bool(np.any(programs["tick"] <= notes["start_tick"][0]))
    messages = _with_programs(entries, notes["program"].tolist(), channel, is_set=is_set)
    messages = [(0, mido_message(batch, event)) for event in names[:1]] + messages
    ticks = [0] + [tick for tick, _ in messages]
    track_out = mido.MidiTrack(
        message.copy(time=tick - before) for (tick, message), before in zip(messages, ticks, strict=False)
    )
    file_out = MidiFile(type=0, ticks_per_beat=int(record["written_division"]))
    file_out.tracks.append(track_out)
    buffer = io.BytesIO()
    file_out.save(file=buffer)
    return buffer.getvalue()


def _with_programs(
    entries: list[tuple[int, int, Any]], wanted: list[int], channel: int, *, is_set: bool
) -> list[tuple[int, Any]]:
    """Set a note's program before it where it is not the one at hand, the first one's at tick 0."""
    messages: list[tuple[int, Any]] = []
    program = 0
    following = iter(wanted)
    if not is_set and wanted[0] > 0:
        program = wanted[0]
        messages.append((0, mido.Message("program_change", channel=channel, program=program)))
    for tick, _, message in entries:
        if message.type == "program_change":
            program = message.program
        elif message.type == "note_on" and (needed := next(following)) != program:
            program = needed
            messages.append((tick, mido.Message("program_change", channel=channel, program=program)))
        messages.append((tick, message))
    return messages


def mido_message(batch: MidiBatch, event: Any) -> Any:
    """Turn an event record into a mido message."""
    start, length = int(event["offset"]), int(event["length"])
    raw = batch.data[start : start + length].tobytes()
    if event["status"] != 0xFF:
        return mido.Message.from_bytes([int(event["status"]), *(min(byte, 127) for byte in raw)])
    if event["kind"] == 0x03:
        # mido writes Latin-1: the bytes stay what they were, in whatever encoding.
        return mido.MetaMessage("track_name", name=raw.decode("latin-1"))
    if event["kind"] == 0x51:
        return mido.MetaMessage("set_tempo", tempo=int.from_bytes(raw, "big") or 500_000)
    if event["kind"] == 0x58:
        clocks = raw[2:4] if len(raw) >= 4 else bytes([24, 8])
        return mido.MetaMessage(
            "time_signature", numerator=raw[0], denominator=1 << raw[1],
            clocks_per_click=clocks[0], notated_32nd_notes_per_beat=clocks[1],
        )  # fmt: skip
    return mido.MetaMessage(
        "key_signature",
        key=mido.midifiles.meta._key_signature_decode[int.from_bytes(raw[:1], "big", signed=True), raw[1]],
    )
