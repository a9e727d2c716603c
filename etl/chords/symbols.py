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
from enum import IntEnum
from typing import Final

from etl.music.pitch_classes import CHORDONOMICON_SHARP_NAMES, FLAT_NAMES, note_pitch_class
from etl.music.qualities import QUALITY_BY_DEGREES, QUALITY_BY_SUFFIX, Quality

_TOKEN = re.compile(r"([A-G])(b|s(?!us))?([^/]*)(?:/([A-G])([sb]?))?")
_SECTION = re.compile(r"<([A-Za-z][A-Za-z0-9_-]{0,63})_(\d{1,6})>")
_SPELLING = str.maketrans({"♯": "s", "#": "s", "♭": "b"})

LETTERS: Final = "CDEFGAB"
"""Letters of note names."""


class Kind(IntEnum):
    """What a token is."""

    CHORD = 0
    UNKNOWN = 1
    SECTION = 2


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
        names = FLAT_NAMES if flats else CHORDONOMICON_SHARP_NAMES
        return ChordSymbol(
            names[(self.root_pc + semitones) % 12],
            self.quality,
            names[(self.bass_pc + semitones) % 12] if self.bass else "",
        )


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


def spell_chord(chord: ChordSymbol) -> str:
    """Spell a chord in Chordonomicon's notation, without the highest notes that it has no suffix for.

    Examples
    --------
    >>> from etl.music.qualities import QUALITY_BY_DEGREES
    >>> spell_chord(ChordSymbol("Fs", QUALITY_BY_DEGREES[frozenset({"3", "5", "6", "9"})], "Cs"))
    'Fsadd13/Cs'
    """
    return str(ChordSymbol(chord.root, _spellable(chord.quality), chord.bass))


_DROPPED: Final = ("13", "b13", "11", "#11", "#9", "b9", "9", "6", "b7", "7")
_FIFTHS: Final = {"b5": "5", "#5": "5"}


def _spellable(quality: Quality) -> Quality:
    """Find the nearest quality that has a suffix: the same third, as many of the other notes as can be."""
    notes = set(quality.degrees)
    for dropped in ("", *_DROPPED):
        notes.discard(dropped)
        for kept in (notes, {_FIFTHS.get(note, note) for note in notes}):
            found = QUALITY_BY_DEGREES.get(frozenset(kept))
            if found is not None and found.suffix in QUALITY_BY_SUFFIX:
                return found
    return QUALITY_BY_SUFFIX["no3d"]


def parse_section(token: str) -> tuple[str, int] | None:
    """Split a section tag into its name and number; None where it is not one.

    Examples
    --------
    >>> parse_section("<verse_1>"), parse_section("<intro_riff_2>"), parse_section("<verse")
    (('verse', 1), ('intro_riff', 2), None)
    """
    match = _SECTION.fullmatch(token)
    return (match[1], int(match[2])) if match else None
