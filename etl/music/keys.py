"""The 24 keys: numbers, names and places on the Camelot wheel.

Conventions
-----------
Keys are integers, 0-11 the major keys from C, 12-23 the minor keys from C, and -1 for none.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_KEY: Final = -1
NO_HARMONY: Final = "No Harmony"
"""In place of a key name: the song has no chords."""
PARSE_ERROR: Final = "Parse Error"
"""In place of a key name: no token of the song is a chord."""

MAJOR_TONICS: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_TONICS: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
KEY_NAMES: Final = (*(f"{t} Major" for t in MAJOR_TONICS), *(f"{t} Minor" for t in MINOR_TONICS))
"""Key names in key order, usual spelling."""

KEY_INDEX: Final[Mapping[str, int]] = MappingProxyType({name: i for i, name in enumerate(KEY_NAMES)})

# The Camelot wheel: one step clockwise is a fifth up; C major is 8B, A minor 8A.
CAMELOT: Final = (
    *(f"{(7 * pc + 7) % 12 + 1}B" for pc in range(12)),
    *(f"{(7 * (pc + 3) + 7) % 12 + 1}A" for pc in range(12)),
)
"""Camelot codes in key order."""
