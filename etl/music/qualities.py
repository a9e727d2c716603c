"""Chord qualities: what each is made of, and what Chordonomicon calls it.

Conventions
-----------
A quality is a set of degrees over the root, spelled as in Harte's notation: accidentals over the major scale.
Suffixes are Chordonomicon's: ``dim7`` is the half-diminished, ``dimb7`` the fully diminished seventh,
``add13`` the added sixth, ``no3d`` the power chord; in every sus chord the suspended note replaces the third.
A quality for which Chordonomicon has no suffix goes by its degrees: ``(3,5,b7,#9)``.

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
from itertools import product
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


# What other notations spell beside these: fifths, sevenths and tensions over each kind of third.
_ELSEWHERE: Final = (
    (
        ("3",),
        ("5", "b5", "#5"),
        ("b7",),
        ("", "9", "b9", "#9", "b9 #9"),
        ("", "11", "#11"),
        ("", "13", "b13"),
    ),
    (("3",), ("5", "b5", "#5"), ("7",), ("", "9", "#9"), ("", "11", "#11"), ("", "13")),
    (("3",), ("5",), ("6",), ("", "9"), ("", "#11"), ("",)),
    (("3",), ("5", "b5", "#5"), ("",), ("", "9", "b9", "#9"), ("", "11", "#11"), ("", "b13")),
    (("b3",), ("5", "b5", "#5"), ("b7",), ("", "9", "b9"), ("", "11"), ("", "13", "b13")),
    (("b3",), ("5", "b5"), ("7",), ("", "9"), ("", "11"), ("", "13")),
    (("b3",), ("5",), ("6",), ("", "9"), ("", "11"), ("",)),
    (("b3",), ("5", "b5", "#5"), ("",), ("", "9", "b9"), ("", "11"), ("", "b13")),
    (("b3",), ("b5",), ("bb7",), ("", "9"), ("", "11"), ("", "b13")),
    (("2", "4"), ("5",), ("", "6", "b7", "7"), ("", "9", "b9"), ("",), ("", "13", "b13")),
    (("",), ("5",), ("b7", "7"), ("",), ("",), ("",)),
)


@dataclass(frozen=True)
class Quality:
    """What a chord is made of, whatever its root.

    Attributes
    ----------
    index
        Position in :data:`QUALITIES`.
    suffix
        Chordonomicon spelling; where it has none, the degrees in parentheses.
    degrees
        Harte degrees over the root without the root itself, e.g. ``("3", "5", "b7")``.
    """

    index: int
    suffix: str
    degrees: tuple[str, ...]

    @cached_property
    def semitones(self) -> Mapping[str, int]:
        """Semitones above the root, 0-11, by degree number (``"3"``, ``"9"``), without accidentals.

        The second of two ninths goes by its full name, ``"#9"``.
        """
        result = {"1": 0}
        for degree in self.degrees:
            number = degree.lstrip("b#")
            result[degree if number in result else number] = degree_semitones(degree)
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
            raw[semitone] = max(raw[semitone], _ROLE_WEIGHTS[number.lstrip("b#")])
        total = sum(raw)
        return tuple(weight / total for weight in raw)


def degree_semitones(degree: str) -> int:
    """Semitones of a degree above the root, 0-11.

    Examples
    --------
    >>> degree_semitones("b7"), degree_semitones("#9")
    (10, 3)
    """
    shift = degree.count("#") - degree.count("b")
    return (_DEGREE_SEMITONES[degree.lstrip("b#")] + shift) % 12


def _chordonomicon_qualities() -> tuple[Quality, ...]:
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


def _all_qualities() -> tuple[Quality, ...]:
    qualities = list(_chordonomicon_qualities())
    known = {frozenset(quality.degrees) for quality in qualities}
    for choices in _ELSEWHERE:
        for parts in product(*choices):
            degrees = tuple(" ".join(parts).split())
            if frozenset(degrees) not in known:
                known.add(frozenset(degrees))
                qualities.append(Quality(len(qualities), f"({','.join(degrees)})", degrees))
    return tuple(qualities)


QUALITIES: Final = _all_qualities()
"""All qualities: the 157 that Chordonomicon spells, then those that only other notations do."""

QUALITY_BY_SUFFIX: Final[Mapping[str, Quality]] = MappingProxyType(
    {q.suffix: q for q in QUALITIES if not q.suffix.startswith("(")}
)
"""What each of Chordonomicon's suffixes stands for."""


def _quality_by_degrees() -> dict[frozenset[str], Quality]:
    found: dict[frozenset[str], Quality] = {}
    # Of two suffixes for one chord the first, save that ``b9`` after a root reads as a flat root and a 9.
    for quality in sorted(QUALITIES, key=lambda quality: quality.suffix.startswith("b")):
        found.setdefault(frozenset(quality.degrees), quality)
    return found


QUALITY_BY_DEGREES: Final[Mapping[frozenset[str], Quality]] = MappingProxyType(_quality_by_degrees())
"""The quality that is made of degrees over the root, the root itself left out."""
