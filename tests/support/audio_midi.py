"""Notes of MIDI files, for the synthesiser: performances whose tempo and meter others wrote down."""

from __future__ import annotations

from io import BytesIO

import mido

from tests.support.audio_composer import Note

_DRUM_CHANNEL = 9


def midi_notes(content: bytes) -> tuple[Note, ...]:
    """Read the notes of a MIDI file with their programs, in order of time."""
    notes: list[Note] = []
    sounding: dict[tuple[int, int], list[tuple[float, int]]] = {}
    programs: dict[int, int] = {}
    now = 0.0
    for message in mido.MidiFile(file=BytesIO(content)):
        now += message.time
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "note_on" and message.velocity:
            sounding.setdefault((message.channel, message.note), []).append((now, message.velocity))
        elif message.type in {"note_on", "note_off"} and sounding.get((message.channel, message.note)):
            start, velocity = sounding[message.channel, message.note].pop(0)
            program = -1 if message.channel == _DRUM_CHANNEL else programs.get(message.channel, 0)
            notes.append(Note(start, max(now - start, 0.03), message.note, velocity / 127, program))
    return tuple(sorted(notes))
