"""Pitch classes and the names of notes.

Conventions
-----------
Pitch classes are integers, C = 0 to B = 11. Chordonomicon writes a sharp as ``s`` (``Fs``), everybody else
as ``#``; both are read.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LETTER_PITCH_CLASS: Final[Mapping[str, int]] = MappingProxyType(
    {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
)

SHARP_NAMES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
CHORDONOMICON_SHARP_NAMES: Final = tuple(name.replace("#", "s") for name in SHARP_NAMES)
"""Names by pitch class."""

_ACCIDENTAL: Final = {"b": -1, "#": 1, "s": 1, "": 0}


def note_pitch_class(name: str) -> int:
    """Pitch class of a note name such as ``C``, ``Fs``, ``F#`` or ``Bb``.

    Examples
    --------
    >>> note_pitch_class("Bb"), note_pitch_class("Es")
    (10, 5)
    """
    return (LETTER_PITCH_CLASS[name[0]] + _ACCIDENTAL[name[1:]]) % 12
