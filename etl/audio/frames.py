"""All features of a signal, frame by frame, each from the one shared pass it needs.

References
----------
.. [1] Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition",
   IEEE Transactions on Acoustics, Speech and Signal Processing 28(4), 1980: MFCC.
.. [2] Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013: onset strength.
.. [3] Harte, Sandler and Gasser, "Detecting harmonic change in musical audio", ACM Multimedia 2006: tonnetz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft

from etl.audio.constantq import BINS_PER_OCTAVE, chroma_cqt
from etl.audio.features import N_MFCC
from etl.audio.spectral import HOP, N_FFT, N_MELS, spectra, tuning_of
from etl.audio.waveform import rms, zero_crossing_rate
from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

ONSET_BANDS: Final = (0, 6, 23, 73, N_MELS)
"""First mel band of each of ``onset_bands``: below 160 Hz kicks and basses, below 600 Hz and 2.5 kHz voices,
chords and snares, above it hats."""

# Frames by which the onset strength is shifted: one for the difference, two for the centring.
_ONSET_SHIFT: Final = 1 + N_FFT // (2 * HOP)


class Frames(NamedTuple):
    """Features of each frame, one row per frame, float32; and the tuning of them all."""

    mfcc: Floats
    """Mel-frequency cepstral coefficients, (n, 20) [1]_."""
    chroma_stft: Floats
    """(n, 12), largest of each frame 1."""
    chroma_cqt: Floats
    """(n, 12), largest of each frame 1."""
    chroma_compressed: Floats
    """Logarithms of the constant-Q magnitudes from C3 upwards, on which the key rests too, (n, 12)."""
    contrast: Floats
    """Spectral contrast in dB, (n, 7)."""
    tonnetz: Floats
    """Fifths, minor and major thirds as x and y, (n, 6) [3]_."""
    centroid: Floats
    """Hz, (n,)."""
    bandwidth: Floats
    """Hz, (n,)."""
    rolloff: Floats
    """Hz, (n,)."""
    flatness: Floats
    """0 to 1, (n,)."""
    rms: Floats
    """0 to 1, (n,)."""
    onset: Floats
    """Onset strength: mean rise of the mel bands in dB, (n,) [2]_."""
    zero_crossing_rate: Floats
    """0 to 1, (n,)."""
    onset_median: Floats
    """Onset strength by median over the mel bands, which the beat tracker reads, (n,)."""
    onset_bands: Floats
    """Onset strength by mean over the mel bands of `ONSET_BANDS`, (4, n)."""
    tuning_cents: float
    """Deviation from A4 = 440 Hz, -50 to 50."""


def analyse(signal: Floats) -> Frames:
    """Compute every feature of every frame.

    Parameters
    ----------
    signal
        Mono at 22,050 Hz, shape (n,).

    Returns
    -------
    Frames
        ``n // 512 + 1`` rows.
    """
    found, decibels, peaks = spectra(signal)
    onset, onset_median, onset_bands = onset_strength(decibels)
    mfcc = np.ascontiguousarray(scipy.fft.dct(decibels, axis=1, norm="ortho")[:, :N_MFCC])
    tuning = tuning_of(peaks, bins_per_octave=BINS_PER_OCTAVE)
    tuning_cents = 100.0 * tuning_of(peaks, bins_per_octave=12)
    del decibels, peaks  # a hundred megabytes of half an hour, beside which the octaves would stand
    harmony, compressed = chroma_cqt(signal, tuning)
    return Frames(
        mfcc=mfcc,
        chroma_stft=found.chroma,
        chroma_cqt=harmony,
        chroma_compressed=compressed,
        contrast=found.contrast,
        tonnetz=tonnetz(harmony),
        centroid=found.centroid,
        bandwidth=found.bandwidth,
        rolloff=found.rolloff,
        flatness=found.flatness,
        rms=rms(signal),
        onset=onset,
        zero_crossing_rate=zero_crossing_rate(signal),
        onset_median=onset_median,
        onset_bands=onset_bands,
        tuning_cents=tuning_cents,
    )


def tonnetz(chroma: Floats) -> Floats:
    """Place each chroma in the plane of fifths, of minor and of major thirds [3]_.

    Parameters
    ----------
    chroma
        Shape (frames, 12), not negative.

    Returns
    -------
    ndarray
        Shape (frames, 6): x and y of each, -1 to 1, of the thirds by half for the major.
    """
    angles = np.multiply.outer([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3], np.arange(12.0))
    angles[::2] -= 0.5  # sines
    circles = np.array([[1], [1], [1], [1], [0.5], [0.5]]) * np.cos(np.pi * angles)
    sums = chroma.sum(axis=1, dtype=np.float64, keepdims=True)
    sums[sums < np.finfo(np.float32).tiny] = 1.0
    return np.ascontiguousarray((circles @ (chroma / sums).astype(np.float32).T).T, dtype=np.float32)


def onset_strength(mel_decibels: Floats) -> tuple[Floats, Floats, Floats]:
    """Rise of the mel spectrum from frame to frame, by mean and by median over the bands, and in four ranges.

    Parameters
    ----------
    mel_decibels
        Mel spectrum in dB, shape (frames, 128).

    Returns
    -------
    mean, median : ndarray
        Shape (frames,), not negative; zero where no frame lies three frames back.
    ranges : ndarray
        The mean over the mel bands of each of `ONSET_BANDS`, shape (4, frames).
    """
    mean = np.zeros(len(mel_decibels), dtype=np.float32)
    median = np.zeros(len(mel_decibels), dtype=np.float32)
    ranges = np.zeros((len(ONSET_BANDS) - 1, len(mel_decibels)), dtype=np.float32)
    _rises(np.ascontiguousarray(mel_decibels), mean, median, ranges)
    return mean, median, ranges


@kernel
def _rises(decibels: Floats, mean: Floats, median: Floats, ranges: Floats) -> None:
    rise = np.empty(N_MELS, dtype=np.float32)
    for t in range(_ONSET_SHIFT, len(decibels)):
        source = t - _ONSET_SHIFT + 1
        total = 0.0
        positive = 0
        for band in range(len(ONSET_BANDS) - 1):
            before = total
            for m in range(ONSET_BANDS[band], ONSET_BANDS[band + 1]):
                difference = decibels[source, m] - decibels[source - 1, m]
                if difference > 0:
                    rise[positive] = difference
                    positive += 1
                    total += difference
            ranges[band, t] = (total - before) / (ONSET_BANDS[band + 1] - ONSET_BANDS[band])
        mean[t] = total / N_MELS
        # With half the bands or more not rising, the lower of the two middle values is zero.
        zeros = N_MELS - positive
        if zeros <= N_MELS // 2:
            ordered = np.sort(rise[:positive])
            lower = np.float32(0.0) if zeros == N_MELS // 2 else ordered[N_MELS // 2 - 1 - zeros]
            median[t] = (lower + ordered[N_MELS // 2 - zeros]) / np.float32(2.0)
