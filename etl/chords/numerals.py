"""Roman numerals: write the numeral of one chord in one key, and read one back.

Conventions
-----------
Degrees count from the major scale on the tonic, in minor too. Upper case stands for a major third, a power
chord or a suspension, lower case for a minor third. ``7`` is the minor, ``△7`` the major seventh, ``6`` the
added sixth. A number implies the odd degrees below it: ``13`` has a 9 and an 11. The grammar is in
docs/numerals.md.

References
----------
.. [1] de Clercq and Temperley, "A corpus analysis of rock harmony", Popular Music 30(1), 2011: degrees over
   the major scale in every mode, applied dominants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from etl.music.keys import MAJOR_TONICS, MINOR_TONICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.chords.symbols import ChordSymbol
    from etl.music.qualities import Quality

UNKNOWN_NUMERAL: Final = "?"

_DEGREES: Final = ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII")
_SCALE_DEGREES: Final = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
_LETTERS: Final = "CDEFGAB"

APPLIED_TARGETS: Final[tuple[Mapping[int, str], Mapping[int, str]]] = (
    MappingProxyType({2: "ii", 4: "iii", 5: "IV", 7: "V", 9: "vi"}),
    MappingProxyType({3: "bIII", 5: "iv", 7: "V", 8: "bVI"}),
)
"""Degrees that a dominant may be applied to, in major and in minor: semitones over the tonic to numeral."""


def is_dominant_seventh(quality: Quality) -> bool:
    """Whether a chord has a major third, a perfect fifth and a minor seventh."""
    over_root = quality.semitones
    return (over_root.get("3"), over_root.get("5"), over_root.get("7")) == (4, 7, 10)


def is_major_triad(quality: Quality) -> bool:
    """Whether a chord is a plain major triad."""
    return not quality.suffix


def is_diminished(quality: Quality) -> bool:
    """Whether a chord has a minor third, a diminished fifth and no major seventh, as on the leading tone."""
    over_root = quality.semitones
    return (over_root.get("3"), over_root.get("5")) == (3, 6) and over_root.get("7") != 11


def numeral(chord: ChordSymbol, key: int, *, applied: bool = False) -> str:
    """Write the Roman numeral of a chord in a key.

    Parameters
    ----------
    chord
        The chord.
    key
        0-11 major, 12-23 minor.
    applied
        Read the chord as a dominant of the degree a fifth below, a diminished one as the chord on the
        leading tone of the degree a semitone above; that degree must be one of :data:`APPLIED_TARGETS`.

    Examples
    --------
    >>> from etl.chords.symbols import parse_chord
    >>> numeral(parse_chord("Bdim7/D"), 0), numeral(parse_chord("D7"), 0, applied=True)
    ('viiø7/65', 'V7/V')
    >>> numeral(parse_chord("Fsdimb7"), 0, applied=True)
    'vii°7/V'
    """
    minor, tonic = divmod(key, 12)
    interval = (chord.root_pc - tonic) % 12
    if applied:
        head, step = ("vii", 1) if is_diminished(chord.quality) else ("V", 5)
        return f"{head}{_quality_text(chord.quality)}/{APPLIED_TARGETS[minor][(interval + step) % 12]}"
    degree = _DEGREES[interval]
    lower = chord.quality.semitones.get("3") == 3
    if lower:
        degree = degree.lower()
    elif interval == 6 and _letter_steps(key, chord.root) == 4:
        degree = "bV"
    bass = _figure(chord, tonic) if chord.bass_pc != chord.root_pc else ""
    return degree + _quality_text(chord.quality) + bass


def _letter_steps(key: int, note: str) -> int:
    """Letter names from the tonic up to a note: 3 for a fourth, 4 for a fifth."""
    tonic = (*MAJOR_TONICS, *MINOR_TONICS)[key]
    return (_LETTERS.index(note[0]) - _LETTERS.index(tonic[0])) % 7


def _figure(chord: ChordSymbol, tonic: int) -> str:
    """Figured bass where the bass is the chord's third, fifth or seventh, else its scale degree."""
    over_root = chord.quality.semitones
    interval = (chord.bass_pc - chord.root_pc) % 12
    figures = {"3": "65", "5": "43", "7": "42"} if _has_seventh(chord.quality) else {"3": "6", "5": "64"}
    for number, figure in figures.items():
        if over_root.get(number) == interval:
            return f"/{figure}"
    return f"/^{_SCALE_DEGREES[(chord.bass_pc - tonic) % 12]}"


def _has_seventh(quality: Quality) -> bool:
    """Whether the chord has a seventh; a diminished seventh over another fifth is heard as a sixth."""
    over_root = quality.semitones
    return over_root.get("7") in {10, 11} or (over_root.get("7"), over_root["5"]) == (9, 6)


@cache  # some hundreds
def _quality_text(quality: Quality) -> str:
    degrees = quality.degrees
    over_root = quality.semitones
    third, fifth = over_root.get("3"), over_root["5"]
    triad = {(3, 6): "°", (4, 8): "+"}.get((third or 0, fifth), "")
    seventh = next((degree for degree in degrees if degree.endswith("7")), "")
    if seventh == "b7" and triad == "°":
        triad = "ø"
    natural = [number for number in ("9", "11", "13") if number in degrees]
    if not _has_seventh(quality):
        stack, added = ("6" if seventh or "6" in degrees else ""), natural
    else:
        top = max((n for n in natural if _is_complete(quality, n)), key=int, default="7")
        stack = ("△" if seventh == "7" else "") + top
        added = [n for n in natural if int(n) > int(top)]
    suspension = next((f"sus{degree}" for degree in degrees if degree in {"2", "4"}), "")
    altered_fifth = "" if triad or fifth == 7 else "b5" if fifth == 6 else "#5"
    altered = "".join(d for d in degrees if d[0] in "b#" and d.lstrip("b#") in {"9", "11", "13"})
    no_third = "" if third or suspension else "(no3)"
    added_text = "".join(f"add{number}" for number in added)
    return triad + stack + added_text + suspension + altered_fifth + altered + no_third


def _is_complete(quality: Quality, number: str) -> bool:
    """Whether all that a number implies is there, altered or not: a 9 under the 11, an 11 under the 13."""
    over_root = quality.semitones
    below = ("9", "11")[: (int(number) - 9) // 2]
    return all(step in over_root or (step == "11" and "4" in over_root) for step in below)


@dataclass(frozen=True)
class Numeral:
    """What a Roman numeral says, as semitones over the tonic.

    Attributes
    ----------
    root
        0-11.
    pitch_classes
        0-11 each.
    bass
        0-11; the root where no bass is written.
    """

    root: int
    pitch_classes: frozenset[int]
    bass: int


_NUMERAL = re.compile(
    r"(?P<accidental>[b#]?)(?P<degree>[IV]+|[iv]+)(?P<triad>[°ø+]?)(?P<major>△?)(?P<number>6|7|9|11|13)?"
    r"(?P<added>(?:add(?:9|11|13))*)(?P<sus>sus[24])?(?P<altered>(?:[b#](?:5|9|11|13))*)(?P<no3>\(no3\))?"
    r"(?:/(?:\^(?P<bass>b?[1-7])|(?P<figure>6|64|65|43|42)|(?P<target>b?(?:[IV]+|[iv]+))))?"
)
_DEGREE_ROOTS: Final = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_OVER_ROOT: Final = {5: 7, 9: 2, 11: 5, 13: 9}


def parse_numeral(text: str) -> Numeral:
    """Read a numeral back as pitch classes over the tonic.

    Parameters
    ----------
    text
        A numeral as :func:`numeral` writes it.

    Raises
    ------
    ValueError
        If ``text`` is not a numeral.

    Examples
    --------
    >>> parse_numeral("V7/V")
    Numeral(root=2, pitch_classes=frozenset({0, 9, 2, 6}), bass=2)
    """
    match = _NUMERAL.fullmatch(text)
    if match is None or match["degree"].upper() not in _DEGREE_ROOTS:
        message = f"not a Roman numeral: {text!r}"
        raise ValueError(message)
    root = _degree_root(match["accidental"] + match["degree"])
    if match["target"]:
        root = (root + _degree_root(match["target"])) % 12
    over_root = _numeral_semitones(match)
    bass = root
    if match["bass"]:
        bass = _SCALE_DEGREES.index(match["bass"])
    elif match["figure"]:
        role = {"6": 3, "65": 3, "64": 5, "43": 5, "42": 7}[match["figure"]]
        bass = (root + over_root[role]) % 12
    return Numeral(root, frozenset((root + semitone) % 12 for semitone in over_root.values()), bass)


def _degree_root(degree: str) -> int:
    shift = {"b": -1, "#": 1}.get(degree[0], 0)
    return (_DEGREE_ROOTS[degree.lstrip("b#").upper()] + shift) % 12


def _numeral_semitones(match: re.Match[str]) -> dict[int, int]:
    """Semitones over the root by degree number."""
    triad = match["triad"]
    over_root = {1: 0, 3: 3 if match["degree"].islower() else 4, 5: {"°": 6, "ø": 6, "+": 8}.get(triad, 7)}
    if match["no3"]:
        del over_root[3]
    elif match["sus"]:
        del over_root[3]
        over_root[4] = 2 if match["sus"] == "sus2" else 5
    number = int(match["number"] or 0)
    if number == 6:
        over_root[6] = 9
    elif number:
        over_root[7] = 11 if match["major"] else 9 if triad == "°" else 10
    implied = [9, 11, 13] if number >= 9 else []
    added = [int(n) for n in re.findall(r"add(\d+)", match["added"])]
    over_root |= {n: _OVER_ROOT[n] for n in implied if n <= number} | {n: _OVER_ROOT[n] for n in added}
    altered: dict[int, int] = {}
    for sign, degree in re.findall(r"([b#])(\d+)", match["altered"]):
        number = -int(degree) if int(degree) in altered else int(degree)  # two ninths stand side by side
        altered[number] = (_OVER_ROOT[int(degree)] + (1 if sign == "#" else -1)) % 12
    return over_root | altered
