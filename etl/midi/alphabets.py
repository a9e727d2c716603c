"""Which of the alphabets with a byte for each letter some text is in: Cyrillic, Greek or Hebrew.

Their code pages [1]_ share the bytes from E0 on, so that any text of one can be read in the others. Letters
that are frequent in the language [2]_, capitals within words, and what only Greek and Hebrew have, tell them
apart: one accent in each Greek word, and letters that end words.

References
----------
.. [1] Windows code pages 1251, 1253, 1255, and 866 of DOS: https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/
.. [2] The letters of each language by frequency are those of https://charset-normalizer.readthedocs.io
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from charset_normalizer.constant import FREQUENCIES

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Alphabet(NamedTuple):
    """A code page: letters by frequency, code points, and words that are none, but rarely."""

    ranks: dict[str, int]
    first: int
    last: int
    odd: re.Pattern[str] | None


# With the marks, which are not in that list.
_THAI: Final = "านรกอเง่มยล้วัดทีสติะปบหคุแจพูช์ขใ็ไืโณผซถธศญฟษำภฐๆฝฉฎฒ๊ฏฆ๋"


def _alphabet(language: str, first: int, last: int, odd: str = "") -> _Alphabet:
    ranks = {
        letter: rank for rank, letter in enumerate(_THAI if language == "Thai" else FREQUENCIES[language])
    }
    return _Alphabet(ranks, first, last, re.compile(odd) if odd else None)


_ACCENTED: Final = "[άέήίόύώΐΰΆΈΉΊΌΎΏ]"
_PLAIN: Final = _ACCENTED.replace("[", "[^")
_THAI_TONE: Final = "[\u0e47-\u0e4e]"
_THAI_MARK: Final = "[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
ALPHABETS: Final = {
    "cp1251": _alphabet("Russian", 0x400, 0x460),
    "cp866": _alphabet("Russian", 0x400, 0x460),
    # A final sigma within a word, another at its end; no accent among small letters, or several.
    "cp1253": _alphabet(
        "Greek",
        0x370,
        0x400,
        rf".*(?:\u03c2.|\u03c3$)|{_PLAIN}*[\u03b1-\u03c9]{_PLAIN}*$|.*{_ACCENTED}.*{_ACCENTED}",
    ),
    # Letters that end words within them; those that do not, at the end.
    "cp1255": _alphabet("Hebrew", 0x5D0, 0x5EB, r".*(?:[ךםןףץ].|[כמנצ]$)"),
    "cp1256": _alphabet("Arabic", 0x621, 0x653, r".*[\u0629\u0649]."),  # the same
    # Marks above and below where there is no letter, or two in a row; vowels before a letter, without one.
    "cp874": _alphabet(
        "Thai",
        0xE01,
        0xE4F,
        rf"{_THAI_MARK}|.*(?:{_THAI_TONE}{_THAI_MARK}|[\u0e40-\u0e44](?:{_THAI_MARK}|[\u0e30-\u0e45]|$))",
    ),
}
"""By codec."""

_SCALE: Final = 8.0
"""So many places less frequent, a letter is e times rarer, as is about right for these languages."""
_UNRANKED: Final = 35
_BEFORE: Final = "«„№"  # words
_BEHIND: Final = "»”…"
_SIGNS: Final = f"{_BEFORE}{_BEHIND}“\u2013\u2014\xa0"
_LONGEST_WORD: Final = 40
"""Letters of a word; what is longer is none, and would take the patterns the square of its length."""
_PENALTY: Final = 2.0
"""For a capital within a word, or a word that is none, in units of the logarithm, shared by all letters."""


def is_letter(mark: str, codec: str) -> bool:
    """Whether a character is a letter of the alphabet of a codec."""
    return ALPHABETS[codec].first <= ord(mark) < ALPHABETS[codec].last and not mark.isdigit()


def _is_broken(one: str, two: str, codec: str) -> bool:
    """Whether no word has two marks in a row: a capital behind a small letter, two scripts, signs inside."""
    if one.isascii() and two.isascii():
        return one.islower() and two.isupper()
    letters = is_letter(one, codec), is_letter(two, codec)
    if all(letters):
        return one.islower() and two.isupper()
    return (letters[0] and (two in _BEFORE or _is_plain(two))) or (
        letters[1] and (one in _BEHIND or _is_plain(one))
    )


def _is_plain(mark: str) -> bool:
    return mark.isascii() and mark.isalpha()


def flaws(text: str, codec: str) -> int:
    """Count small letters that capitals follow, words of two scripts, and those of no language."""
    _, first, last, odd = ALPHABETS[codec]
    words = [] if odd is None else re.findall(f"[{chr(first)}-{chr(last - 1)}]+", text)
    broken = sum(_is_broken(one, two, codec) for one, two in pairwise(text))
    return broken + sum(
        odd is not None and (len(word) > _LONGEST_WORD or odd.match(word) is not None) for word in words
    )


def likeliest_alphabet(raw: bytes, codecs: Iterable[str]) -> str:
    """Choose the codec of a text; each of them must be able to read it.

    Examples
    --------
    >>> likeliest_alphabet("Κιθάρα".encode("cp1253"), ["cp1251", "cp1253"])
    'cp1253'
    >>> likeliest_alphabet("Гитара".encode("cp1251"), ["cp1251", "cp1253"])
    'cp1251'
    """
    return max(codecs, key=lambda codec: _likelihood(raw.decode(codec), codec))


def _likelihood(text: str, codec: str) -> float:
    """Mean logarithm of the chances of letters, less what speaks against the whole."""
    letters = [mark for mark in text.lower() if mark > "\x7f" and mark not in _SIGNS]
    if not letters:
        return -math.inf
    ranks = ALPHABETS[codec].ranks
    places = sum(ranks.get(letter, _UNRANKED) for letter in letters) / len(letters)
    total = math.log(sum(math.exp(-rank / _SCALE) for rank in ranks.values()))
    return -places / _SCALE - total - _PENALTY * flaws(text, codec) / len(letters)
