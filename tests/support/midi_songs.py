"""Annotated MIDI files, and how keys and chords found in them are scored.

114 songs of POP909 (Wang et al., ISMIR 2020) with keys estimated from their audio and chords extracted from
the MIDI; 80 drum performances of the Groove MIDI Dataset (Gillick et al., ICML 2019), tempo and metre in
their names.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import mir_eval
import numpy as np

from etl.midi.chords import SUFFIXES, chord_labels, find_beats
from etl.midi.reader import read_files
from etl.music.pitch_classes import LETTER_PITCH_CLASS
from tests.support.reference import reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


HARTE = (
    "maj", "min", "7", "maj7", "min7", "sus4", "sus2", "dim", "aug", "hdim7", "dim7", "min6", "maj6",
)  # fmt: skip
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
CHORD_NAMES = [f"{root}:{quality}" for quality in HARTE for root in ROOTS] + ["N"]
"""Harte names of the labels of `etl.midi.chords.chord_labels`."""


def midi_files(name: str) -> dict[str, bytes]:
    """Read all files of a set of the MIDI reference data, by path."""
    root = reference(f"midi/{name}")
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.*"))}


def key_number(label: str) -> int:
    """Read a key such as ``Gb:maj``, 0 to 23."""
    tonic, mode = label.split(":")
    shift = tonic.count("#") - tonic.count("b")
    return (LETTER_PITCH_CLASS[tonic[0]] + shift) % 12 + (12 if mode == "min" else 0)


class Songs:
    """Annotated songs, parsed: ``{name}/{name}.mid`` with ``key_audio.txt`` and ``chord_midi.txt``."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.names = sorted({path.split("/")[-2] for path in files if path.endswith(".mid")})
        by_end = {"/".join(path.split("/")[-2:]): content for path, content in files.items()}
        self.blobs = [by_end[f"{name}/{name}.mid"] for name in self.names]
        self.batch = read_files(self.blobs)
        self.beats = find_beats(self.batch)
        self.key_spans = [
            [(float(a), float(b), key_number(key)) for a, b, key in _rows(by_end[f"{name}/key_audio.txt"])]
            for name in self.names
        ]
        self.chord_rows = [_rows(by_end[f"{name}/chord_midi.txt"]) for name in self.names]

    @cached_property
    def chord_labels(self) -> NDArray[np.int16]:
        """Chord of every beat, by the weights that ship."""
        return chord_labels(self.beats)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """Each song's longest annotated key, (songs,)."""
        return np.array([max(spans, key=lambda span: span[1] - span[0])[2] for spans in self.key_spans])

    def beat_times(self, song: int) -> NDArray[np.float64]:
        """Seconds of the edges of a song's beats, (beats + 1,)."""
        tempos = self.batch.tempos[self.batch.tempo_offsets[song] : self.batch.tempo_offsets[song + 1]]
        division = int(self.batch.files[song]["division"])
        count = self.beats.offsets[song + 1] - self.beats.offsets[song]
        ticks = self.beats.origins[song] + np.arange(count + 1) * division
        step = np.maximum(0, np.searchsorted(tempos["tick"], ticks, "right") - 1)
        held = (ticks - tempos["tick"][step]) * tempos["microseconds"][step] / (division * 1e6)
        seconds: NDArray[np.float64] = tempos["seconds"][step] + held
        return seconds

    @cached_property
    def _overlaps(self) -> tuple[NDArray[Any], dict[str, int]]:
        """Rows of song, beat (-1 outside the grid), annotation and seconds shared; numbers of annotations."""
        numbers: dict[str, int] = {}
        rows = []
        for song, annotated in enumerate(self.chord_rows):
            first, last = self.beats.offsets[song], self.beats.offsets[song + 1]
            edges = self.beat_times(song)
            starts = np.array([float(row[0]) for row in annotated])
            ends = np.array([float(row[1]) for row in annotated])
            cuts = np.unique(np.clip(np.concatenate([edges, starts, ends]), starts[0], ends[-1]))
            middles = (cuts[1:] + cuts[:-1]) / 2
            beat = np.searchsorted(edges, middles, "right") - 1
            beat = np.where((beat < 0) | (beat >= last - first), -1, beat + first)
            chord = np.array([numbers.setdefault(row[2], len(numbers)) for row in annotated])
            place = np.searchsorted(starts, middles, "right") - 1
            rows.append(np.column_stack([np.full(len(beat), song), beat, chord[place], np.diff(cuts)]))
        return np.concatenate(rows), numbers

    @cached_property
    def _comparisons(self) -> dict[str, NDArray[np.float64]]:
        """Score every annotation against every label, (annotations, labels); -1 where it does not count."""
        _, numbers = self._overlaps
        truth = [name for name in numbers for _ in CHORD_NAMES]
        guess = CHORD_NAMES * len(numbers)
        shape = (len(numbers), len(CHORD_NAMES))
        return {
            metric: getattr(mir_eval.chord, metric)(truth, guess).reshape(shape)
            for metric in ("majmin", "sevenths", "root")
        }

    def chord_scores(self, labels: NDArray[np.int16], metric: str) -> NDArray[np.float64]:
        """Score the chords of each song: the weighted mean accuracy of mir_eval, (songs,).

        Parameters
        ----------
        labels
            Of every beat, as `etl.midi.chords.chord_labels` gives them.
        metric
            A metric of `mir_eval.chord`: ``majmin``, ``sevenths`` or ``root``.
        """
        overlaps, _ = self._overlaps
        song, beat, chord = overlaps[:, :3].astype(np.int64).T
        found = np.where(beat < 0, 12 * len(SUFFIXES), labels[beat])
        right = self._comparisons[metric][chord, found]
        seconds = np.where(right < 0, 0.0, overlaps[:, 3])
        weights = np.bincount(song, seconds, len(self.names))
        scores: NDArray[np.float64] = np.bincount(song, seconds * right, len(self.names)) / weights
        return scores


def _rows(content: bytes) -> list[list[str]]:
    return [line.split() for line in content.decode().splitlines() if line.strip()]
