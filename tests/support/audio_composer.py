"""Compose pieces of thirty-five styles with known tempo, meter and key.

Styles are rows of a step sequencer (``tests/data/audio/styles.toml``). What a style leaves open is drawn for
each piece: progression, instruments, density of the melody, fills, parts that enter late, loudness of the
parts and the players' timing. Notes have General MIDI programs and drum numbers, so that any synthesiser can
play them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from tests.support.places import DATA

KICK, SNARE, CLAP, STICK, CLOSED, OPEN, RIDE, SHAKER, CRASH, TOM = 36, 38, 39, 37, 42, 46, 51, 70, 49, 45
SUB_BASS: Final = 128
"""Not a General MIDI program: a sine that decays over a second, as of a TR-808."""

_DRUMS: Final = {
    "kick": KICK, "snare": SNARE, "clap": CLAP, "stick": STICK, "hat": CLOSED, "open": OPEN, "ride": RIDE,
    "shaker": SHAKER, "tom": TOM,
}  # fmt: skip
_PROGRAMS: Final[dict[str, tuple[int, ...]]] = {
    "pianos": (0, 1, 4, 5),
    "guitars": (24, 25, 26, 27),
    "loud_guitars": (29, 30),
    "organs": (16, 18, 19),
    "strings": (48, 49, 50),
    "pads": (88, 89, 90, 91, 92, 95),
    "synths": (80, 81, 62, 63),
    "winds": (56, 65, 66, 73, 71),
    "basses": (32, 33, 34),
    "synth_basses": (38, 39, 87),
    "sub_bass": (SUB_BASS,),
}

_MAJOR_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
_MINOR_SCALE: Final = (0, 2, 3, 5, 7, 8, 10)
_SCALE_STEP: Final = (0, 0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6)

# Scale degrees of the roots; minor pieces raise the leading note on the dominant.
_MAJOR_PROGRESSIONS: Final = (
    (0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (1, 4, 0, 5), (0, 2, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4),
    (0, 0, 3, 3, 0, 4, 3, 0), (3, 4, 0, 0), (0, 1, 3, 0), (0, 5, 1, 4),
)  # fmt: skip
_MINOR_PROGRESSIONS: Final = (
    (0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 6, 2), (0, 4, 5, 4), (0, 6, 5, 6), (0, 0, 5, 6),
    (0, 3, 0, 4), (0, 5, 3, 4), (0, 0, 0, 6), (5, 6, 0, 0),
)  # fmt: skip

Chord = Sequence[int]
"""Pitches from the root up."""


class Note(NamedTuple):
    """One event."""

    second: float
    seconds: float
    pitch: int
    """MIDI number, of drums General MIDI's."""
    velocity: float
    """0 to 1."""
    program: int
    """General MIDI, from 0; -1 for drums."""


class Event(NamedTuple):
    """A note before it is played."""

    beat: float
    beats: float
    pitch: int
    velocity: float
    program: int


@dataclass(frozen=True)
class Style:
    """How a style is played."""

    tempi: tuple[float, float]
    family: str
    """Styles of one family share their rhythm and are held out together."""
    beats: int = 4
    steps: int = 4
    """Steps per beat: 3 where the beat divides by three."""
    drums: tuple[Mapping[str, str], ...] = ()
    bass: tuple[str, ...] = ()
    chords: tuple[str, ...] = ()
    arpeggio: bool = False
    """Chord tones in turn rather than together."""
    bass_programs: tuple[int, ...] = _PROGRAMS["basses"]
    chord_programs: tuple[int, ...] = _PROGRAMS["pianos"]
    lead_programs: tuple[int, ...] = _PROGRAMS["winds"] + _PROGRAMS["synths"] + _PROGRAMS["guitars"]
    lead: float = 0.5
    """Chance that a step of the melody's rhythm has a note."""
    lead_steps: tuple[int, ...] = (2, 4, 6, 8)
    """Lengths of melody notes in steps."""
    swing: float = 0.0
    """Delay of every second quarter of a beat, in beats."""
    minor: float = 0.5
    """Chance of the minor mode."""
    drift: float = 0.0
    """Size of the wandering of the tempo, as a share."""
    has_pulse: bool = True


@dataclass(frozen=True)
class Piece:
    """A piece and its truth."""

    style: str
    bpm: float
    """Beats per minute; 0 if there is no steady pulse."""
    beats: int
    """To the bar, 3 or 4 (compound bars count their dotted beats); 0 if there is none."""
    key: int
    """0-11 major, 12-23 minor."""
    notes: tuple[Note, ...]
    seed: int


def _read_styles() -> dict[str, Style]:
    read = tomllib.loads((DATA / "audio" / "styles.toml").read_text(encoding="utf-8"))
    return {
        name: Style(**{key: _field(key, value) for key, value in row.items()}) for name, row in read.items()
    }


def _field(key: str, value: Any) -> Any:
    if key.endswith("_programs"):
        return tuple(number for each in value for number in _PROGRAMS.get(each, (each,)))
    return tuple(value) if isinstance(value, list) else value


STYLES: Final = _read_styles()


class Song(NamedTuple):
    """Harmony to play."""

    key: int
    """0-11 major, 12-23 minor."""
    chords: tuple[Chord, ...]
    """A bar or two each."""


def compose(style: str, *, seconds: float, seed: int, song: Song | None = None) -> Piece:
    """Write a piece of at least ``seconds`` in a tempo of the style.

    Parameters
    ----------
    style
        One of `STYLES`.
    seconds
        Length.
    seed
        Of everything that is drawn.
    song
        Key and chords; without it, both are drawn and a progression of four or eight chords is repeated.
    """
    how = STYLES[style]
    rng = np.random.default_rng([seed, 31])
    bpm = float(rng.uniform(*how.tempi))
    minor = bool(rng.random() < how.minor)
    tonic = int(rng.integers(12))
    if song:
        tonic, minor = song.key % 12, song.key >= 12
    bars = int(np.ceil(seconds * bpm / 60 / how.beats))
    band = _Band.hired(how, tonic, minor, song.chords if song else (), rng)
    events = [event for bar in range(bars) for event in band.bar(bar)]
    clock = _clock(how, bpm, bars * how.beats, rng)
    sigma = float(rng.choice([0.001, 0.004, 0.009]))
    notes = tuple(sorted(_played(event, clock, sigma, rng) for event in events))
    key = tonic + 12 * minor
    return Piece(style, bpm if how.has_pulse else 0.0, how.beats if how.has_pulse else 0, key, notes, seed)


def _played(event: Event, clock: Callable[[float], float], sigma: float, rng: np.random.Generator) -> Note:
    start = clock(event.beat) + float(rng.normal(0, sigma))
    end = clock(event.beat + event.beats)
    loud = min(event.velocity * float(rng.uniform(0.85, 1.1)), 1.0)
    return Note(max(start, 0.0), max(end - start, 0.03), event.pitch, loud, event.program)


def _clock(how: Style, bpm: float, beats: int, rng: np.random.Generator) -> Callable[[float], float]:
    """Give the second of each beat: steady but for a slow wandering, or bent again and again."""
    grid = np.arange(0, beats + 9, 0.25)
    walk = np.cumsum(rng.normal(0, 1, len(grid)))
    smooth = np.convolve(np.pad(walk, 8, mode="edge"), np.hanning(19)[1:-1] / 9.0, "valid")[: len(grid)]
    smooth = (smooth - smooth.mean()) / max(smooth.std(), 1e-9)
    if not how.has_pulse:
        bends = np.repeat(rng.normal(0, 1, len(grid) // 6 + 1), 6)[: len(grid)]
        smooth = 0.6 * smooth + 0.8 * bends
    tempo = bpm * np.exp(how.drift * smooth)
    seconds = np.concatenate([[0.0], np.cumsum(0.25 * 60 / tempo)])[:-1]
    return lambda beat: float(np.interp(beat, grid, seconds))


@dataclass(frozen=True)
class _Band:
    """What is drawn once for a piece."""

    how: Style
    tonic: int
    minor: bool
    harmony: tuple[Chord, ...]
    progressions: tuple[tuple[int, ...], tuple[int, ...]]
    drums: Mapping[str, str]
    bass: str
    chords: str
    programs: tuple[int, int, int]
    levels: tuple[float, ...]
    """Of drums, bass, chords and melody."""
    enters: tuple[int, ...]
    """Their first bars."""
    sevenths: bool
    bars_per_chord: int
    lead: float
    rng: np.random.Generator

    @classmethod
    def hired(
        cls, how: Style, tonic: int, minor: bool, harmony: tuple[Chord, ...], rng: np.random.Generator
    ) -> _Band:
        def one(options: Sequence[Any]) -> Any:
            return options[int(rng.integers(len(options)))]

        enters = [int(rng.choice([0, 0, 0, 2, 4])) for _ in range(4)]
        enters[int(rng.integers(1, 3))] = 0
        return cls(
            how=how,
            tonic=tonic,
            minor=minor,
            harmony=harmony,
            progressions=(one(_MAJOR_PROGRESSIONS), one(_MINOR_PROGRESSIONS)),
            drums=one(how.drums) if how.drums else {},
            bass=one(how.bass) if how.bass else "",
            chords=one(how.chords),
            programs=(one(how.bass_programs), one(how.chord_programs), one(how.lead_programs)),
            levels=tuple(float(x) for x in rng.uniform((0.6, 0.5, 0.35, 0.35), (1.0, 0.9, 0.75, 0.8))),
            enters=tuple(enters),
            sevenths=bool(rng.random() < 0.3),
            bars_per_chord=int(rng.choice([1, 1, 2] if how.beats == 4 else [1, 2, 2])),
            lead=how.lead * float(rng.choice([0.0, 0.5, 1.0, 1.2])),
            rng=rng,
        )

    def bar(self, bar: int) -> Iterator[Event]:
        """Play one bar."""
        root, chord = self._harmony(bar)
        parts = (self._drums(bar), self._bass(chord), self._chords(chord), self._melody(root, chord))
        start = bar * self.how.beats
        for part, first in zip(parts, self.enters, strict=True):
            for event in part if bar >= first else ():
                late = self.how.swing if round((start + event.beat) * 4) % 2 else 0.0
                yield event._replace(beat=start + event.beat + late)

    def _harmony(self, bar: int) -> tuple[int, Chord]:
        """Scale degree of the root, and the chord."""
        progression = self.progressions[self.minor]
        root = progression[bar // self.bars_per_chord % len(progression)]
        has_seventh = self.rng.random() < 0.4 if root == 4 else self.sevenths
        chord = [self._pitch(root + step, root) for step in ((0, 2, 4, 6) if has_seventh else (0, 2, 4))]
        if self.harmony:
            chord = list(self.harmony[bar // self.bars_per_chord % len(self.harmony)])
            root = _SCALE_STEP[(chord[0] - self.tonic) % 12]
        return root, chord

    def _drums(self, bar: int) -> Iterator[Event]:
        how, level = self.how, self.levels[0]
        has_fill = bar % 8 == 7 and self.rng.random() < 0.6
        last = how.beats - 1
        for name, row in self.drums.items():
            for beat, _, symbol in self._strikes(row):
                if has_fill and beat >= last and name != "kick":
                    continue
                strength = (1.0 if symbol == "x" else 0.45) * (
                    0.55 if name in {"hat", "shaker", "ride"} else 0.95
                )
                strength *= 0.75 if beat % 1 and name in {"hat", "shaker"} else 1.0
                yield Event(beat, 0.2, _DRUMS[name], strength * level, -1)
        if has_fill and self.drums:
            for step in range(how.steps):
                yield Event(last + step / how.steps, 0.2, (SNARE, TOM)[step % 2], 0.8 * level, -1)
        if self.drums and bar % 8 == 0 and self.rng.random() < 0.7:
            yield Event(0, 1.0, CRASH, 0.7 * level, -1)

    def _bass(self, chord: Chord) -> Iterator[Event]:
        tones = {"1": chord[0], "3": chord[1 % len(chord)], "5": chord[2 % len(chord)], "8": chord[0] + 12}
        low = 24 if self.programs[0] == SUB_BASS else 28
        for beat, length, symbol in self._strikes(self.bass):
            pitch = low + (tones[symbol] - low) % 12 + (12 if symbol == "8" else 0)
            yield Event(beat, length * 0.95, pitch, self.levels[1], self.programs[0])

    def _chords(self, chord: Chord) -> Iterator[Event]:
        low, louder = (48, 1.2) if self.how.arpeggio else (55, 1.0)
        for number, (beat, length, _) in enumerate(self._strikes(self.chords)):
            velocity = self.levels[2] * (0.85 if beat % 1 else 1.0) * louder
            for pitch in [chord[(0, 1, 2, 1)[number % 4] % len(chord)]] if self.how.arpeggio else chord:
                yield Event(beat, length * 0.95, low + (pitch - low) % 12, velocity, self.programs[1])

    def _melody(self, root: int, chord: Chord) -> Iterator[Event]:
        how, rng = self.how, self.rng
        if not self.lead:
            return
        step, degree = 0, int(rng.integers(7, 12))
        total = how.beats * how.steps
        while step < total:
            length = min(int(rng.choice(how.lead_steps)), total - step)
            is_beat = step % how.steps == 0
            if rng.random() < self.lead * (1.3 if is_beat else 0.9):
                near = [d for d in range(degree - 3, degree + 4) if 5 <= d <= 16]
                tones = [d for d in near if self._pitch(d, root) % 12 in {pitch % 12 for pitch in chord}]
                degree = int(rng.choice(tones if is_beat and tones and rng.random() < 0.8 else near))
                pitch = 58 + (2 + self._pitch(degree, root)) % 24
                yield Event(
                    step / how.steps, length / how.steps * 0.9, pitch, self.levels[3], self.programs[2]
                )
            step += length

    def _strikes(self, row: str) -> Iterator[tuple[float, float, str]]:
        """Beat within the bar, length in beats, and symbol of each strike of a row."""
        for step, symbol in enumerate(row):
            if symbol not in ".-":
                held = len(row[step + 1 :]) - len(row[step + 1 :].lstrip("-"))
                yield step / self.how.steps, (1 + held) / self.how.steps, symbol

    def _pitch(self, degree: int, root: int) -> int:
        """Pitch of a scale degree over a chord."""
        scale = _MINOR_SCALE if self.minor else _MAJOR_SCALE
        is_raised = self.minor and root == 4 and degree % 7 == 6
        return scale[degree % 7] + 12 * (degree // 7) + self.tonic + is_raised
