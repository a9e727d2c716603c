"""Sounds of packs, made up: drums of many builds, loops of them, effects, and notes of the common programs.

Each family is a way to make a sound; its numbers are drawn from wide ranges, so that two sounds of a family
differ as those of two packs. Signals are mono at 22,050 Hz with a peak of 0.3 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.signal

from etl.audio.signal import SAMPLE_RATE
from tests.support.audio_composer import Note
from tests.support.audio_synthesiser import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Signal = NDArray[np.float64]
    Maker = Callable[[np.random.Generator], Signal]


def _time(seconds: float) -> Signal:
    return np.arange(max(64, int(seconds * SAMPLE_RATE))) / SAMPLE_RATE


def _log(chance: np.random.Generator, low: float, high: float) -> float:
    """Draw a number, evenly by its logarithm."""
    return float(np.exp(chance.uniform(np.log(low), np.log(high))))


def _noise(chance: np.random.Generator, time: Signal, low: float, high: float) -> Signal:
    """Give noise of a band in Hz."""
    high = min(high, 0.49 * SAMPLE_RATE)
    sections = scipy.signal.butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos")
    filtered: Signal = scipy.signal.sosfilt(sections, chance.normal(size=len(time)))
    return np.asarray(filtered / (np.abs(filtered).max() + 1e-9))


def _sweep(time: Signal, start: float, end: float, seconds: float) -> Signal:
    """Give a sine whose frequency falls, or rises, from start to end."""
    frequency = end + (start - end) * np.exp(-time / seconds)
    return np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE)


def _kick(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.05, 0.5)
    time = _time(decay * chance.uniform(3, 6))
    low = chance.uniform(35, 80)
    body = _sweep(time, low * _log(chance, 1.5, 8), low, _log(chance, 0.005, 0.06)) * np.exp(-time / decay)
    click = _noise(chance, time, 300, 6000) * np.exp(-time / 0.004) * chance.uniform(0, 0.5)
    return np.tanh(_log(chance, 0.5, 6) * body) + click


def _tom(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.08, 0.5)
    time = _time(decay * chance.uniform(3, 5))
    low = _log(chance, 75, 280)
    skin = _noise(chance, time, 200, 4000) * np.exp(-time / 0.02) * chance.uniform(0, 0.4)
    tone = _sweep(time, low * chance.uniform(1.05, 1.8), low, _log(chance, 0.02, 0.15))
    return tone * np.exp(-time / decay) + skin


def _snare(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.03, 0.25)
    time = _time(decay * chance.uniform(3, 7))
    low = _log(chance, 150, 350)
    tone = _sweep(time, low * chance.uniform(1, 2), low, 0.02) * np.exp(-time / (decay * 0.6))
    wires = _noise(chance, time, _log(chance, 400, 2500), 10_000) * np.exp(-time / decay)
    return chance.uniform(0.1, 1.0) * tone + chance.uniform(0.5, 1.2) * wires


def _rim(chance: np.random.Generator) -> Signal:
    time = _time(chance.uniform(0.05, 0.3))
    ring = sum(np.sin(2 * np.pi * _log(chance, 400, 2500) * time) for _ in range(2))
    click = _noise(chance, time, 1000, 9000) * np.exp(-time / 0.006)
    return ring * np.exp(-time / _log(chance, 0.008, 0.04)) + click


def _clap(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.04, 0.25)
    time = _time(decay * 4 + 0.05)
    middle = _log(chance, 900, 2500)
    noise = _noise(chance, time, middle / 2, middle * 3)
    hands = sum(
        np.where(time >= start, np.exp(-(time - start) / 0.006), 0.0)
        for start in np.cumsum(chance.uniform(0.006, 0.016, int(chance.integers(2, 5))))
    )
    return np.asarray(noise * (hands + np.where(time > 0.03, np.exp(-(time - 0.03) / decay), 0.0)))


def _metal(chance: np.random.Generator, time: Signal, lowest: float) -> Signal:
    ratios = np.array([1.0, 1.34, 1.53, 1.8, 2.1, 2.6]) * chance.uniform(0.9, 1.1, 6)
    squares = sum(np.sign(np.sin(2 * np.pi * lowest * ratio * time)) for ratio in ratios)
    sections = scipy.signal.butter(2, _log(chance, 3000, 7500), "highpass", fs=SAMPLE_RATE, output="sos")
    ringing: Signal = scipy.signal.sosfilt(sections, squares)
    return np.asarray(ringing / (np.abs(ringing).max() + 1e-9))


def _hat(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.01, 0.3)
    time = _time(decay * chance.uniform(3, 6))
    hiss = _noise(chance, time, _log(chance, 3000, 8000), 11_000)
    mixed = chance.uniform(0, 1) * _metal(chance, time, _log(chance, 250, 900)) + hiss
    return mixed * np.exp(-time / decay)


def _cymbal(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.3, 1.5)
    time = _time(decay * chance.uniform(2, 4))
    hiss = _noise(chance, time, _log(chance, 800, 4000), 11_000)
    metal = chance.uniform(0, 1) * _metal(chance, time, _log(chance, 200, 700))
    return (hiss + metal) * np.exp(-time / decay)


def _block(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.01, 0.08)
    time = _time(decay * chance.uniform(4, 8))
    low = _log(chance, 500, 3000)
    overtone = chance.uniform(0, 0.5) * np.sin(2 * np.pi * low * chance.uniform(1.5, 2.8) * time)
    return (np.sin(2 * np.pi * low * time) + overtone) * np.exp(-time / decay)


def _cowbell(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.05, 0.3)
    time = _time(decay * 4)
    low = _log(chance, 400, 1100)
    pair = sum(np.sign(np.sin(2 * np.pi * each * time)) for each in (low, low * chance.uniform(1.4, 1.6)))
    return pair * (0.5 * np.exp(-time / decay) + 0.5 * np.exp(-time / 0.02))


def _conga(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.04, 0.25)
    time = _time(decay * chance.uniform(3, 6))
    low = _log(chance, 150, 600)
    slap = _noise(chance, time, 500, 5000) * np.exp(-time / 0.008) * chance.uniform(0, 0.8)
    return _sweep(time, low * chance.uniform(1, 1.3), low, 0.03) * np.exp(-time / decay) + slap


def _shaker(chance: np.random.Generator) -> Signal:
    length = chance.uniform(0.05, 0.3)
    time = _time(length)
    noise = _noise(chance, time, _log(chance, 2000, 6000), 11_000)
    return np.asarray(noise * np.abs(np.sin(np.pi * time / time[-1])) ** chance.uniform(0.5, 3))


def _drum_loop(chance: np.random.Generator) -> Signal:
    step = 60 / chance.uniform(75, 175) / 4
    steps = int(chance.choice([16, 32, 64]))
    loop = np.zeros(int(step * steps * SAMPLE_RATE))
    for maker, often in ((_kick, 0.3), (_snare, 0.2), (_hat, 0.6), (_conga, 0.15)):
        if chance.random() < 0.25:
            continue
        hit = scaled(maker(chance)) * chance.uniform(0.3, 1)
        for place in np.flatnonzero(chance.random(steps) < often):
            first = int(place * step * SAMPLE_RATE)
            room = loop[first : first + len(hit)]
            room += hit[: len(room)]
    return loop if loop.any() else _drum_loop(chance)


def _riser(chance: np.random.Generator) -> Signal:
    time = _time(chance.uniform(0.8, 8))
    rise = time / time[-1] if chance.random() < 0.6 else 1 - time / time[-1]
    noise = _noise(chance, time, _log(chance, 100, 1500), _log(chance, 2500, 10_000))
    tone = np.sin(2 * np.pi * np.cumsum(200 + _log(chance, 300, 3000) * rise) / SAMPLE_RATE)
    return np.asarray((noise + chance.choice([0.0, 0.3, 1.0]) * tone) * rise ** chance.uniform(0.7, 3))


def _impact(chance: np.random.Generator) -> Signal:
    decay = _log(chance, 0.4, 2)
    time = _time(decay * 3)
    boom = _sweep(time, _log(chance, 80, 300), _log(chance, 25, 60), 0.2) * np.exp(-time / decay)
    tail = _noise(chance, time, _log(chance, 60, 400), _log(chance, 1500, 9000)) * np.exp(-time / decay)
    return boom + chance.uniform(0.3, 1) * tail


def _laser(chance: np.random.Generator) -> Signal:
    time = _time(chance.uniform(0.15, 1.2))
    ends = _log(chance, 1500, 8000), _log(chance, 80, 600)
    start, end = ends if chance.random() < 0.7 else ends[::-1]
    wobble = 1 + chance.uniform(0, 0.6) * np.sin(2 * np.pi * _log(chance, 5, 60) * time)
    return np.asarray(
        _sweep(time, start, end, chance.uniform(0.05, 0.3)) * np.exp(-time / (0.5 * time[-1])) * wobble
    )


def _texture(chance: np.random.Generator) -> Signal:
    time = _time(chance.uniform(1, 10))
    hiss = _noise(chance, time, _log(chance, 60, 1500), _log(chance, 2500, 10_000))
    slow = np.interp(time, np.linspace(0, time[-1], 12), chance.uniform(0.2, 1, 12))
    crackle = np.where(chance.random(len(time)) < _log(chance, 1e-5, 1e-3), chance.normal(0, 3, len(time)), 0)
    return np.asarray(hiss * slow + chance.choice([0.0, 1.0]) * crackle)


def _siren(chance: np.random.Generator) -> Signal:
    time = _time(chance.uniform(0.5, 4))
    turning = np.sin(2 * np.pi * _log(chance, 0.5, 12) * time)
    frequency = _log(chance, 300, 1500) * (1 + 0.4 * turning)
    return np.sign(np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE))


def _glitch(chance: np.random.Generator) -> Signal:
    pieces = [
        chance.choice([0.0, 1.0]) * _noise(chance, time, 200, 9000)
        + np.sign(np.sin(2 * np.pi * _log(chance, 60, 5000) * time))
        for time in (_time(chance.uniform(0.01, 0.15)) for _ in range(int(chance.integers(3, 14))))
    ]
    return np.concatenate(pieces)


def _notes(chance: np.random.Generator, programs: range, pitches: tuple[int, int], *, most: int) -> Signal:
    """Play one note, a chord or a line."""
    program = int(chance.choice(programs))
    root = int(chance.integers(*pitches))
    length, step = _log(chance, 0.15, 4), _log(chance, 0.12, 0.6)
    form = chance.integers(3) if most > 1 else 0
    if form == 1:
        chord = (0, int(chance.choice([3, 4])), 7, int(chance.choice([10, 11, 12])))
        notes = [Note(0.0, length, root + each, 0.8, program) for each in chord]
    elif form == 2:
        offsets = chance.choice([0, 2, 3, 5, 7, 10, 12], int(chance.integers(4, most)))
        notes = [Note(k * step, step * 0.9, root + int(each), 0.8, program) for k, each in enumerate(offsets)]
    else:
        notes = [Note(0.0, length, root, 0.8, program)]
    seconds = max(note.second + note.seconds for note in notes) + 0.4
    return render(notes, seconds=seconds, seed=int(chance.integers(1 << 30))).astype(np.float64)


FAMILIES: Final[dict[str, tuple[str, Maker]]] = {
    "kick": ("kick", _kick),
    "tom": ("tom", _tom),
    "snare": ("snare", _snare),
    "rim": ("snare", _rim),
    "clap": ("clap", _clap),
    "hat": ("hat", _hat),
    "cymbal": ("cymbal", _cymbal),
    "block": ("percussion", _block),
    "cowbell": ("percussion", _cowbell),
    "conga": ("percussion", _conga),
    "shaker": ("percussion", _shaker),
    "drum loop": ("loop", _drum_loop),
    "riser": ("fx", _riser),
    "impact": ("fx", _impact),
    "laser": ("fx", _laser),
    "texture": ("fx", _texture),
    "siren": ("fx", _siren),
    "glitch": ("fx", _glitch),
    "bass": ("bass", lambda chance: _notes(chance, range(32, 40), (28, 48), most=9)),
    "keys": ("melody", lambda chance: _notes(chance, range(24), (40, 84), most=17)),
    "guitar": ("melody", lambda chance: _notes(chance, range(24, 32), (40, 76), most=17)),
    "strings": ("melody", lambda chance: _notes(chance, range(40, 56), (43, 84), most=9)),
    "wind": ("melody", lambda chance: _notes(chance, range(56, 80), (50, 88), most=13)),
    "synth": ("melody", lambda chance: _notes(chance, range(80, 88), (45, 88), most=17)),
    "pad": ("melody", lambda chance: _notes(chance, range(88, 104), (40, 76), most=5)),
}
"""What a family's sounds are, and how one is made."""


def scaled(signal: Signal) -> Signal:
    """Give a signal with a peak of 1."""
    return np.asarray(signal / (np.abs(signal).max() + 1e-9))


def made(family: str, seed: int) -> NDArray[np.float32]:
    """Make a sound of a family."""
    chance = np.random.default_rng([seed, list(FAMILIES).index(family)])
    signal = scaled(FAMILIES[family][1](chance)) * chance.uniform(0.3, 1)
    silence = np.zeros(int(chance.choice([0, 0, 0.01, 0.2]) * SAMPLE_RATE))
    return np.concatenate([signal, silence]).astype(np.float32)
