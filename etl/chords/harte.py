"""Chord symbols in Harte's notation, of annotated corpora: parse one, spell one.

Conventions
-----------
``root[:quality][/bass]``: the root is a letter with any accidentals; the quality a shorthand, a list of
degrees in parentheses, or both, where ``*3`` takes a degree out; the bass a degree over the root. Degrees
carry accidentals over the major scale. A root alone is a major triad. ``N`` is silence and no chord, ``X``
a chord that nobody could name: it stays unknown. Lists that are no quality of our table lose their highest
notes until one is, and a natural one beside which the same is altered; ``b5`` and ``#5`` beside a perfect
fifth are the ``#11`` and ``b13`` that they sound. Without a third, an eleventh or a ninth is suspended, and
what has neither is a power chord; a missing fifth counts as a perfect one.
Humdrum's jazz harmony is read as well: durations before the root, ``-`` for a flat, and qualities as lead
sheets write them (``2E-:7b9``, ``4A:h7``).

References
----------
.. [1] Harte, Sandler, Abdallah and Gomez, "Symbolic Representation of Musical Chords: A Proposed Syntax for
   Text Annotations", ISMIR 2005.
"""

from __future__ import annotations

import re
from typing import Final

from etl.chords.leadsheet import leadsheet_quality, quality_of
from etl.chords.symbols import LETTERS, ChordSymbol
from etl.music.pitch_classes import FLAT_NAMES, LETTER_PITCH_CLASS
from etl.music.qualities import QUALITY_BY_SUFFIX, Quality, degree_semitones

_SYMBOL: Final = re.compile(
    r"(?:\d+\.*)?([A-G])([#b]*|-+(?=:))(?::([^\s():/]+)?(?:\(([^()]+)\))?)?(?:/([#b]*)(1[0-3]|[1-9]))?"
)
_DEGREE: Final = re.compile(r"(\*?)([#b]{0,2})(1[0-3]|[1-9])")
_SHORTHANDS: Final = {
    "maj": "3 5",
    "min": "b3 5",
    "dim": "b3 b5",
    "aug": "3 #5",
    "maj7": "3 5 7",
    "min7": "b3 5 b7",
    "7": "3 5 b7",
    "dim7": "b3 b5 bb7",
    "hdim7": "b3 b5 b7",
    "hdim": "b3 b5 b7",
    "minmaj7": "b3 5 7",
    "aug7": "3 #5 b7",
    "maj6": "3 5 6",
    "6": "3 5 6",
    "min6": "b3 5 6",
    "9": "3 5 b7 9",
    "maj9": "3 5 7 9",
    "min9": "b3 5 b7 9",
    "11": "3 5 b7 9 11",
    "maj11": "3 5 7 9 11",
    "min11": "b3 5 b7 9 11",
    "13": "3 5 b7 9 11 13",
    "maj13": "3 5 7 9 11 13",
    "min13": "b3 5 b7 9 11 13",
    "sus2": "2 5",
    "sus4": "4 5",
    "sus": "4 5",
    "5": "5",
    "1": "",
}
_OVER: Final = {"2": "9", "4": "11", "6": "13", "9": "9", "11": "11", "13": "13"}
_BESIDE_FIFTH: Final = {"b5": "#11", "#5": "b13"}  # what the same notes are where the perfect fifth stays
_HIGHEST_FIRST: Final = ("13", "b13", "#11", "11", "b11", "#9", "b9", "9", "6", "7", "b7", "bb7")


def parse_harte(token: str) -> ChordSymbol | None:
    """Parse one chord symbol; None where it is not one.

    Examples
    --------
    >>> [str(parse_harte(text)) for text in ("C:maj7/b3", "Bb", "F#:min(9)", "Eb:(1,3,5)/5", "A:sus4(b7)")]
    ['Cmaj7/Eb', 'Bb', 'Fsminadd9', 'Eb/Bb', 'A7sus4']
    >>> parse_harte("X"), parse_harte("N"), parse_harte("Am")
    (None, None, None)
    """
    match = _SYMBOL.fullmatch(token.translate({0x266F: "#", 0x266D: "b"}))
    if match is None or (":" in token and not (match[3] or match[4] is not None)):
        return None
    letter, accidentals, shorthand, listed, bass_accidentals, bass = match.groups()
    accidentals = accidentals.replace("-", "b")
    quality = _quality(shorthand, listed)
    if quality is None:
        return None
    root = _note(LETTERS.index(letter), _pitch_class(letter, accidentals))
    if bass is None:
        return ChordSymbol(root, quality)
    over_root = degree_semitones(bass_accidentals + bass)
    letter_at = (LETTERS.index(letter) + int(bass) - 1) % 7
    return ChordSymbol(root, quality, _note(letter_at, (_pitch_class(letter, accidentals) + over_root) % 12))


def _pitch_class(letter: str, accidentals: str) -> int:
    return (LETTER_PITCH_CLASS[letter] + accidentals.count("#") - accidentals.count("b")) % 12


def _note(letter: int, pitch_class: int) -> str:
    """Name a pitch class by a letter, if one accidental does."""
    name = LETTERS[letter % 7]
    accidental = {0: "", 1: "s", 11: "b"}.get((pitch_class - LETTER_PITCH_CLASS[name]) % 12)
    return FLAT_NAMES[pitch_class] if accidental is None else name + accidental


def _quality(shorthand: str | None, listed: str | None) -> Quality | None:
    """Read a shorthand, a list, or both; a root alone is major."""
    if shorthand is None and listed is None:
        return QUALITY_BY_SUFFIX[""]
    if shorthand is not None and shorthand not in _SHORTHANDS:
        return leadsheet_quality(shorthand + (f"({listed})" if listed else ""))
    notes = set(_SHORTHANDS[shorthand or "1"].split())
    for item in filter(None, (listed or "").replace(" ", "").split(",")):
        match = _DEGREE.fullmatch(item)
        if match is None:
            return None
        omitted, accidentals, number = match.groups()
        notes = notes - {accidentals + number} if omitted else notes | {accidentals + number}
    return _nearest(notes - {"1"})


def _nearest(notes: set[str]) -> Quality | None:
    """Find the quality of degrees: seconds, fourths and sixths beside a third or a seventh are tensions."""
    has_third = bool({"3", "b3"} & notes)
    has_seventh = bool({"7", "b7", "bb7"} & notes)
    if {"3", "b3"} <= notes:
        notes = notes - {"b3"} | {"#9"}
    suspended = "" if has_third else next((d for d in ("4", "2") if d in notes), "")
    named = set()
    for degree in notes:
        number = degree.lstrip("b#")
        keeps = degree == suspended or (degree == "6" and not has_seventh) or number not in _OVER
        if degree == "13" and not has_seventh:
            named.add("6")
        else:
            named.add(degree if keeps else degree[: -len(number)] + _OVER[number])
    if not {"5", "b5", "#5"} & named:
        named.add("5")
    named = {_BESIDE_FIFTH.get(degree, degree) if "5" in named else degree for degree in named}
    named -= {degree.lstrip("b#") for degree in named if degree[0] in "b#" and degree.lstrip("b#") in _OVER}
    for highest in (None, *_HIGHEST_FIRST):
        named.discard(highest or "")
        quality = quality_of(named)
        if quality is not None:
            return quality
    return None


def spell_harte(chord: ChordSymbol) -> str:
    """Spell a chord in Harte's notation.

    Examples
    --------
    >>> from etl.chords.symbols import parse_chord
    >>> [spell_harte(parse_chord(text)) for text in ("Fsdim7/C", "C7b9", "Gno3d/D", "Bb")]
    ['F#:hdim7/b5', 'C:7(b9)', 'G:5/5', 'Bb:maj']
    """
    spelled = chord.root.replace("s", "#") + ":" + harte_quality(chord.quality)
    over_root = (chord.bass_pc - chord.root_pc) % 12
    return spelled + (f"/{_BASSES[over_root]}" if over_root else "")


_BASSES: Final = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")


def harte_quality(quality: Quality) -> str:
    """Shorthand and list of a quality: the largest shorthand that holds nothing else."""
    notes = set(quality.degrees)
    best, held = max(
        (
            (name, set(degrees.split()))
            for name, degrees in _SHORTHANDS.items()
            if name not in {"hdim", "sus", "6"}
        ),
        key=lambda item: len(item[1]) if item[1] <= notes else -1,
    )
    rest = [degree for degree in quality.degrees if degree not in held]
    return best + (f"({','.join(rest)})" if rest else "")
