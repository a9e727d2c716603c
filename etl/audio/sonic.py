"""The sonic description of a track: one vector of medians and spreads, tempo, key and energy.

Conventions
-----------
``beat`` mode averages every feature between consecutive beats, then takes median and interquartile range
over the beats. Where there is no steady pulse, pulses half a second apart stand in for beats: the spread of
averages over half a second compares with that over beats, that of single frames does not. ``window`` mode
takes the statistics over the frames of three windows of 30 s at the start, in the middle and at the end, each
analysed by itself, and the tempo of the middle one.
Both give four vectors: the whole track, and its first, middle and last 30 s.

References
----------
.. [1] EBU Tech 3342, "Loudness range", 2016: the 10th and 95th percentiles, here of the unweighted level of
   frames of 93 ms rather than the weighted one of 3 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.audio.beats import MIN_FRAMES, NO_RHYTHM, Rhythm, rhythm
from etl.audio.features import LAYOUT, Mode
from etl.audio.frames import Frames, analyse
from etl.audio.key import NO_KEY_FOUND, Key, find_key
from etl.audio.periodicity import FRAME_RATE
from etl.audio.signal import SAMPLE_RATE, DecodeError
from etl.audio.spectral import HOP
from etl.audio.waveform import rms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

WINDOW_SECONDS: Final = 30.0
MIN_SECONDS: Final = 1.0
"""Shorter signals have no beat and hardly a spectrum."""

MAX_IRREGULARITY: Final = 0.35
"""Spread of the time between beats, relative to its median, beyond which beats count as failed."""

MIN_SUPPORT: Final = 0.25
"""Share of the beats near an onset below which the tracker has only bridged silence."""

MAX_PEAK: Final = 1e6
"""Largest sample, in full scales: with more, a product of sixteen powers leaves the range of float64."""

PSEUDO_BEAT: Final = round(0.5 * FRAME_RATE)
"""Frames from one pulse to the next that stands in for a beat: that of 117 beats per minute."""

_MIN_BEATS: Final = 4
_GATE_DB: Final = -70.0
"""Re full scale; below it is silence."""


class Energy(NamedTuple):
    """Level of a signal."""

    rms_db: float
    """Root mean square re full scale, dB; -100 for digital silence."""
    crest_db: float
    """Peak over root mean square, dB."""
    dynamic_range_db: float
    """95th less 10th percentile of the level of the frames (93 ms) above -70 dB [1]_."""


@dataclass(frozen=True, eq=False)
class Sonic:
    """Sonic description of one track.

    Attributes
    ----------
    mode
        What was asked for.
    fallback
        Why pulses half a second apart stand in for the beats in ``beat`` mode; empty if they do not.
    seconds
        Duration of the signal.
    vectors
        Shape (4, 128), float32: whole track, start, middle, end; components as in `FEATURE_NAMES`.
    rhythm, key, energy
        Tempo and beats, key, level.
    tuning_cents
        Deviation from A4 = 440 Hz, -50 to 50; the middle window's in ``window`` mode.
    """

    mode: Mode
    fallback: str
    seconds: float
    vectors: Floats
    rhythm: Rhythm
    key: Key
    energy: Energy
    tuning_cents: float


def describe(signal: Floats, mode: Mode = Mode.BEAT) -> Sonic:
    """Describe a signal.

    Parameters
    ----------
    signal
        Mono at 22,050 Hz, shape (n,).
    mode
        Over beats or over windows.

    Returns
    -------
    Sonic
        The description.

    Raises
    ------
    DecodeError
        If the signal is shorter than a second, or so far beyond full scale that its power is no number.
    """
    seconds = len(signal) / SAMPLE_RATE
    if seconds < MIN_SECONDS:
        raise DecodeError(f"shorter than {MIN_SECONDS:.0f} s ({seconds:.2f} s)")
    peak = float(np.abs(signal).max())
    if peak > MAX_PEAK:
        raise DecodeError(f"the samples reach {peak:.3g} times full scale")
    energy = measure_energy(signal)
    # Chroma and autocorrelation know no level: of dither they would make a key and a tempo.
    audible = energy.rms_db + energy.crest_db > _GATE_DB
    if mode is Mode.BEAT:
        return _over_beats(analyse(signal), energy, seconds, audible=audible)
    return _over_windows(signal, energy, seconds, audible=audible)


def _over_beats(frames: Frames, energy: Energy, seconds: float, *, audible: bool) -> Sonic:
    pulse = rhythm(frames.onset_median, frames.onset_bands, frames.chroma_stft) if audible else NO_RHYTHM
    reason = _beats_failed(pulse, seconds)
    n_frames = len(frames.onset)
    beats = np.arange(0, n_frames, PSEUDO_BEAT) if reason else pulse.beats
    key = find_key(*_chromas([frames])) if audible else NO_KEY_FOUND
    return Sonic(
        Mode.BEAT, reason, seconds, _beat_vectors(frames, beats), pulse, key, energy, frames.tuning_cents
    )


def _over_windows(signal: Floats, energy: Energy, seconds: float, *, audible: bool) -> Sonic:
    bounds = window_bounds(len(signal))
    # Below 30 s all three are the same.
    analysed = {(start, stop): analyse(signal[start:stop]) for start, stop in dict.fromkeys(bounds)}
    windows = [analysed[place] for place in bounds]
    rows = [_matrix(window) for window in windows]
    vectors = np.stack([_statistics(part) for part in (np.concatenate(rows), *rows)])
    middle = windows[1]
    pulse = rhythm(middle.onset_median, middle.onset_bands, middle.chroma_stft) if audible else NO_RHYTHM
    key = find_key(*_chromas(windows)) if audible else NO_KEY_FOUND
    return Sonic(Mode.WINDOW, "", seconds, vectors, pulse, key, energy, middle.tuning_cents)


def window_bounds(n_samples: int) -> list[tuple[int, int]]:
    """First and last sample + 1 of the start, middle and end windows; all alike below 30 s."""
    length = min(int(WINDOW_SECONDS * SAMPLE_RATE), n_samples)
    starts = (0, (n_samples - length) // 2, n_samples - length)
    return [(start, start + length) for start in starts]


def measure_energy(signal: Floats) -> Energy:
    """Measure the level of a signal."""
    # In float64: a sum of a hundred million squares does not fit into the 24 bits of float32.
    power = float(np.einsum("i,i->", signal, signal, dtype=np.float64)) / len(signal)
    root = max(np.sqrt(power), 1e-5)
    levels = 20.0 * np.log10(np.maximum(rms(signal), 1e-5))
    gated = levels[levels > _GATE_DB]
    spread = float(np.subtract(*np.percentile(gated, [95, 10]))) if len(gated) else 0.0
    peak = max(float(np.abs(signal).max()), 1e-5)
    return Energy(float(20.0 * np.log10(root)), float(20.0 * np.log10(peak / root)), spread)


def _beats_failed(pulse: Rhythm, seconds: float) -> str:
    if not pulse.tracker_bpm:
        return "no onsets"
    if not pulse.bpm:
        is_short = seconds < MIN_FRAMES / FRAME_RATE
        return "too short for a tempo" if is_short else f"no steady pulse (clarity {pulse.confidence:.2f})"
    if not np.isfinite(pulse.irregularity):
        return f"too few beats ({len(pulse.beats)})"
    if pulse.irregularity > MAX_IRREGULARITY:
        return f"irregular beats (spread {pulse.irregularity:.2f} of a beat)"
    if pulse.support < MIN_SUPPORT:
        return f"beats without onsets ({1 - pulse.support:.0%})"
    return ""


def _beat_vectors(frames: Frames, beats: NDArray[np.int64]) -> Floats:
    """Statistics over beats, for the whole track and for the segments.

    A segment with fewer than four beats, a faded ending say, is described by pulses in their place.
    """
    matrix = _matrix(frames)
    by_beat = _averaged(matrix, beats)
    parts = [by_beat]
    for start, stop in window_bounds((len(matrix) - 1) * HOP):
        first, last = start / HOP, stop / HOP
        inside = by_beat[(beats[:-1] >= first) & (beats[1:] <= last)]
        if len(inside) < _MIN_BEATS:
            inside = _averaged(matrix, np.arange(int(first), int(last) + 1, PSEUDO_BEAT))
        parts.append(inside)
    return np.stack([_statistics(part) for part in parts])


def _averaged(matrix: Floats, beats: NDArray[np.int64]) -> Floats:
    """Mean of each feature from beat to beat."""
    sums = np.add.reduceat(matrix[: beats[-1]], beats[:-1], axis=0, dtype=np.float64)
    return (sums / np.diff(beats)[:, np.newaxis]).astype(np.float32)


def _statistics(rows: Floats) -> Floats:
    """Medians, then interquartile ranges, of the columns."""
    lower, middle, upper = np.percentile(rows, [25, 50, 75], axis=0)
    return np.concatenate([middle, upper - lower]).astype(np.float32)


def _matrix(frames: Frames) -> Floats:
    """All features side by side in the order of `FEATURE_NAMES`, (frames, 64)."""
    return np.column_stack([getattr(frames, name) for name, _, _ in LAYOUT])


def _chromas(parts: list[Frames]) -> list[Floats]:
    """Chromas that the key rests on, each of all parts."""
    names = ("chroma_stft", "chroma_cqt", "chroma_compressed")
    return [np.concatenate([getattr(part, name) for part in parts]) for name in names]


def beat_times(pulse: Rhythm) -> NDArray[np.float64]:
    """Seconds of the beats."""
    return pulse.beats / FRAME_RATE
