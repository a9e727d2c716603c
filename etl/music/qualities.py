"""Chord qualities: what each is made of, and how it is spelled.

Conventions
-----------
Suffixes are Chordonomicon's: ``dim7`` is the half-diminished, ``dimb7`` the fully diminished seventh,
``add13`` the added sixth, ``no3d`` the power chord; in every sus chord the suspended note replaces the third.

References
----------
.. [1] Kantarelis et al., "CHORDONOMICON: A Dataset of 666,000 Songs and their Chord Progressions",
   arXiv:2410.22046: the spellings and their notes.
.. [2] Harte et al., "Symbolic Representation of Musical Chords", ISMIR 2005: degrees written with
   accidentals over the major scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Semitones above the root of each degree of the major scale; compound degrees fold into one octave.
_DEGREE_SEMITONES: Final = {"1": 0, "2": 2, "3": 4, "4": 5, "5": 7, "6": 9, "7": 11, "9": 2, "11": 5, "13": 9}

# Fingerprint weight of each chord role (design: root 1.0 ... thirteenth 0.2).
_ROLE_WEIGHTS: Final = {
    "1": 1.0,
    "5": 0.6,
    "3": 0.5,
    "2": 0.5,  # suspended second
    "4": 0.5,  # suspended fourth
    "7": 0.4,
    "6": 0.4,
    "9": 0.3,
    "11": 0.25,
    "13": 0.2,
}

# The triads that a suffix opens with, and their third and fifth.
_TRIADS: Final = {"": "3 5", "min": "b3 5", "dim": "b3 b5", "aug": "3 #5"}
# What may follow each triad: the degrees above the fifth, or the note that replaces the third.
_EXTENSIONS: Final = {
    "": "",
    "7": "b7",
    "maj7": "7",
    "9": "b7 9",
    "maj9": "7 9",
    "majs9": "7 #9",
    "b9": "b7 b9",
    "b79": "bb7 9",
    "b7b9": "bb7 b9",
    "7b9": "b7 b9",
    "7sus2": "2 b7",
    "maj7sus2": "2 7",
    "7sus4": "4 b7",
    "maj7sus4": "4 7",
    "add9": "9",
    "add11": "11",
    "add13": "6",
    "11s": "b7 9 #11",
    "11b9": "b7 b9 11",
    "majs911s": "7 #9 #11",
    "b711b9": "bb7 b9 11",
    "maj11": "7 9 11",
    "maj911s": "7 9 #11",
    "11": "b7 9 11",
    "b11b9": "b7 b9 b11",
    "13b11b9b": "b7 b9 b11 b13",
    "13b9": "b7 b9 11 13",
    "1311s": "b7 9 #11 13",
    "13b": "b7 9 11 b13",
    "maj13b": "7 9 11 b13",
    "13bb9": "b7 b9 11 b13",
    "maj13s911s": "7 #9 #11 13",
    "b713b9": "bb7 b9 11 b13",
    "maj13": "7 9 11 13",
    "maj1311s": "7 9 #11 13",
    "13": "b7 9 11 13",
    "11b913b": "b7 b9 11 b13",
    "1113b": "b7 9 11 b13",
}
_OTHER_SUFFIXES: Final = {
    "sus4": "4 5",
    "sus2": "2 5",
    "no3d": "5",
    "dimb7": "b3 b5 bb7",
    "maj9sus4": "4 5 7 9",
}


@dataclass(frozen=True)
class Quality:
    """What a suffix stands for.

    Attributes
    ----------
    index
        Position in :data:`QUALITIES`.
    suffix
        Chordonomicon spelling.
    degrees
        Harte degrees over the root without the root itself, e.g. ``("3", "5", "b7")``.
    """

    index: int
    suffix: str
    degrees: tuple[str, ...]

    @cached_property
    def semitones(self) -> Mapping[str, int]:
        """Semitones above the root, 0-11, by degree number (``"3"``, ``"9"``), without accidentals."""
        result = {"1": 0}
        for degree in self.degrees:
            number = degree.lstrip("b#")
            shift = degree.count("#") - degree.count("b")
            result[number] = (_DEGREE_SEMITONES[number] + shift) % 12
        return MappingProxyType(result)

    @cached_property
    def pitch_classes(self) -> frozenset[int]:
        """Pitch classes over root 0."""
        return frozenset(self.semitones.values())

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """Fingerprint over root 0: twelve role weights divided by their sum."""
        raw = [0.0] * 12
        for number, semitone in self.semitones.items():
            raw[semitone] = max(raw[semitone], _ROLE_WEIGHTS[number])
        total = sum(raw)
        return tuple(weight / total for weight in raw)


def _all_qualities() -> tuple[Quality, ...]:
    degrees_by_suffix: dict[str, str] = {}
    for triad, base in _TRIADS.items():
        for extension, degrees in _EXTENSIONS.items():
            third, fifth = base.split()
            kept = fifth if degrees[:1] in {"2", "4"} else f"{third} {fifth}"
            degrees_by_suffix[triad + extension] = f"{kept} {degrees}"
    degrees_by_suffix |= _OTHER_SUFFIXES
    return tuple(
        Quality(index, suffix, tuple(degrees.split()))
        for index, (suffix, degrees) in enumerate(degrees_by_suffix.items())
    )


QUALITIES: Final = _all_qualities()
"""All 157 qualities that Chordonomicon spells."""

QUALITY_BY_SUFFIX: Final[Mapping[str, Quality]] = MappingProxyType({q.suffix: q for q in QUALITIES})
