"""The chords that are looked for in MIDI files, by the notes that they have."""

from __future__ import annotations

from typing import Final

from etl.music.qualities import QUALITY_BY_SUFFIX

QUALITY_KINDS: Final = {
    "": 0, "min": 0, "7": 1, "maj7": 1, "min7": 1, "sus4": 1, "sus2": 1, "dim": 2, "aug": 2, "dim7": 2,
    "dimb7": 2, "minadd13": 1, "add13": 1,
}  # fmt: skip
"""Kind by suffix of `etl.music.qualities`: plain triad, one with a note added or suspended, one without a
perfect fifth."""
QUALITY_NOTES: Final = {
    suffix: tuple(sorted(QUALITY_BY_SUFFIX[suffix].pitch_classes)) for suffix in QUALITY_KINDS
}
"""Semitones above the root, by suffix."""
