"""Chord symbols in Chordonomicon spelling: parse one, spell one, transpose one.

Conventions
-----------
A symbol is ``root suffix [/bass]``. ``s`` is sharp, ``b`` flat; ``♯ ♭ #`` are read as well. ``dim7`` is the
half-diminished, ``dimb7`` the fully diminished seventh, ``add13`` the added sixth, ``no3d`` the power chord;
in every sus chord the suspended note replaces the third. Where a flat root and a suffix that begins with
``b`` compete, the flat root wins if the rest is a suffix: ``Bb9`` is B flat 9, ``Cb79`` only C with ``b79``.

References
----------
.. [1] Kantarelis et al., "CHORDONOMICON: A Dataset of 666,000 Songs and their Chord Progressions",
   arXiv:2410.22046: the spellings and their notes.
.. [2] Harte et al., "Symbolic Representation of Musical Chords", ISMIR 2005: degrees written with
   accidentals over the major scale.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from etl.music.keys import LETTER_PITCH_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping

# Semitones above the root of each degree of the major scale; compound degrees fold into one octave.
_DEGREE_SEMITONES: Final = {"1": 0, "2": 2, "3": 4, "4": 5, "5": 7, "6": 9, "7": 11, "9": 2, "11": 5, "13": 9}
_ACCIDENTAL: Final = {"b": -1, "#": 1, "s": 1, "": 0}

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

_SHARP_NAMES: Final = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")
_FLAT_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")

_TOKEN = re.compile(r"([A-G])(b|s(?!us))?([^/]*)(?:/([A-G])([sb]?))?")
_SECTION = re.compile(r"<([A-Za-z][A-Za-z0-9_-]{0,63})_(\d{1,6})>")
_SPELLING = str.maketrans({"♯": "s", "#": "s", "♭": "b"})


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
"""All 157 chord qualities."""

QUALITY_BY_SUFFIX: Final[Mapping[str, Quality]] = MappingProxyType({q.suffix: q for q in QUALITIES})


@dataclass(frozen=True)
class ChordSymbol:
    """One parsed chord symbol.

    Attributes
    ----------
    root, bass
        Note names, letter and ``s`` or ``b`` (``Fs``, ``Bb``); ``bass`` is empty where none is written.
    quality
        The suffix's meaning.
    """

    root: str
    quality: Quality
    bass: str = ""

    def __str__(self) -> str:
        return self.root + self.quality.suffix + (f"/{self.bass}" if self.bass else "")

    @property
    def root_pc(self) -> int:
        """Pitch class of the root."""
        return note_pitch_class(self.root)

    @property
    def bass_pc(self) -> int:
        """Pitch class of the bass note; the root's where no bass is written."""
        return note_pitch_class(self.bass or self.root)

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Pitch classes of the chord, without a foreign bass note."""
        return frozenset((self.root_pc + semitone) % 12 for semitone in self.quality.pitch_classes)

    def transposed(self, semitones: int, *, flats: bool = False) -> ChordSymbol:
        """Move root and bass up by ``semitones``, spelled with sharps or flats."""
        names = _FLAT_NAMES if flats else _SHARP_NAMES
        return ChordSymbol(
            names[(self.root_pc + semitones) % 12],
            self.quality,
            names[(self.bass_pc + semitones) % 12] if self.bass else "",
        )


def note_pitch_class(name: str) -> int:
    """Pitch class of a note name such as ``C``, ``Fs``, ``F#`` or ``Bb``.

    Examples
    --------
    >>> note_pitch_class("Bb"), note_pitch_class("Es")
    (10, 5)
    """
    return (LETTER_PITCH_CLASS[name[0]] + _ACCIDENTAL[name[1:]]) % 12


@lru_cache(maxsize=65536)
def parse_chord(token: str) -> ChordSymbol | None:
    """Parse one chord symbol; None where it is not one. Nothing is guessed.

    Examples
    --------
    >>> str(parse_chord("C♯min7/G♯"))
    'Csmin7/Gs'
    >>> parse_chord("Bb9").root, parse_chord("Cb79").root, parse_chord("Csus4").root
    ('Bb', 'C', 'C')
    >>> parse_chord("Cs/") is None
    True
    """
    match = _TOKEN.fullmatch(token.translate(_SPELLING))
    if match is None:
        return None
    letter, accidental, suffix, bass_letter, bass_accidental = match.groups(default="")
    quality = QUALITY_BY_SUFFIX.get(suffix)
    if quality is None and accidental == "b":
        accidental, quality = "", QUALITY_BY_SUFFIX.get(f"b{suffix}")
    if quality is None:
        return None
    return ChordSymbol(letter + accidental, quality, bass_letter + bass_accidental)


def parse_section(token: str) -> tuple[str, int] | None:
    """Split a section tag into its name and number; None where it is not one.

    Examples
    --------
    >>> parse_section("<verse_1>"), parse_section("<intro_riff_2>"), parse_section("<verse")
    (('verse', 1), ('intro_riff', 2), None)
    """
    match = _SECTION.fullmatch(token)
    return (match[1], int(match[2])) if match else None
