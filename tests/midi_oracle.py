"""What mido makes of a file: the reference that the reader is held to."""

from __future__ import annotations

import io
from collections import defaultdict, deque
from typing import Any

import mido
from mido.midifiles.midifiles import MidiFile

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
