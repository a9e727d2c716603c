"""Chord symbols as lead sheets write them: parse one, spell one.

Conventions
-----------
One grammar takes what charts, songbooks and players have in use: ``Am C#m7b5 Cmaj7 F#m7(b5)``, iReal's
``C-7 C^7 Ch7 Co7``, ChordPro's and ABC's names, and the choro songbooks' ``C7M C7(9) C7/13 G7(b13)``. A
symbol is ``root quality [/bass]``. ``dim7`` is the fully diminished seventh. A number implies the odd ones
below it (``13``: 7, 9, 11), one in parentheses or after a slash is added alone (``7(13)``). ``sus`` is
``sus4``, ``2`` alone ``sus2`` and ``4`` ``sus4``; ``alt`` is an augmented seventh with a raised ninth, its
commonest voicing. A flat right after the root is the root's: ``Cb5`` is a power chord on C flat, ``C(b5)``
C major with a lowered fifth.

References
----------
.. [1] Brandt and Roemer, "Standardized Chord Symbol Notation", Roerick Music 1976.
.. [2] iReal Pro, chord symbols, https://technimo.helpshift.com/hc/en/3-ireal-pro/
.. [3] Chediak, "Songbook Choro", Lumiar 2009: Brazilian spellings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from etl.chords.symbols import ChordSymbol
from etl.music.qualities import QUALITY_BY_DEGREES, Quality

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_SYMBOL: Final = re.compile(r"([A-G])([#b]?)(.*?)(?:/([A-Ga-g])([#b]?))?")
_SAME: Final = str.maketrans(
    {"♯": "#", "♭": "b", "♮": "", "⁺": "+", "⁻": "-", "[": "(", "]": ")"}
    | dict.fromkeys("Δ△∆", "^")
    | dict.fromkeys("øØ∅⌀", "h")
    | dict.fromkeys("°º˚∘○ᵒ", "o")
    | dict.fromkeys("\N{FRACTION SLASH}\N{DIVISION SLASH}", "/")
    | dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}", "-")
    | {"⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]: str(digit) for digit in range(10)}
)
_MAJOR: Final = r"(?:[Mm]ajor|[Mm]aj|MAJ|[Mm]a(?!dd)|MA|M(?![Ii])|\^|j)"
_HEAD: Final = re.compile(
    rf"(?P<half>hdim|half-?dim|h)|(?P<dim>[Dd]im(?:inished)?|DIM|o)"
    rf"|(?P<aug>[Aa]ug(?:mented)?|AUG|\+(?![0-9])|\+(?=[79]))"
    rf"|(?P<major>{_MAJOR})|(?P<minor>[Mm]inor|[Mm]in|MIN|[Mm]i|MI|m|-)|dom(?=7|9|1)|"
)
_MAJOR_SEVENTH: Final = re.compile(rf":?(?:{_MAJOR}|[#+](?=7))(?=[79:]|1[13]|$)")
_MAJOR_AFTER: Final = re.compile(r"(7|9|11|13)(?:M(?![Ii])|[Mm]aj|\^)(?!7)")
_NUMBER: Final = re.compile(r"6:?9|[7642]|(?:13|11|9|5)(?![+-](?:$|:))|")
_TAIL: Final = re.compile(
    r":*(?:"
    r"[Ss]us(?P<sus>24|2sus4|2|4|(?=[:b#a7]|$))"
    r"|add(?P<third>3)"
    r"|(?P<no>(?:no|omit)3(?:rd|d)?)"
    r"|add(?P<added>[b#]?(?:2|4|6|9|11|13))"
    r"|(?P<alt>alt\.?)"
    r"|(?P<sign>[b#+-])(?P<degree>5|9|11|13|(?<=b)6)"
    r"|(?P<raised>5|9|11|13)(?P<by>[+-]|(?<=:[59])[b#](?=:|$)|(?<=:1[13])[b#](?=:|$))"
    r"|(?P<augmented>\+|aug)(?=:|$)"
    r"|(?<=:)(?P<alone>2|4|6|9|11|13)"
    r"|(?:(?<=:)|(?<=sus))(?P<seventh>7(?![+-])|maj7)"
    r")"
)
_IMPLIED: Final = {"7": (), "9": ("9",), "11": ("9", "11"), "13": ("9", "11", "13")}
_SIGN: Final = {"+": "#", "-": "b"}


def parse_leadsheet(token: str) -> ChordSymbol | None:
    """Parse one chord symbol; None where it is not one. Nothing is guessed.

    Examples
    --------
    >>> [str(parse_leadsheet(text)) for text in ("Am", "C#m7b5/G", "F7M", "C-7", "Bbdim7", "G7(b9)")]
    ['Amin', 'Csdim7/G', 'Fmaj7', 'Cmin7', 'Bbdimb7', 'G7b9']
    >>> parse_leadsheet("H7"), parse_leadsheet("Sol7"), parse_leadsheet("Cm8")
    (None, None, None)
    """
    text = token.translate(_SAME)
    if text[:1] == "(" and text[-1:] == ")":
        text = text[1:-1]
    match = _SYMBOL.fullmatch(text.rstrip("*"))
    if match is None:
        return None
    letter, accidental, suffix, bass, bass_accidental = match.groups(default="")
    quality = leadsheet_quality(suffix)
    if quality is None:
        return None
    sharp = {"#": "s"}
    return ChordSymbol(
        letter + sharp.get(accidental, accidental),
        quality,
        bass.upper() + sharp.get(bass_accidental, bass_accidental),
    )


def spell_leadsheet(chord: ChordSymbol) -> str:
    """Spell a chord as a lead sheet does, alterations in parentheses: ``F#m7(b5)/C``.

    Examples
    --------
    >>> from etl.chords.symbols import parse_chord
    >>> [spell_leadsheet(parse_chord(text)) for text in ("Fsdim7/C", "Cdimb7", "Gno3d", "Bb711b9")]
    ['F#m7(b5)/C', 'Cdim7', 'G5', 'B6(add11,b9)']
    """
    root, bass = (note.replace("s", "#") for note in (chord.root, chord.bass))
    return root + leadsheet_suffix(chord.quality) + (f"/{bass}" if bass else "")


def leadsheet_quality(suffix: str) -> Quality | None:
    """Read what follows the root, note by note; None where it is no quality."""
    if suffix.endswith("/") or ":" in suffix:
        return None
    text = _MAJOR_AFTER.sub(r"maj\1", re.sub(r"[(),/]", ":", suffix)).rstrip(":")
    text = text[1:] if text[:2] in {":m", ":M"} else text
    head = _HEAD.match(text)
    kind = (head and head.lastgroup) or ""
    at = head.end() if head else 0
    chord = _Notes(kind)
    has_major_seventh = text[:at] in {"^", "j"}
    if kind in {"minor", "dim", "aug"} and (major := _MAJOR_SEVENTH.match(text, at)):
        has_major_seventh, at = True, major.end()
    found = _NUMBER.match(text, at)
    number, at = (found[0].replace(":", ""), found.end()) if found else ("", at)
    has_major_seventh |= kind == "major" and number not in {"", "6", "69"}
    if not chord.number(number, major=has_major_seventh):
        return None
    while at < len(text):
        tail = _TAIL.match(text, at)
        if tail is None or not chord.tail(tail):
            return None
        at = tail.end()
    return quality_of({chord.third, chord.fifth, *chord.above} - {""})


def quality_of(notes: AbstractSet[str]) -> Quality | None:
    """Find the quality of degrees; a fourth or second above stands for the third that is not there."""
    if not {"2", "b3", "3", "4"} & notes:
        above = next((degree for degree in ("11", "9") if degree in notes), "")
        notes = notes - {above} | ({{"11": "4", "9": "2"}[above]} if above else set())
    return QUALITY_BY_DEGREES.get(frozenset(notes)) or QUALITY_BY_DEGREES.get(
        frozenset(notes - {"6"} | {"bb7"})
    )


class _Notes:
    """The notes of a chord as its symbol is read."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.third = "b3" if kind in {"minor", "dim", "half"} else "3"
        self.fifth = {"dim": "b5", "half": "b5", "aug": "#5"}.get(kind, "5")
        self.above: set[str] = {"b7"} if kind == "half" else set()
        self.numbered = ""

    def number(self, number: str, *, major: bool) -> bool:
        """Take in the number that follows the quality; False where it makes no sense there."""
        self.numbered = number
        if number in {"5", "4", "2"}:
            self.third = {"5": ""}.get(number, number)
            return not self.kind and not major
        if number in {"6", "69"}:
            self.above = {"6"} | ({"9"} if number == "69" else set())
            return self.kind in {"", "major", "minor", "dim"} and not major
        if number or major:
            seventh = "7" if major else "bb7" if self.kind == "dim" else "b7"
            self.above = {seventh, *_IMPLIED[number or "7"]}
        return True

    def tail(self, match: re.Match[str]) -> bool:
        """Take in one alteration, addition or suspension; False where it makes no sense there."""
        sevenths = {"b7", "7", "bb7"} & self.above
        fits = True
        if match["no"]:
            self.third = ""
        elif match["alt"]:
            self.fifth, self.above = "#5", {"b7", "#9"}
            fits = not self.kind and self.numbered in {"", "7"}
        elif match["augmented"]:
            self.fifth = "#5"
            fits = self.kind in {"", "major"} and self.numbered in {"", "7"}
        elif match["sus"] is not None:
            fits = self.third.endswith("3") and self.kind in {"", "major", "minor"}
            self._suspend(match["sus"])
        elif match["third"]:
            fits, self.third = self.third == "4", "3"
            self.above.add("11")
        elif match["seventh"]:
            seventh = "7" if match["seventh"] == "maj7" else "bb7" if self.kind == "dim" else "b7"
            self.above = {"13" if note == "6" else note for note in self.above} | {seventh}
            fits = sevenths <= {seventh}
        elif match["degree"] or match["raised"]:
            sign, degree = match["sign"] or match["by"], match["degree"] or match["raised"]
            self._alter(_SIGN.get(sign, sign), degree)
            fits = bool(self.numbered) or degree == "5" or sign in {"b", "#"}
        elif match["alone"] == "4" and self.third == "3":
            self.third = "4"
        else:
            note = match["added"] or match["alone"]
            plain = {"2": "9", "4": "11", "6": "13"}.get(note, note)
            self.above.add("6" if plain == "13" and not sevenths else plain)
        return fits

    def _suspend(self, by: str) -> None:
        self.third = "2" if by == "2" else "4"
        if by in {"24", "2sus4"}:
            self.above.add("9")
        if self.third == "4":
            self.above.discard("11")

    def _alter(self, sign: str, degree: str) -> None:
        degree = {"6": "13"}.get(degree, degree)
        if degree == "5":
            self.fifth = sign + "5"
        else:
            self.above = (self.above - {degree}) | {sign + degree}


def leadsheet_suffix(quality: Quality) -> str:
    """Suffix of a quality, such as ``m7(b5)``.

    A diminished seventh over a fifth that is not diminished is written as the sixth that it sounds.
    """
    notes = set(quality.degrees)
    third = next((d for d in ("b3", "3", "4", "2") if d in notes), "")
    fifth = next(d for d in ("5", "b5", "#5") if d in notes)
    is_dim = third == "b3" and fifth == "b5" and not notes & {"b7", "7"}
    if "bb7" in notes and not is_dim:
        notes = notes - {"bb7"} | {"6"}
    seventh = next((d for d in ("b7", "7", "bb7", "6") if d in notes), "")
    top = seventh and ("6" if seventh == "6" else _top(notes, third))
    added = (d for d in ("9", "11", "13") if d in notes and d not in _IMPLIED.get(top, ()))
    inside = [f"add{d}" for d in added]
    inside += [fifth] if fifth != "5" and not is_dim else []
    inside += [d for d in ("b9", "#9", "b11", "#11", "b13") if d in notes]
    major = "maj" if seventh == "7" else ""
    stem = "dim" if is_dim else "m" if third == "b3" else ""
    number = f"({major}{top})" if major and stem else major + top
    if not third:
        number = f"{number}no3" if number else "5"
    suspended = f"sus{third}" if third in {"2", "4"} else ""
    return stem + number + suspended + (f"({','.join(inside)})" if inside else "")


def _top(notes: set[str], third: str) -> str:
    """Highest number whose implied notes are all there, those below it altered or not."""
    top = "7"
    for number in ("9", "11", "13"):
        below = _IMPLIED[number][:-1]
        altered = all({d, f"b{d}", f"#{d}"} & notes or (d == "11" and third == "4") for d in below)
        if number in notes and altered:
            top = number
    return top
