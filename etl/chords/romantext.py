"""Roman numerals in RomanText spelling, as music21 reads them.

Conventions
-----------
RomanText counts degrees from the scale of the key, in minor the natural minor, where lower case ``vi`` and
``vii`` stand on the raised degrees. A triad carries its quality (``ii``, ``V+``, ``viio``); a seventh is a
figure where the scale or ``d7``, ``o7``, ``ø7`` give it; every other note is added (``[add9]``) or left out
(``[no3]``) by name, with accidentals over the key's scale. A bass that is no chord tone has no place in
RomanText and is dropped, and so is a seventh in the bass that no figure gives.

References
----------
.. [1] Tymoczko, Gotham, Cuthbert and Ariza, "The RomanText format: a flexible and standard method for
   representing Roman numeral analyses", ISMIR 2019.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.chords.numerals import UNKNOWN_NUMERAL, parse_numeral

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.chords.glossary import Glossary
    from etl.chords.ragged import Ragged


class RomanStyle(StrEnum):
    """How numerals are spelled in texts; the store keeps the house style."""

    HOUSE = "house"
    ROMANTEXT = "romantext"


def styled(
    numerals: Ragged, keys: NDArray[np.int8], texts: Sequence[str], style: RomanStyle, glossary: Glossary
) -> tuple[Ragged, Sequence[str]]:
    """Spell the numerals of songs in a style.

    Parameters
    ----------
    numerals
        Indices into ``texts``, N songs.
    keys
        Key of each song, (N,); -1 counts as major.
    texts
        Numerals in the house style, and section tags, which stay.
    style
        What to spell them in.
    glossary
        Knows how each is spelled.

    Returns
    -------
    numerals, texts
        The same songs as indices into the spelled texts.
    """
    if style is RomanStyle.HOUSE:
        return numerals, texts
    spelled = [glossary.in_romantext(text, minor=minor) for minor in (False, True) for text in texts]
    shift = np.where(keys >= 12, len(texts), 0).astype(np.int32)
    return numerals.with_values(numerals.values + np.repeat(shift, numerals.lengths)), spelled


_SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, natural minor
_NAMES: Final = ("I", "II", "III", "IV", "V", "VI", "VII")
_TARGET_TONICS: Final = {"ii": 2, "bIII": 3, "iii": 4, "IV": 5, "iv": 5, "V": 7, "bVI": 8, "vi": 9}

# Degree by semitones over the tonic; numbers from 1 and semitones that the root is raised over the scale.
_MAJOR_DEGREES: Final = (
    *((1, 0), (2, -1), (2, 0), (3, -1), (3, 0), (4, 0), (4, 1), (5, 0), (6, -1), (6, 0), (7, -1), (7, 0)),
)
_MINOR_DEGREES: Final = (
    *((1, 0), (2, -1), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (5, 0), (6, 0), (6, 1), (7, 0), (7, 1)),
)
_TRIADS: Final = {  # semitones of third and fifth, whether lower case, sign
    (4, 7): (False, ""),
    (3, 7): (True, ""),
    (3, 6): (True, "o"),
    (4, 8): (False, "+"),
}
_ADDED_AS: Final = {1: 9, 2: 9, 3: 9, 4: 3, 5: 11, 6: 11, 7: 5, 8: 13, 9: 13, 10: 7, 11: 7}


def romantext(numeral: str, *, minor: bool) -> str:
    """Spell a numeral in RomanText.

    Parameters
    ----------
    numeral
        As :func:`etl.chords.numerals.numeral` writes it; ``?`` stays.
    minor
        Whether the key is minor.

    Examples
    --------
    >>> [romantext(n, minor=True) for n in ("bVI", "vii°7", "I7", "Isus4", "V9/V")]
    ['VI', 'viio7', 'I7', 'I[no3][add11]', 'V7[add9]/V']
    """
    if numeral == UNKNOWN_NUMERAL:
        return numeral
    chord = parse_numeral(numeral)
    suffix = numeral.partition("/")[2]
    if suffix in _TARGET_TONICS:
        target = _TARGET_TONICS[suffix]
        minor_target = suffix.islower()
        of_target, _ = _degree(target, minor=minor, lower=minor_target)
        applied = _spell(chord.root - target, chord.root, chord.pitch_classes, chord.root, minor=minor_target)
        return f"{applied}/{of_target}"
    return _spell(chord.root, chord.root, chord.pitch_classes, chord.bass, minor=minor)


def _spell(over_tonic: int, root: int, pitch_classes: frozenset[int], bass: int, *, minor: bool) -> str:
    """Spell the chord whose root stands so many semitones over the tonic of a key."""
    over_root = {(pc - root) % 12 for pc in pitch_classes}
    third = 3 if 3 in over_root and 4 not in over_root else 4
    fifth = 7
    if 7 not in over_root and third == 3 and 6 in over_root:
        fifth = 6
    elif 7 not in over_root and third == 4 and 8 in over_root:
        fifth = 8
    lower, sign = _TRIADS[third, fifth]
    degree, number = _degree(over_tonic % 12, minor=minor, lower=lower)
    scale_steps = [(pc - over_tonic) % 12 for pc in _SCALES[minor]]
    seventh = next((s for s in (10, 11) if s in over_root), 9 if fifth == 6 and 9 in over_root else None)
    sign, figure = _seventh_figure(sign, seventh, scale_steps[(number + 5) % 7], lower=lower)
    over_bass = (bass - root) % 12
    sounding = {0, third, fifth} | ({seventh} if figure else set())
    inversions = {third: "65", fifth: "43", seventh: "42"} if figure else {third: "6", fifth: "64"}
    if over_bass in over_root & inversions.keys():
        figure = figure.replace("7", "") + inversions[over_bass]
    omitted = "".join(f"[no{step}]" for step, s in ((3, third), (5, fifth)) if s not in over_root)
    added = []
    for semitones in sorted(over_root - sounding):
        step = _ADDED_AS[semitones]
        raised = (semitones - scale_steps[(number + step - 2) % 7] + 6) % 12 - 6
        added.append(f"[add{_accidentals(raised)}{step}]")
    return degree + sign + figure + omitted + "".join(added)


def _degree(over_tonic: int, *, minor: bool, lower: bool) -> tuple[str, int]:
    """Degree name with its accidentals, and its number."""
    number, raised = (_MINOR_DEGREES if minor else _MAJOR_DEGREES)[over_tonic]
    if minor and lower and number >= 6:
        raised -= 1  # vi and vii stand on the raised degrees
    name = _NAMES[number - 1]
    return _accidentals(raised) + (name.lower() if lower else name), number


def _accidentals(raised: int) -> str:
    return "#" * raised if raised >= 0 else "b" * -raised


def _seventh_figure(sign: str, seventh: int | None, in_scale: int, *, lower: bool) -> tuple[str, str]:
    """Sign and figure that give the seventh; no figure where none does."""
    if seventh is None:
        return sign, ""
    if sign == "o":
        return {9: ("o", "7"), 10: ("ø", "7")}.get(seventh, ("o", ""))
    if lower:  # a minor triad's figure 7 is never a major seventh
        return sign, "7" if seventh == 10 and in_scale in {10, 11} else ""
    if seventh == in_scale:
        return sign, "7"
    if seventh == 10 and not sign:
        return sign, "d7"
    return sign, ""
