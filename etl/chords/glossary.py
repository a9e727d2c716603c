"""What tokens mean in a notation: each is parsed once for a whole build, its numeral in a key found once."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.chords.categories import OTHER, category
from etl.chords.notations import PARSERS, Notation
from etl.chords.numerals import UNKNOWN_NUMERAL, numeral
from etl.chords.romantext import romantext
from etl.chords.symbols import LETTERS, ChordSymbol, Kind, parse_section
from etl.music.qualities import QUALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary

_SECTION: Final = -1  # category of a section tag

_SHAPE: Final = (len(LETTERS), 12, 12, len(QUALITIES), 48)
"""What the numeral of a chord depends on: letter, root, bass, quality, and context."""


class Glossary:
    """Tokens, their numerals in each context, and other spellings of these; grows as it is asked.

    Any thread may ask. A build has one for all its batches of a notation. A copy in another process starts
    empty and finds out for itself: what it says is the same.

    Parameters
    ----------
    notation
        What the tokens are spelled in.
    """

    def __init__(self, notation: Notation = Notation.CHORDONOMICON) -> None:
        self.notation = notation
        self._properties: dict[str, tuple[int, int, int, int, int]] = {}
        self._numerals: list[tuple[str, int]] = []  # all that were met, with their categories
        self._places: dict[tuple[str, int], int] = {}  # in the list, plus one
        self._lock = Lock()  # of the two
        # Places by _SHAPE, 0 where a chord has not been met. Memory that is never touched costs nothing.
        self._of_chord = np.zeros(np.prod(_SHAPE), np.int32)
        self._categories: dict[tuple[str, bool], int] = {}
        self._romantext: dict[tuple[str, bool], str] = {}

    def __reduce__(self) -> tuple[type[Glossary], tuple[Notation]]:
        return Glossary, (self.notation,)

    def chord(self, token: str) -> ChordSymbol | None:
        """Parse a chord symbol in the notation; None where it is not one."""
        return PARSERS[self.notation](token)

    def properties(self, token: str) -> tuple[int, int, int, int, int]:
        """Kind, root, bass, quality and letter of a token; -1 for what it lacks."""
        known = self._properties.get(token)
        if known is None:
            known = self._properties[token] = _properties(token, self.chord(token))
        return known

    def kinds(self) -> list[tuple[str, Kind]]:
        """List the tokens that were met, in order of first appearance, and what each is."""
        return [(token, Kind(properties[0])) for token, properties in list(self._properties.items())]

    def numeral_places(
        self, vocabulary: Vocabulary, tokens: NDArray[np.intp], contexts: NDArray[np.intp]
    ) -> NDArray[np.int32]:
        """Find the numerals that tokens have in contexts.

        Parameters
        ----------
        vocabulary
            What the tokens index.
        tokens, contexts
            Shape (R,); a context is ``key + 24 * applied``.

        Returns
        -------
        ndarray
            Shape (R,), their places, for :meth:`numeral`.
        """
        of_other = np.zeros(len(vocabulary.texts), np.int32)  # no chord: whatever the context
        for token in np.flatnonzero(vocabulary.kinds != Kind.CHORD).tolist():
            of_other[token] = self._entered(vocabulary.texts[token], 0)
        is_chord = vocabulary.kinds[tokens] == Kind.CHORD
        chord = (vocabulary.letters, vocabulary.roots, vocabulary.basses, vocabulary.qualities)
        shapes = np.ravel_multi_index((*(values[tokens] * is_chord for values in chord), contexts), _SHAPE)
        found = np.where(is_chord, self._of_chord[shapes], of_other[tokens])
        for at in np.flatnonzero(found == 0).tolist():
            found[at] = self._entered(vocabulary.texts[tokens[at]], int(contexts[at]))
            self._of_chord[shapes[at]] = found[at]
        return found - 1

    def numeral(self, place: int) -> tuple[str, int]:
        """Text and category of a numeral, by its place; -1 is the category of a section tag."""
        return self._numerals[place]

    def in_romantext(self, text: str, *, minor: bool) -> str:
        """Spell a numeral as :func:`~etl.chords.romantext.romantext` does; section tags stay."""
        spelled = self._romantext.get((text, minor))
        if spelled is None:
            spelled = text if parse_section(text) else romantext(text, minor=minor)
            self._romantext[text, minor] = spelled
        return spelled

    def _entered(self, token: str, context: int) -> int:
        """Place of what a token is in a context, plus one."""
        found = self._read(token, context)
        with self._lock:
            place = self._places.setdefault(found, len(self._numerals) + 1)
            if place > len(self._numerals):
                self._numerals.append(found)
        return place

    def _read(self, token: str, context: int) -> tuple[str, int]:
        """Numeral and category of a token in a context."""
        chord = self.chord(token)
        if chord is None:
            return (token, _SECTION) if parse_section(token) else (UNKNOWN_NUMERAL, OTHER)
        applied, key = divmod(context, 24)
        text, minor = numeral(chord, key, applied=bool(applied)), key >= 12
        found = self._categories.get((text, minor))
        if found is None:
            found = self._categories[text, minor] = category(text, minor=minor)
        return text, found


def _properties(token: str, chord: ChordSymbol | None) -> tuple[int, int, int, int, int]:
    if chord is None:
        return (Kind.SECTION if parse_section(token) else Kind.UNKNOWN), -1, -1, -1, -1
    letter = LETTERS.index(chord.root[0])
    return Kind.CHORD, chord.root_pc, chord.bass_pc, chord.quality.index, letter
