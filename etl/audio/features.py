"""What the sonic features are called, their units and their version; computes nothing, loads at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

FEATURE_VERSION: Final = 5
"""Raised whenever any number that this package computes would change."""

N_MFCC: Final = 20
N_BANDS: Final = 7
"""Bands of the spectral contrast: below 200 Hz, then octaves."""

_PITCH_NAMES: Final = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")
LAYOUT: Final = (
    ("mfcc", tuple(f"{i:02d}" for i in range(N_MFCC)), "dB"),
    ("chroma_stft", _PITCH_NAMES, "1"),
    ("chroma_cqt", _PITCH_NAMES, "1"),
    ("contrast", tuple(str(i) for i in range(N_BANDS)), "dB"),
    ("tonnetz", ("fifth_x", "fifth_y", "minor_x", "minor_y", "major_x", "major_y"), "1"),
    ("centroid", (), "Hz"),
    ("bandwidth", (), "Hz"),
    ("rolloff", (), "Hz"),
    ("flatness", (), "1"),
    ("rms", (), "1"),
    ("onset", (), "dB"),
    ("zero_crossing_rate", (), "1"),
)
_COLUMNS: Final = tuple(
    (f"{name}_{part}" if part else name, unit) for name, parts, unit in LAYOUT for part in parts or ("",)
)
STATISTICS: Final = ("median", "iqr")
FEATURE_NAMES: Final = tuple(f"{name}_{statistic}" for statistic in STATISTICS for name, _ in _COLUMNS)
"""Names of the components of a vector: 64 medians, then 64 interquartile ranges."""

FEATURE_UNITS: Final = tuple(unit for _ in STATISTICS for _, unit in _COLUMNS)
_OF_PITCH: Final = ("chroma_stft", "chroma_cqt", "tonnetz")
TIMBRE: Final = tuple(number for number, name in enumerate(FEATURE_NAMES) if not name.startswith(_OF_PITCH))
"""Components of a vector that likeness goes by: all but the 60 that say which notes sound. A song in another
key sounds alike, and two songs of one key need not."""

_OF_LEVEL: Final = ("mfcc_00", "rms")
FINGERPRINT: Final = tuple(
    number
    for number, name in enumerate(FEATURE_NAMES)
    if name.endswith("_median") and not name.startswith(_OF_LEVEL)
)
"""Components that copies of a recording share, whatever their coding and level: medians, pitch among them."""

SEGMENTS: Final = ("whole", "start", "middle", "end")


SILENT_SHARE: Final = 0.5
"""From this share of silence on a recording is taken for faulty."""


class Mode(StrEnum):
    """What the statistics run over."""

    BEAT = "beat"
    WINDOW = "window"


def version_of(mode: Mode) -> str:
    """Give the version of descriptions of one mode, which their cache goes by."""
    return f"{FEATURE_VERSION}.{mode}"
