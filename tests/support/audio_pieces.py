"""Render pieces whose tempo and key are exactly known: seven styles, 50 to 200 beats per minute.

A piece is a list of notes from a chord progression, a bass line, a melody and drums, with human timing (5 ms)
and loudness; the synthesiser adds harmonics with decaying envelopes and shaped noise. Everything comes
from the seed, so a study can be repeated to the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SAMPLE_RATE: Final = 22_050
STYLES: Final = ("rock", "house", "swing", "waltz", "ballad", "bossa", "reggae")

MAJOR_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE: Final = (0, 2, 3, 5, 7, 8, 10)

# Scale degrees of the roots, four bars each; minor pieces raise the leading note on the dominant.
MAJOR_PROGRESSIONS: Final = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (1, 4, 0, 5), (0, 2, 3, 4))
MINOR_PROGRESSIONS: Final = ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 6, 2), (0, 4, 5, 4))


class Note(NamedTuple):
    """One event; beats count from the start of the piece."""

    beat: float
    length: float
    pitch: float
    """MIDI number; drums use their General MIDI numbers."""
    velocity: float
    voice: str


@dataclass(frozen=True)
class Piece:
    """A piece and its truth."""

    style: str
    bpm: float
    tonic: int
    minor: bool
    notes: tuple[Note, ...]
    seed: int

    @property
    def key(self) -> int:
        """Key index: 0-11 major, 12-23 minor."""
        return self.tonic + 12 * self.minor


def pieces(count: int, *, seconds: float = 40.0, seed: int = 1) -> Iterator[Piece]:
    """Yield ``count`` pieces, styles in turn, tempi spread evenly over 50 to 200 within each style."""
    rng = np.random.default_rng(seed)
    per_style = -(-count // len(STYLES))
    tempi = {style: rng.permutation(np.linspace(50, 200, per_style)) for style in STYLES}
    for number in range(count):
        style = STYLES[number % len(STYLES)]
        bpm = float(tempi[style][number // len(STYLES)] + rng.uniform(-0.4, 0.4))
        yield compose(
            style,
            bpm,
            int(rng.integers(12)),
            minor=bool(rng.integers(2)),
            seconds=seconds,
            seed=1000 * seed + number,
        )


def compose(style: str, bpm: float, tonic: int, *, minor: bool, seconds: float, seed: int) -> Piece:
    """Write a piece of at least ``seconds``."""
    rng = np.random.default_rng([seed, 77])
    metre = 3 if style == "waltz" else 4
    n_bars = int(np.ceil(seconds * bpm / 60 / metre))
    progressions = MINOR_PROGRESSIONS if minor else MAJOR_PROGRESSIONS
    progression = progressions[rng.integers(len(progressions))]
    notes: list[Note] = []
    degree = 7
    for bar in range(n_bars):
        start = bar * metre
        root = progression[bar % 4]
        chord = [_pitch(root + step, tonic, minor=minor, dominant=root == 4) for step in (0, 2, 4)]
        notes += _drums(style, start, bar)
        notes += _comping(style, start, metre, chord)
        notes += _bass(style, start, metre, chord)
        beat = 0.0
        while beat < metre:
            length = float(rng.choice([0.5, 1.0, 1.5, 2.0], p=[0.45, 0.35, 0.1, 0.1]))
            if rng.random() < 0.75:
                choices = (
                    [root + 7, root + 9, root + 11] if beat == 0 else [degree - 1, degree + 1, degree + 2]
                )
                degree = int(np.clip(rng.choice(choices), 5, 16))
                pitch = 60 + _pitch(degree, tonic, minor=minor, dominant=root == 4)
                offset = 1 / 6 if style == "swing" and beat % 1 else 0.0
                notes.append(Note(start + beat + offset, length * 0.9, pitch, 0.55, "lead"))
            beat += length
    return Piece(style, bpm, tonic, minor, tuple(notes), seed)


def render(piece: Piece) -> Floats:
    """Synthesise a piece, mono at 22,050 Hz, peak 0.8."""
    rng = np.random.default_rng([piece.seed, 99])
    beat_seconds = 60.0 / piece.bpm
    end = max(note.beat + note.length for note in piece.notes) * beat_seconds + 1.0
    signal = np.zeros(int(end * SAMPLE_RATE), dtype=np.float32)
    for note in piece.notes:
        onset = max(note.beat * beat_seconds + rng.normal(0, 0.005), 0.0)
        sound = _sound(note, note.length * beat_seconds, rng)
        first = int(onset * SAMPLE_RATE)
        room = signal[first : first + len(sound)]
        room += sound[: len(room)] * np.float32(note.velocity * rng.uniform(0.8, 1.1))
    scaled: Floats = (signal * (0.8 / np.abs(signal).max())).astype(np.float32)
    return scaled


def _pitch(degree: int, tonic: int, *, minor: bool, dominant: bool) -> int:
    scale = MINOR_SCALE if minor else MAJOR_SCALE
    pitch = scale[degree % 7] + 12 * (degree // 7)
    if minor and dominant and degree % 7 == 6:
        pitch += 1
    return pitch + tonic


def _drums(style: str, start: int, bar: int) -> list[Note]:
    kick, snare, hat = "kick", "snare", "hat"
    patterns: dict[str, dict[str, tuple[float, ...]]] = {
        "rock": {kick: (0, 2, 2.5), snare: (1, 3), hat: tuple(np.arange(0, 4, 0.5))},
        "house": {kick: (0, 1, 2, 3), snare: (1, 3), hat: (0.5, 1.5, 2.5, 3.5)},
        "swing": {kick: (0, 2), hat: (0, 1, 1 + 2 / 3, 2, 3, 3 + 2 / 3), snare: (3,) if bar % 4 == 3 else ()},
        "waltz": {kick: (0,), hat: (1, 2)},
        "ballad": {},
        "bossa": {
            kick: (0, 1.5, 2, 3.5),
            snare: (0, 1.5, 3) if bar % 2 else (1, 2.5),
            hat: tuple(np.arange(0, 4, 0.5)),
        },
        "reggae": {kick: (2,), snare: (2,), hat: tuple(np.arange(0, 4, 0.5))},
    }
    level = {kick: 1.0, snare: 0.7, hat: 0.25}
    return [
        Note(start + b, 0.3, 0, level[drum], drum) for drum, beats in patterns[style].items() for b in beats
    ]


def _comping(style: str, start: int, metre: int, chord: list[int]) -> list[Note]:
    block: dict[str, tuple[tuple[float, float], ...]] = {
        "rock": ((0, 1.9), (2, 1.9)),
        "house": ((0.5, 0.4), (1.5, 0.4), (2.5, 0.4), (3.5, 0.4)),
        "swing": ((0, 0.5), (1 + 2 / 3, 0.4), (3, 0.5)),
        "waltz": ((1, 0.8), (2, 0.8)),
        "bossa": ((0, 0.4), (1, 0.4), (2.5, 0.5), (3.5, 0.4)),
        "reggae": ((1, 0.3), (3, 0.3)),
    }
    if style == "ballad":
        order = (0, 1, 2, 1) * metre
        return [Note(start + i / 2, 0.9, 48 + chord[order[i]], 0.5, "piano") for i in range(metre * 2)]
    return [Note(start + b, length, 60 + p % 12, 0.3, "piano") for b, length in block[style] for p in chord]


def _bass(style: str, start: int, metre: int, chord: list[int]) -> list[Note]:
    root, third, fifth = (36 + p % 12 for p in chord)
    lines: dict[str, tuple[tuple[float, int], ...]] = {
        "rock": tuple((b / 2, root) for b in range(8)),
        "house": ((0.5, root), (1.5, root), (2.5, root), (3.5, root + 12)),
        "swing": ((0, root), (1, third), (2, fifth), (3, root + 12)),
        "waltz": ((0, root),),
        "ballad": ((0, root),),
        "bossa": ((0, root), (1.5, fifth), (2, fifth), (3.5, root)),
        "reggae": ((0, root), (0.75, root), (2.5, fifth), (3, third)),
    }
    length = float(metre) if style in {"waltz", "ballad"} else 0.6
    return [Note(start + b, length, pitch, 0.6, "bass") for b, pitch in lines[style]]


def _sound(note: Note, seconds: float, rng: np.random.Generator) -> Floats:
    if note.voice in {"kick", "snare", "hat"}:
        return _drum(note.voice, rng)
    return _tone(note.voice, note.pitch, int(min(seconds, 4.0) * SAMPLE_RATE) + 400)


@lru_cache(maxsize=128)
def _tone(voice: str, pitch: int, samples: int) -> Floats:
    decay = {"piano": 1.2, "bass": 0.9, "lead": 2.5}[voice]
    rolloff = {"piano": 1.3, "bass": 1.6, "lead": 1.1}[voice]
    time = np.arange(samples, dtype=np.float64) / SAMPLE_RATE
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    sound = np.zeros(len(time))
    for harmonic in range(1, min(9, int(10_000 // frequency) + 1)):
        sound += np.sin(2 * np.pi * frequency * harmonic * time) / harmonic**rolloff
    envelope = np.minimum(time / 0.006, 1.0) * np.exp(-time / decay)
    envelope[-400:] *= np.linspace(1, 0, 400)
    tone: Floats = (0.3 * sound * envelope).astype(np.float32)
    return tone


def _drum(voice: str, rng: np.random.Generator) -> Floats:
    length = {"kick": 0.18, "snare": 0.15, "hat": 0.05}[voice]
    time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    if voice == "kick":
        phase = 2 * np.pi * (50 * time + 110 * 0.03 * (1 - np.exp(-time / 0.03)))
        kick: Floats = (np.sin(phase) * np.exp(-time / 0.06)).astype(np.float32)
        return kick
    noise = rng.normal(0, 0.4, len(time))
    if voice == "hat":
        hat: Floats = (np.diff(noise, prepend=0.0) * np.exp(-time / 0.015)).astype(np.float32)
        return hat
    tone = 0.4 * np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.05)
    snare: Floats = ((noise + tone) * np.exp(-time / 0.05)).astype(np.float32)
    return snare
