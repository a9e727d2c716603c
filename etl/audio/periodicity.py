"""How strongly onsets and notes repeat after a time, and where in a beat the onsets are.

References
----------
.. [1] Scheirer, "Tempo and beat analysis of acoustic musical signals", JASA 103(1), 1998: comb filters.
.. [2] Lartillot et al., "Multi-feature modeling of pulse clarity", ISMIR 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft

from etl.audio.signal import SAMPLE_RATE
from etl.audio.spectral import HOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

FRAME_RATE: Final = SAMPLE_RATE / HOP
"""Frames per second, 43.07."""

SUPPORTED: Final = 0.75
"""Share of the signal up to which a lag is looked at: beyond it too few beats are left to compare."""

MIN_TEETH: Final = 2
"""Beats that a comb has at the least: of a signal in which they do not fit, no tempo can be told."""

_STRETCH: Final = int(20 * FRAME_RATE)
_WANDERING: Final = np.linspace(0.94, 1.06, 49)

_TEETH: Final = np.arange(1, 9)

TWELFTHS: Final = 12
"""Parts of a beat: halves, thirds and quarters fall on them."""

_TOGETHER: Final = 8 * FRAME_RATE

# A lag is looked for within 1.2 % of itself, half a frame at the least: players are not clocks.
_LOOSE: Final = 0.012
_LOOSE_FRAMES: Final = 0.5
_OFFSETS: Final = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


def autocorrelation(envelope: NDArray[np.float32]) -> Doubles:
    """Unbiased autocorrelation coefficients of an onset strength, by lag in frames, shape (frames,)."""
    return cross_correlation(envelope, envelope)


def cross_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> Doubles:
    """Unbiased correlation coefficients of ``second`` so many frames after ``first``.

    Parameters
    ----------
    first, second
        Onset strengths, shape (frames,).

    Returns
    -------
    ndarray
        By lag in frames, shape (frames,).
    """
    return _coefficients([(first, second)])


def self_similarity(chroma: NDArray[np.float32]) -> Doubles:
    """How alike the notes are after a time: autocorrelation of all pitch classes together.

    Parameters
    ----------
    chroma
        Shape (frames, 12).

    Returns
    -------
    ndarray
        Coefficients by lag in frames, shape (frames,).
    """
    return _coefficients([(pitch_class, pitch_class) for pitch_class in chroma.T])


def _coefficients(pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> Doubles:
    n = len(pairs[0][0])
    size = scipy.fft.next_fast_len(2 * n, real=True)
    product = np.zeros(size // 2 + 1, dtype=np.complex128)
    power = 0.0
    for first, second in pairs:
        centred = [each - each.mean(dtype=np.float64) for each in (first, second)]
        spectra = [scipy.fft.rfft(each, n=size) for each in (centred[:1] if first is second else centred)]
        product += np.conj(spectra[0]) * spectra[-1]
        power += float(np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1]))) / n
    unbiased = scipy.fft.irfft(product, n=size)[:n] / np.arange(n, 0, -1)
    coefficients: Doubles = unbiased / max(power, np.finfo(np.float64).tiny)
    return coefficients


def comb(correlation: Doubles, tempi: Doubles) -> Doubles:
    """Mean autocorrelation at one to eight beats of each tempo, as many as fit; -1 to 1 [1]_."""
    lags = np.outer(60.0 * FRAME_RATE / tempi, _TEETH)
    fits = lags < SUPPORTED * len(correlation)
    counts = fits.sum(axis=1)
    values = np.interp(lags, np.arange(len(correlation)), correlation)
    means: Doubles = (values * fits).sum(axis=1) / np.maximum(counts, 1)
    means[counts < MIN_TEETH] = -1.0
    return means


def near_lags(correlation: Doubles, lags: Doubles) -> Doubles:
    """Largest autocorrelation near each lag, of any shape; 0 where the lag is too long for the signal."""
    steps = np.maximum(_LOOSE * lags, _LOOSE_FRAMES)
    places = lags[..., np.newaxis] + steps[..., np.newaxis] * _OFFSETS
    found = np.interp(places, np.arange(len(correlation)), correlation).max(axis=-1)
    return np.where(lags < SUPPORTED * len(correlation), found, 0.0)


def pulse_clarity(envelope: NDArray[np.float32], tempi: Doubles) -> Doubles:
    """Mean height of the comb over stretches of 20 s, in each at the best tempo within 6 % [2]_.

    Players without a click wander by two or three per cent within minutes, of which an autocorrelation of
    the whole track would see no pulse.

    Parameters
    ----------
    envelope
        Onset strength, shape (frames,).
    tempi
        Beats per minute, shape (n,).

    Returns
    -------
    ndarray
        0 to 1, shape (n,).
    """
    grid = np.outer(tempi, _WANDERING)
    parts = np.array_split(envelope, max(1, round(len(envelope) / _STRETCH)))
    heights = [comb(autocorrelation(part), grid.ravel()).reshape(grid.shape).max(axis=1) for part in parts]
    clarity: Doubles = np.clip(np.mean(heights, axis=0), 0.0, 1.0)
    return clarity


def beat_profile(envelope: NDArray[np.float32], lag: float) -> Doubles:
    """Share of the onset strength at each twelfth of a beat, from the strongest on.

    Parameters
    ----------
    envelope
        Onset strength, shape (frames,).
    lag
        Frames per beat.

    Returns
    -------
    ndarray
        Mean over stretches of eight seconds, in which players stay together; each twelfth with half of its
        neighbours. Shape (12,), sum 1.
    """
    parts = np.array_split(np.arange(len(envelope)), max(1, round(len(envelope) / _TOGETHER)))
    frames = np.concatenate([part - part[0] for part in parts])
    numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    places = numbers * TWELFTHS + (frames * (TWELFTHS / lag)).astype(np.int64) % TWELFTHS
    counts = np.bincount(places, minlength=len(parts) * TWELFTHS)
    sums = np.bincount(places, weights=envelope, minlength=len(parts) * TWELFTHS)
    means = (sums / np.maximum(counts, 1)).reshape(len(parts), TWELFTHS)
    blurred = means + 0.5 * (np.roll(means, 1, axis=1) + np.roll(means, -1, axis=1))
    from_strongest = (blurred.argmax(axis=1)[:, np.newaxis] + np.arange(TWELFTHS)) % TWELFTHS
    profile = np.take_along_axis(blurred, from_strongest, axis=1).sum(axis=0)
    shares: Doubles = profile / max(float(profile.sum()), np.finfo(np.float64).tiny)
    return shares
