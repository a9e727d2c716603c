"""Play notes: additive, frequency-modulated, bowed and overdriven tones, and drums of noise.

The synthesiser that the tempo is fitted with. It is meant to be various rather than beautiful: attacks of 2
to 250 ms, decaying and sustained tones, bright and dull ones. Pieces differ in mix, room and drive.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.signal

from tests.support.audio_composer import (
    CLAP,
    CLOSED,
    CRASH,
    KICK,
    OPEN,
    RIDE,
    SHAKER,
    SNARE,
    STICK,
    SUB_BASS,
    TOM,
    Note,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SAMPLE_RATE: Final = 22_050
_LONGEST: Final = 6.0
_RELEASE: Final = 0.03


class _Tone(NamedTuple):
    """A kind of sound."""

    rolloff: float
    """Harmonic ``k`` has strength ``k ** -rolloff``."""
    attack: float
    """Seconds."""
    decay: float
    """Seconds to 1/e; infinite for a sustained tone."""
    even: float = 1.0
    """Strength of the even harmonics."""
    modulation: float = 0.0
    """Index of frequency modulation by the same frequency times `ratio`."""
    ratio: float = 1.0
    drive: float = 0.0
    detune: float = 0.0
    """Cents between two voices."""


_SUSTAINED: Final = float("inf")
_TONES: Final[tuple[tuple[range, _Tone], ...]] = (
    (range(4), _Tone(1.5, 0.004, 1.3)),  # pianos
    (range(4, 6), _Tone(3.0, 0.003, 1.0, modulation=1.5)),  # electric pianos
    (range(6, 8), _Tone(0.9, 0.002, 0.6)),  # harpsichord
    (range(8, 16), _Tone(3.0, 0.002, 0.7, modulation=2.5, ratio=3.5)),  # bells
    (range(16, 24), _Tone(0.9, 0.012, _SUSTAINED, even=0.8)),  # organs
    (range(24, 28), _Tone(1.2, 0.003, 0.7)),  # guitars
    (range(28, 29), _Tone(1.2, 0.003, 0.15)),  # muted
    (range(29, 32), _Tone(1.0, 0.006, 3.0, drive=4.0)),
    (range(32, 38), _Tone(1.8, 0.006, 0.9)),  # basses
    (range(38, 40), _Tone(1.1, 0.005, 1.5, drive=1.0)),
    (range(40, 44), _Tone(1.1, 0.06, _SUSTAINED)),  # bowed
    (range(44, 48), _Tone(1.3, 0.003, 0.8)),
    (range(48, 56), _Tone(1.1, 0.12, _SUSTAINED, detune=12.0)),  # ensembles, voices
    (range(56, 64), _Tone(0.8, 0.025, _SUSTAINED)),  # brass
    (range(64, 72), _Tone(0.9, 0.03, _SUSTAINED, even=0.5)),  # reeds
    (range(72, 80), _Tone(2.2, 0.04, _SUSTAINED)),  # pipes
    (range(80, 88), _Tone(0.9, 0.006, 2.5, detune=8.0)),  # synthesisers
    (range(88, 104), _Tone(1.4, 0.25, _SUSTAINED, detune=15.0)),  # pads
    (range(104, 128), _Tone(1.2, 0.003, 0.6)),
    (range(SUB_BASS, SUB_BASS + 1), _Tone(5.0, 0.003, 1.0, drive=1.5)),
)  # fmt: skip


def render(notes: Sequence[Note], *, seconds: float, seed: int) -> Floats:
    """Play notes in a mix of their own, mono at 22,050 Hz, peak 0.8."""
    rng = np.random.default_rng([seed, 41])
    signal = np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)
    for note in notes:
        first = int(note.second * SAMPLE_RATE)
        if first < len(signal):
            sound = _drum(note.pitch) if note.program < 0 else _note(note)
            room = signal[first : first + len(sound)]
            room += sound[: len(room)] * np.float32(note.velocity)
    return _mixed(signal, rng)


def _mixed(signal: Floats, rng: np.random.Generator) -> Floats:
    """Add a room, a tilt, an overload and a noise floor."""
    wet = float(rng.choice([0.0, 0.08, 0.2]))
    if wet:
        length = int(rng.uniform(0.4, 1.6) * SAMPLE_RATE)
        tail = rng.normal(0, 1, length) * np.exp(-6 * np.arange(length) / length)
        tail *= wet / np.sqrt((tail**2).sum())
        signal = signal + scipy.signal.fftconvolve(signal, tail)[: len(signal)].astype(np.float32)
    tilted = scipy.signal.lfilter([1.0, float(rng.uniform(-0.3, 0.3))], [1.0], signal)
    driven = np.tanh(float(rng.choice([0.5, 1.5, 3.0])) * tilted / np.abs(tilted).max())
    noise = rng.normal(0, 10 ** (rng.uniform(-80, -50) / 20), len(driven))
    mixed: Floats = (0.8 * driven / np.abs(driven).max() + noise).astype(np.float32)
    return mixed


def _note(note: Note) -> Floats:
    length = int((min(note.seconds, _LONGEST) + _RELEASE) * SAMPLE_RATE)
    longest = _LONGEST + _RELEASE
    while longest * SAMPLE_RATE >= 2 * length and longest > 0.5:
        longest /= 2
    tone = _tone(note.program, note.pitch, longest)[:length].copy()
    fade = min(int(_RELEASE * SAMPLE_RATE), len(tone))
    tone[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return tone


@lru_cache(maxsize=512)
def _tone(program: int, pitch: int, seconds: float) -> Floats:
    tone = next(tone for programs, tone in _TONES if program in programs)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    sound = np.zeros(len(time))
    for cents in (-tone.detune / 2, tone.detune / 2) if tone.detune else (0.0,):
        phase = 2 * np.pi * frequency * 2 ** (cents / 1200) * time
        phase += tone.modulation * np.exp(-time / 0.3) * np.sin(tone.ratio * phase)
        # Sines of multiples of an angle, fading geometrically, each from the two before it.
        fading = np.exp(-time * 0.3 / tone.decay)
        turn, before, harmonics = 2 * np.cos(phase) * fading, np.zeros(len(time)), np.sin(phase) * fading
        for harmonic in range(1, min(14, int(9_500 // frequency) + 1)):
            sound += harmonic**-tone.rolloff * (tone.even if harmonic % 2 == 0 else 1.0) * harmonics
            before, harmonics = harmonics, turn * harmonics - fading**2 * before
    sound *= np.minimum(time / tone.attack, 1.0) * np.exp(-time / tone.decay)
    if tone.drive:
        sound = np.tanh(tone.drive * sound)
    scaled: Floats = (0.25 * sound / np.sqrt((sound[: SAMPLE_RATE // 5] ** 2).mean()) / 2).astype(np.float32)
    return scaled


# Seconds to 1/e of the noise, cut-off of its high-pass in Hz, Hz and share of the tone, loudness.
_DRUMS: Final = {
    KICK: (0.02, 20, 52.0, 0.95, 1.0),
    SNARE: (0.07, 400, 185.0, 0.35, 0.6),
    CLAP: (0.06, 900, 0.0, 0.0, 0.5),
    STICK: (0.02, 1500, 800.0, 0.4, 0.5),
    CLOSED: (0.02, 6000, 0.0, 0.0, 0.35),
    OPEN: (0.12, 5500, 0.0, 0.0, 0.35),
    RIDE: (0.25, 5000, 3300.0, 0.2, 0.25),
    SHAKER: (0.03, 5000, 0.0, 0.0, 0.25),
    CRASH: (0.6, 3500, 0.0, 0.0, 0.4),
    TOM: (0.05, 60, 110.0, 0.9, 0.8),
}


@lru_cache(maxsize=64)
def _drum(number: int) -> Floats:
    decay, highpass, tone, share, loudness = _DRUMS.get(number, _DRUMS[SNARE])
    rng = np.random.default_rng(number)
    time = np.arange(int(max(6 * decay, 0.25) * SAMPLE_RATE)) / SAMPLE_RATE
    noise = rng.normal(0, 0.5, len(time)) * np.exp(-time / decay)
    sections = scipy.signal.butter(2, highpass, "highpass", fs=SAMPLE_RATE, output="sos")
    sound = (1 - share) * scipy.signal.sosfilt(sections, noise)
    if tone:
        falls = number in {KICK, TOM}
        phase = tone * time + (2.0 * tone * 0.02 * (1 - np.exp(-time / 0.02)) if falls else 0)
        sound += share * np.sin(2 * np.pi * phase) * np.exp(-time / (0.09 if falls else decay))
    scaled: Floats = (loudness * sound).astype(np.float32)
    return scaled
