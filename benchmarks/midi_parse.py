"""Parsing and analysis against mido, on the same files in the same run, one process.

    python -m benchmarks.midi_parse [REPEATS=5]

``parse_ratio``: our notes with seconds against ``mido.MidiFile(clip=True)``, which gives messages only.
``analysis_ratio``: our whole analysis against mido with the plainest version of the same in Python: notes,
tempo, metre, pitch classes, key by profile correlation, polyphony and chords by beat from templates.
``pretty_midi_ratio``: against pretty_midi (if it is installed; it reads with mido) doing the same by its own
functions: tempo changes, beats, downbeats, pitch-class histogram, and chroma by beat for the chords.
"""

from __future__ import annotations

import importlib.util
import io
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import numpy as np
from mido.midifiles.midifiles import MidiFile

from benchmarks.timing import seconds
from etl.midi.analysis import analyze
from etl.midi.reader import read_files
from etl.music.key_profiles import profile_correlations
from tests.support.figures import show, sizes
from tests.support.midi_corpus import songs

if TYPE_CHECKING:
    from collections.abc import Callable

TRIADS = np.array(
    [[(pc - root) % 12 in (0, third, 7) for pc in range(12)] for third in (4, 3) for root in range(12)],
    np.float64,
)


def plain_notes(file: MidiFile) -> list[tuple[int, int, int, int, int]]:
    """Pair the messages of a mido file to (channel, pitch, velocity, start, end)."""
    notes = []
    for track in file.tracks:
        tick = 0
        sounding: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                sounding[message.channel, message.note].append((tick, message.velocity))
            elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
                start, velocity = sounding[message.channel, message.note].popleft()
                notes.append((message.channel, message.note, velocity, start, tick))
    return notes


def plain_analysis(blob: bytes) -> Any:
    """Analyse a file with mido and numpy, note by note."""
    file = MidiFile(file=io.BytesIO(blob), clip=True)
    notes = plain_notes(file)
    tempos = [message.tempo for track in file.tracks for message in track if message.type == "set_tempo"]
    pitched = [note for note in notes if note[0] != 9]
    histogram = np.zeros(12)
    beats: dict[int, np.ndarray[Any, Any]] = defaultdict(lambda: np.zeros(12))
    for _, pitch, _, start, end in pitched:
        histogram[pitch % 12] += end - start
        for beat in range(start // file.ticks_per_beat, end // file.ticks_per_beat + 1):
            beats[beat][pitch % 12] += 1
    chords = [int((TRIADS @ profile).argmax()) for _, profile in sorted(beats.items())]
    key = int(profile_correlations(histogram[None]).argmax()) if pitched else -1
    edges = sorted([(start, 1) for *_, start, _ in notes] + [(end, -1) for *_, end in notes])
    polyphony = int(np.max(np.cumsum([step for _, step in edges]))) if edges else 0
    return len(notes), tempos, key, chords, polyphony


def pretty_analysis(blob: bytes) -> Any:
    """Analyse a file with pretty_midi's own functions."""
    pretty_midi = importlib.import_module("pretty_midi")
    file = pretty_midi.PrettyMIDI(io.BytesIO(blob))
    key = int(profile_correlations(file.get_pitch_class_histogram(use_duration=True)[None]).argmax())
    beats = file.get_beats()
    chroma = file.get_chroma(times=beats) if len(beats) > 1 else np.zeros((12, 0))
    chords = (TRIADS @ chroma).argmax(axis=0)
    return key, chords, file.get_downbeats(), file.get_tempo_changes(), file.time_signature_changes


def best(work: Callable[[], object], repeats: int) -> float:
    """Take the best of some runs."""
    return min(seconds(work) for _ in range(repeats))


def main(repeats: int) -> None:
    """Measure and print."""
    blobs = songs()
    analyze(read_files(blobs))  # load the compiled code
    count = len(blobs)
    ours = best(lambda: read_files(blobs), repeats)
    whole = best(lambda: analyze(read_files(blobs)), repeats)
    mido = best(lambda: [MidiFile(file=io.BytesIO(blob), clip=True) for blob in blobs], min(repeats, 2))
    plain = best(lambda: [plain_analysis(blob) for blob in blobs], min(repeats, 2))
    figures = {
        "files": count,
        "parse_files_per_second": round(count / ours),
        "mido_files_per_second": round(count / mido, 1),
        "parse_ratio": round(mido / ours, 1),
        "analysis_files_per_second": round(count / whole),
        "plain_analysis_files_per_second": round(count / plain, 1),
        "analysis_ratio": round(plain / whole, 1),
    }
    if importlib.util.find_spec("pretty_midi"):
        pretty = best(lambda: [pretty_analysis(blob) for blob in blobs], 1)
        figures["pretty_midi_files_per_second"] = round(count / pretty, 1)
        figures["pretty_midi_ratio"] = round(pretty / whole, 1)
    show(figures)


if __name__ == "__main__":
    main(*sizes(5))
