"""Beats and tempo: a comb finds what repeats, a fitted model its level, and a regression the last digits.

librosa takes its tempo from the best single lag of the autocorrelation, which is coarse (117.5 and then 123.0
beats per minute) and easily caught by a dotted rhythm. A comb over eight beats asks instead which period
*keeps* fitting; which of its fractions and multiples is the beat, `etl.audio.tempo_level` says. librosa's
tracker then runs at that tempo, and a straight line through its beats gives the last digits.

References
----------
.. [1] Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.
.. [2] Grosche, Müller and Kurth, "Cyclic tempogram: a mid-level tempo representation for music signals",
   ICASSP 2010.
.. [3] Lartillot et al., "Multi-feature modeling of pulse clarity", ISMIR 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft
import scipy.ndimage

from etl.audio.beat_path import beat_path
from etl.audio.filters import hann
from etl.audio.meter import Meter, find_meter
from etl.audio.periodicity import (
    FRAME_RATE,
    MIN_TEETH,
    SUPPORTED,
    autocorrelation,
    comb,
    pulse_clarity,
    self_similarity,
)
from etl.audio.signal import SAMPLE_RATE
from etl.audio.spectral import HOP
from etl.audio.tempo_level import Heard, choose_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

MIN_CLARITY: Final = 0.09
"""Pulse clarity below which no tempo is given: rubato and music without a pulse reach 0.08, and of steady
pieces one in a hundred lies below (``python -m benchmarks.audio_accuracy``)."""

_WINDOW: Final = int(8 * SAMPLE_RATE // HOP)
"""Frames of the tempogram: eight seconds."""

_BLOCK: Final = 2048

_TEMPI: Final = np.geomspace(40.0, 240.0, 2000)
"""Beats per minute that the comb tries, 0.09 % apart."""

MIN_FRAMES: Final = int(MIN_TEETH * FRAME_RATE / SUPPORTED) + 1
"""Of a signal in which two beats of 60 beats per minute do not fit, below 2.7 s, no tempo is told."""

_PRIOR_BPM: Final = 120.0
_PRIOR_OCTAVES: Final = 1.0
_MAX_BPM: Final = 320.0

# The regression may correct the comb by the comb's own error; beyond it the tracker has slipped.
_TRUST: Final = 0.01
_MIN_BEATS: Final = 8


class Rhythm(NamedTuple):
    """Tempo and beats of a signal."""

    bpm: float
    """Beats per minute; 0 if there is no steady pulse, or too little of it."""
    level: float
    """Probability, 0 to 1, of this tempo against its halves, thirds and multiples."""
    confidence: float
    """Pulse clarity, 0 to 1: mean autocorrelation of the onset strength at one to eight beats, or as many as
    fit, over stretches of 20 s [3]_."""
    half: float
    """The same for half the tempo."""
    double: float
    """The same for twice the tempo."""
    beats: NDArray[np.int64]
    """Frame numbers, ascending."""
    irregularity: float
    """Interquartile range over median of the time between beats; infinite with fewer than eight beats."""
    support: float
    """Share of the beats, 0 to 1, within two frames of any onset at all."""
    tracker_bpm: float
    """What ``librosa.beat.beat_track`` reports."""
    meter: Meter


NO_RHYTHM: Final = Rhythm(
    0.0, 0.0, 0.0, 0.0, 0.0, np.empty(0, dtype=np.int64), float("inf"), 0.0, 0.0, Meter(0, 0.0)
)
"""Of silence."""


def rhythm(envelope: Floats, bands: Floats, chroma: Floats) -> Rhythm:
    """Find tempo, beats and meter.

    Parameters
    ----------
    envelope
        Onset strength by median, shape (frames,).
    bands
        Onset strength of four bands, shape (4, frames).
    chroma
        Shape (frames, 12).

    Returns
    -------
    Rhythm
        The likeliest level of the strongest comb under librosa's own prior (120 beats per minute, one
        octave); no tempo where the pulse is less clear than `MIN_CLARITY`.
    """
    tracked, beats = track_beats(envelope)
    if not tracked or len(envelope) < MIN_FRAMES:
        return NO_RHYTHM._replace(beats=beats, tracker_bpm=tracked)
    envelopes = [envelope, *bands]
    correlations = [autocorrelation(each) for each in envelopes]
    heard = Heard(envelopes, correlations[0], self_similarity(chroma))
    level = choose_level(heard, strongest_comb(correlations[0]))
    beats = beat_path(envelope, _frames_per_beat(level.bpm))
    bpm = _refined(beats, level.bpm)
    own, half, double = pulse_clarity(envelope, np.array([bpm, bpm / 2, bpm * 2]))
    support = float((scipy.ndimage.maximum_filter1d(envelope, 5)[beats] > 0).mean()) if len(beats) else 0.0
    found = Rhythm(
        bpm=bpm,
        level=level.probability,
        confidence=float(own),
        half=float(half),
        double=float(double),
        beats=beats,
        irregularity=_irregularity(beats),
        support=support,
        tracker_bpm=tracked,
        meter=find_meter(correlations, bpm),
    )
    return found if own >= MIN_CLARITY else found._replace(bpm=0.0, level=0.0, meter=NO_RHYTHM.meter)


def strongest_comb(correlation: NDArray[np.float64]) -> float:
    """Give the tempo of the strongest comb under the prior."""
    prior = -0.5 * (np.log2(_TEMPI / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2
    return float(_TEMPI[np.argmax(np.log(np.maximum(comb(correlation, _TEMPI), 1e-3)) + prior)])


def _refined(beats: NDArray[np.int64], bpm: float) -> float:
    """Tempo by a straight line through the beats that do not stray; ``bpm`` if it disagrees with them."""
    if len(beats) < _MIN_BEATS:
        return bpm
    steps = np.maximum(np.round(np.diff(beats) * bpm / (60.0 * FRAME_RATE)), 1)
    numbers = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.ones(len(beats), dtype=bool)
    slope = 0.0
    for _ in range(6):
        slope, offset = np.polyfit(numbers[kept], beats[kept], 1)
        residuals = np.abs(beats - offset - slope * numbers)
        kept = residuals <= max(3.0 * float(np.median(residuals)), 1.5)
    fitted = float(60.0 * FRAME_RATE / slope)
    return fitted if abs(fitted / bpm - 1.0) < _TRUST else bpm


def _irregularity(beats: NDArray[np.int64]) -> float:
    if len(beats) < _MIN_BEATS:
        return float("inf")
    lower, middle, upper = np.quantile(np.diff(beats), [0.25, 0.5, 0.75])
    return float((upper - lower) / middle)


def track_beats(envelope: Floats) -> tuple[float, NDArray[np.int64]]:
    """Track beats exactly as ``librosa.beat.beat_track`` does [1]_.

    Parameters
    ----------
    envelope
        Onset strength by median, shape (frames,).

    Returns
    -------
    tempo : float
        Beats per minute of the tempo prior's winner; 0 without onsets.
    beats : ndarray
        Frame numbers, ascending.
    """
    if not envelope.any():
        return 0.0, np.empty(0, dtype=np.int64)
    tempogram = mean_tempogram(envelope)
    tempo = _likeliest_lag(tempogram)
    return tempo, beat_path(envelope, _frames_per_beat(tempo))


def _likeliest_lag(tempogram: NDArray[np.float64]) -> float:
    """Give the tempo of the lag that is strongest under the prior; below 320 beats per minute."""
    tempi = 60.0 * SAMPLE_RATE / (HOP * np.arange(1.0, len(tempogram)))
    prior = -0.5 * ((np.log2(tempi) - np.log2(_PRIOR_BPM)) / _PRIOR_OCTAVES) ** 2
    prior[tempi >= _MAX_BPM] = -np.inf
    return float(tempi[np.argmax(np.log1p(1e6 * tempogram[1:]) + prior)])


def _frames_per_beat(bpm: float) -> int:
    return int(np.round(FRAME_RATE * 60.0 / bpm))


def mean_tempogram(envelope: Floats) -> NDArray[np.float64]:
    """Mean over all frames of the local autocorrelation of the onset strength, each frame's largest value 1.

    The largest value of an autocorrelation is its energy, so dividing each power spectrum by it lets the mean
    be taken before the one inverse transform: the (384, frames) matrix never exists.

    Parameters
    ----------
    envelope
        Onset strength, shape (frames,).

    Returns
    -------
    ndarray
        Shape (344,), by lag in frames [2]_.
    """
    window = hann(_WINDOW)
    n_fft = scipy.fft.next_fast_len(2 * _WINDOW - 1, real=True)
    padded = np.pad(envelope, _WINDOW // 2, mode="linear_ramp", end_values=0)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: len(envelope)]
    total = np.zeros(n_fft // 2 + 1)
    for start in range(0, len(frames), _BLOCK):
        local = frames[start : start + _BLOCK] * window
        energy = np.einsum("ij,ij->i", local, local)
        energy[energy < np.finfo(np.float64).tiny] = 1.0
        spectra = scipy.fft.rfft(local, n=n_fft, axis=1)
        total += (1.0 / energy) @ (spectra.real**2 + spectra.imag**2)
    mean: NDArray[np.float64] = scipy.fft.irfft(total / len(frames), n=n_fft)[:_WINDOW]
    return mean
