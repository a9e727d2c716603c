"""What a person types to find files and parts, as conditions; the impossible is an error with a hint."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from etl.chords.numerals import parse_numeral
from etl.midi.categories import CATEGORIES
from etl.midi.chord_notes import QUALITY_NOTES
from etl.midi.file_names import parse_key
from etl.midi.instruments import DRUMS, PROGRAM_NAMES
from etl.midi.tag_words import WORDS, tags_of
from etl.midi.tags import TAGS
from etl.music.keys import KEY_NAMES
from etl.music.pitch_classes import CHORDONOMICON_SHARP_NAMES, FLAT_NAMES
from etl.runtime.errors import EtlError, ExitCode
from etl.store.midi_find import Conditions, Instrument

_NUMBER: Final = r"\s*([0-9]+(?:\.[0-9]+)?)\s*"
_TEMPO: Final = re.compile(rf"{_NUMBER}(?:-{_NUMBER})?")
_BARS: Final = re.compile(r"\s*([0-9]{1,6})\s*(?:-\s*([0-9]{1,6})\s*)?")
_METRE: Final = re.compile(r"\s*([0-9]{1,3})\s*/\s*(1|2|4|8|16|32|64)\s*")
_MOST_CHORDS: Final = 32


def read_conditions(
    *,
    words: tuple[str, ...] = (),
    bpm: str | None = None,
    key: str | None = None,
    category: str | None = None,
    tags: tuple[str, ...] = (),
    instrument: str | None = None,
    bars: str | None = None,
    metre: str | None = None,
    chords: str | None = None,
) -> Conditions:
    """Read what is asked for.

    Parameters
    ----------
    words
        Parts of names.
    bpm
        ``120`` (within half a beat per minute) or ``118-124``.
    key
        As a person types it: ``Am``, ``F# minor``.
    category
        A category or its start, in any case: ``bass``, ``drum``.
    tags
        Tags that all must be there, or words that stand for one: ``house``, ``deep house``.
    instrument
        ``drums``, a word of a General MIDI program, or a tag: ``piano``, ``slap bass``, ``strings``.
    bars
        ``4`` or ``4-8``.
    metre
        ``3/4``.
    chords
        Roman numerals in a row: ``I V vi IV``. A triad also stands for what adds notes to it.

    Raises
    ------
    EtlError
        If one of them cannot be read.
    """
    return Conditions(
        words=words,
        bpm=None if bpm is None else _tempo_range(bpm),
        bars=None if bars is None else _bar_range(bars),
        metre=None if metre is None else _metre(metre),
        key=None if key is None else _key(key),
        categories=None if category is None else _categories(category),
        tags=tuple(_tags(tag) for tag in tags),
        instrument=None if instrument is None else _instrument(instrument),
        chords=None if chords is None else chord_patterns(chords),
    )


def _usage(message: str, hint: str) -> EtlError:
    return EtlError(message, hint, exit_code=ExitCode.USAGE)


def _tempo_range(text: str) -> tuple[float, float]:
    match = _TEMPO.fullmatch(text)
    if match is None or float(match[2] or match[1]) == 0:
        raise _usage(f"`{text}` is not a tempo.", "Write it like 120 or 118-124.")
    if match[2] is None:
        return float(match[1]) - 0.5, float(match[1]) + 0.5
    low, high = float(match[1]), float(match[2])
    if low > high:
        raise _usage(f"`{text}` runs from high to low.", f"Write {match[2]}-{match[1]}.")
    return low, high


def _bar_range(text: str) -> tuple[int, int]:
    match = _BARS.fullmatch(text)
    if match is None:
        raise _usage(f"`{text}` is not a number of bars.", "Write it like 4 or 4-8.")
    low, high = int(match[1]), int(match[2] or match[1])
    if low > high:
        raise _usage(f"`{text}` runs from high to low.", f"Write {high}-{low}.")
    return low, high


def _metre(text: str) -> tuple[int, int]:
    match = _METRE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise _usage(f"`{text}` is not a metre.", "Write it like 3/4 or 6/8.")
    return int(match[1]), int(match[2])


def _key(text: str) -> str:
    name = parse_key(text)
    if name is None:
        raise _usage(f"`{text}` is not a key.", "Write it like Am, 'F# minor' or Bb.")
    return name


def _categories(text: str) -> tuple[str, ...]:
    chosen = tuple(name for name in CATEGORIES if text and name.lower().startswith(text.lower()))
    if not chosen:
        raise _usage(f"no category starts with `{text}`.", f"Choose one of: {', '.join(CATEGORIES)}.")
    return chosen


def _tags(text: str) -> tuple[str, ...]:
    """Give the tags that a word stands for: itself, or what its words are tagged as."""
    if text.lower() in TAGS:
        return (text.lower(),)
    chosen = tuple(sorted(tags_of(text)))
    if not chosen:
        alike = get_close_matches(text.lower(), [*TAGS, *WORDS["word"]])
        hint = f"Did you mean: {', '.join(dict.fromkeys(alike))}?" if alike else ""
        raise _usage(f"unknown tag `{text}`.", hint or f"Choose one of: {', '.join(sorted(TAGS))}.")
    return chosen


def _instrument(text: str) -> Instrument:
    """Give the programs whose names have all the words, and the tag of that name."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    programs = tuple(
        number for number, name in enumerate(PROGRAM_NAMES) if words and set(words) <= set(name.split("_"))
    )
    tag = "".join(words)
    tags: tuple[str, ...] = (tag,) if tag in TAGS else ()
    if not programs and not tags and words:
        tags = tuple(sorted(tags_of(text)))
    if not programs and not tags:
        known = sorted({DRUMS, *(word for name in PROGRAM_NAMES for word in name.split("_"))})
        alike = get_close_matches(text.lower(), known)
        hint = f"Did you mean: {', '.join(alike)}?" if alike else "Write it like piano, 'slap bass' or drums."
        raise _usage(f"unknown instrument `{text}`.", hint)
    return Instrument(programs, tags)


def chord_patterns(text: str) -> dict[str, str]:
    """Give, for each key, the pattern of the chord symbols that follow one another.

    Examples
    --------
    >>> chord_patterns("IV I/6")["F Major"]
    '(?:^| )(?:As|Bb)(?:|7|maj7|add13)(?:/[A-G][bs]?)? F(?:|7|maj7|add13)(?:/[A-G][bs]?)?(?: |$)'
    """
    hint = "Write Roman numerals like 'I V vi IV' or 'i bVI bIII bVII'."
    words = re.split(r"[\s,>-]+", text.strip())[: _MOST_CHORDS + 1]
    if not text.strip() or len(words) > _MOST_CHORDS:
        raise _usage(f"`{text}` is not a list of up to {_MOST_CHORDS} chords.", hint)
    numerals = []
    for word in words:
        try:
            numerals.append(parse_numeral(word))
        except ValueError as error:
            raise _usage(f"`{word}` is not a Roman numeral.", hint) from error
    patterns = {}
    for number, name in enumerate(KEY_NAMES):
        symbols: list[str] = []
        for numeral in numerals:
            root = (number + numeral.root) % 12
            roots = sorted({CHORDONOMICON_SHARP_NAMES[root], FLAT_NAMES[root]})
            notes = {(note - numeral.root) % 12 for note in numeral.pitch_classes}
            suffixes = [
                suffix for suffix, has in QUALITY_NOTES.items() if notes <= {note % 12 for note in has}
            ]
            if not suffixes:
                raise _usage(f"no chord of the analysis is a `{words[len(symbols)]}`.", hint)
            spelled = roots[0] if len(roots) == 1 else f"(?:{'|'.join(roots)})"
            symbols.append(f"{spelled}(?:{'|'.join(suffixes)})(?:/[A-G][bs]?)?")
        patterns[name] = f"(?:^| ){' '.join(symbols)}(?: |$)"
    return patterns
