"""In which encoding texts are that do not say it: names in MIDI files, names of the members of archives.

All texts of a file, or of an archive, are judged together, for a word alone can often be read in several.
What is ASCII, UTF-8 or marked as UTF-16 is known; all else is a guess, and said to be one.

A guess goes by what is left of the texts when they are read in each encoding: the share of bytes that become
letters of one script and of common use, as the standards rank them [1]_ [2]_ [3]_. Charset-normalizer [4]_
has the letters that are most frequent in each language, and decides where two readings are as good. Where
the bytes beyond ASCII stand alone or in Latin words they are accents: of Windows-1252, which has Latin-1, of
code page 850, which zips of Windows are named in, or of a neighbour that explains the words better.

References
----------
.. [1] GB 2312, 1980: rows 16 to 55 are the common characters. JIS X 0208, 1997: rows 16 to 47 (level 1).
.. [2] Big5, 1984: A440 to C67E are the characters in frequent use.
.. [3] KS X 1001, 2004: rows 16 to 40 are the Hangul syllables, rows 42 to 93 the rare Hanja.
.. [4] https://charset-normalizer.readthedocs.io
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from charset_normalizer import from_bytes
from charset_normalizer.constant import FREQUENCIES

from etl.midi.alphabets import ALPHABETS, flaws, is_letter, likeliest_alphabet
from etl.midi.latin import likeliest_page

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES: Final = 4096
"""How much of the texts is judged."""
_MOST_WORDS: Final = 400

_LATIN: Final = "cp1252"
_DOS: Final = "cp850"
_TONES_APART: Final = "cp1258"
_CANDIDATES: Final = (*ALPHABETS, "gb18030", "big5", "euc_kr", "euc_jp", "cp932")
_PUBLIC: Final = {"cp932": "shift_jis", _LATIN: "latin-1"}
_CODECS: Final = {public: codec for codec, public in _PUBLIC.items()}

_HIGH_WORD: Final = re.compile(rb"[A-Za-z'\x80-\xff]*[\x80-\xff][A-Za-z'\x80-\xff]*")
# Accented letters, one or two in a row, in a word that has plain letters too or is one letter; punctuation.
# No capital follows a small letter, and no quotation mark is within a word. Icelandic has a word of accents.
_LATIN_WORD: Final = re.compile(
    rb"(?=.*[A-Za-z]|.?$|[\xde\xfe][\xda\xfa]$)(?:[A-Za-z']"
    rb"|(?:(?<![a-z])[\xc0-\xd6\xd8-\xde\x8a\x8c\x8e]|[\xdf-\xf6\xf8-\xff\x9a\x9c\x9e\x9f]){1,2}"
    rb"(?![\x80-\xff])"
    rb"|(?<!.)[\x93\x94]|[\x93\x94](?!.)|(?<!.)[\xde\xfe][\xda\xfa](?!.)"
    rb"|[\x85\x91\x92\x95-\x97\x99\xa0\xa1\xa9\xaa\xab\xae\xb0\xb4\xb7\xba\xbb\xbf])+"
)
_LONE: Final = re.compile(
    rb"(?:[\x00-\x7f]|(?:(?<![a-z])[\xa2-\xa5\xc0-\xde]|[\xa0\xa1\xa6-\xbf\xdf-\xff])(?![\x80-\xff]))*"
)
# The same of DOS, in Western Europe: letters where Windows has quotation marks, controls and signs.
_DOS_WORD: Final = re.compile(
    rb"(?=.*[A-Za-z])(?:[A-Za-z']"
    rb"|[\x80-\x9b\x9d\xa0-\xa5\xb5-\xb7\xc6\xc7\xd2-\xd4\xd6-\xd8\xde-\xe5\xe9-\xed]{1,2}(?![\x80-\xff]))+"
)
_PLAIN: Final = re.compile(rb"[A-Za-z]")
# What every other byte of UTF-16 is, from Latin to Thai: controls, which stand in no other text.
_SCRIPTS: Final = frozenset(b"\x00\x03\x04\x05\x06\x0e")
_MAY_BE_WIDE: Final = re.compile(b"[\x00\x03-\x06\x0e]")
_PLAIN_SHARE: Final = 1.5
"""Plain letters for each other one, at least: kana in Shift-JIS are one to one."""
_PLAIN_SHARE_OF_WORDS: Final = 0.5
"""The same where all words are such of a language."""

# What parts of songs are called; frequent in names, not in books.
_NAMED: Final = {
    "Chinese": "鼓贝斯貝吉他主旋律钢琴鋼提人声聲合唱节奏節弦乐樂小号號音高低伴打击擊笛筝箏曲歌"
    "月亮心爱愛风風花春夜夢梦",
    "Korean": "드럼베이스기타솔로멜디피아노보컬합창리듬트링펫랑고향봄오르간플신사코러첼반주악노래사랑의",
    "Japanese": "合唱伴奏歌琴太鼓打楽器音低高主旋律曲花川夜空愛",
}
_GOOD, _COMMON, _HANGUL, _RARE = 1.0, 0.75, 0.85, 0.1
_LETTER: Final = {"cp874": 0.7, "cp1256": 0.7}  # their pages are full of letters: any bytes read so
_FRAMES: Final = -0.5  # of tables, in code page 866


class Encoding(NamedTuple):
    """The encoding of some texts, and whether that is a guess."""

    name: str
    is_guess: bool


def find_encoding(texts: Iterable[bytes]) -> Encoding:
    r"""Find the one encoding of several texts.

    Parameters
    ----------
    texts
        As found, of one origin.

    Returns
    -------
    Encoding
        ``ascii``, ``utf-8`` or ``utf-16`` (not guesses, if it has a mark); ``utf-16-le``, ``utf-16-be``,
        ``latin-1``, ``cp1250`` to ``cp1258``, ``cp850``, ``cp852``, ``cp857``, ``cp866``, ``cp874``,
        ``gb18030``, ``big5``, ``euc_kr``, ``euc_jp`` or ``shift_jis``, guesses.

    Examples
    --------
    >>> find_encoding(["Ударные".encode("cp1251"), "Гитара соло".encode("cp1251")])
    Encoding(name='cp1251', is_guess=True)
    >>> find_encoding([b"Fl\xf6te"]), find_encoding(["Flöte".encode()])
    (Encoding(name='latin-1', is_guess=True), Encoding(name='utf-8', is_guess=False))
    """
    found = [text for text in texts if text and (not text.isascii() or _MAY_BE_WIDE.search(text))]
    if not found:
        return Encoding("ascii", is_guess=False)
    if all(text[:2] in {b"\xff\xfe", b"\xfe\xff"} for text in found):
        return Encoding("utf-16", is_guess=False)
    wide = [each for each in map(_wide, found) if each]
    if len(wide) == len(found) and len(set(wide)) == 1:
        return Encoding(wide[0], is_guess=True)
    if all(_reads(text, "utf-8") for text in found):
        return Encoding("utf-8" if any(not text.isascii() for text in found) else "ascii", is_guess=False)
    return Encoding(
        _guess(tuple(dict.fromkeys(text for text in found if not _reads(text, "utf-8")))), is_guess=True
    )


def decode(raw: bytes, encoding: str) -> str:
    """Read a text in an encoding that was found; where it cannot be, as UTF-8, else as Latin-1."""
    for codec in (_CODECS.get(encoding, encoding), "utf-8"):
        if _reads(raw, codec):
            text = raw.decode(codec).removeprefix("\ufeff")
            return unicodedata.normalize("NFC", text) if codec == _TONES_APART else text
    return raw.decode("latin-1")


def _reads(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _wide(text: bytes) -> str | None:
    """Tell UTF-16 without a mark: every other byte of Latin text is zero, of many scripts a control's."""
    if len(text) % 2 or len(text) < 4:
        return None
    for codec, highs in (("utf-16-le", text[1::2]), ("utf-16-be", text[::2])):
        if _SCRIPTS.issuperset(highs) and any(highs) and text.decode(codec).isprintable():
            return codec
    for codec, zeros, letters in (("utf-16-le", text[1::2], text[::2]), ("utf-16-be", text[::2], text[1::2])):
        if 2 * zeros.count(0) > len(zeros) and not letters.count(0) and _reads(text, codec):
            return codec
    return None


def _guess(texts: tuple[bytes, ...]) -> str:
    if (accented := _accented(texts)) is not None:
        return accented
    joined = b"\n".join(texts)[:MOST_BYTES]
    joined = joined[: joined.rfind(b"\n")] if len(joined) == MOST_BYTES and b"\n" in joined else joined
    scores = {codec: _score(joined, codec) for codec in _CANDIDATES}
    best = max(scores.values())
    alike = [codec for codec in _CANDIDATES if scores[codec] >= best - 0.03]
    if best < 0.3:
        return "latin-1"
    if ALPHABETS.keys() & alike:
        alphabet = likeliest_alphabet(joined, [codec for codec in ALPHABETS if scores[codec] > 0])
        alike = [alphabet, *(codec for codec in alike if codec not in ALPHABETS)]
    if len(alike) > 1:
        match = from_bytes(joined, cp_isolation=alike, enable_fallback=False).best()
        if match is not None and match.encoding in alike:
            return _PUBLIC.get(match.encoding, match.encoding)
    chosen = max(alike, key=scores.__getitem__)
    return _PUBLIC.get(chosen, chosen)


def _accented(texts: tuple[bytes, ...]) -> str | None:
    """Tell texts of Latin letters, some of them with accents; None for those of other scripts."""
    words = [word for text in texts for word in _HIGH_WORD.findall(text)][:_MOST_WORDS]
    latin = sum(_LATIN_WORD.fullmatch(word) is not None for word in words)
    mixed = [word for word in words if _PLAIN.search(word)]
    page, fits = likeliest_page(mixed, _LATIN)
    of_dos, fits_of_dos = likeliest_page(mixed, _DOS)
    if fits < fits_of_dos and 2 * fits_of_dos > len(words):
        page, fits = of_dos, fits_of_dos
    elif all(map(_LONE.fullmatch, texts)) or 2 * latin > len(words):
        return _PUBLIC.get(page, page)
    others = sum(len(re.findall(rb"[\x80-\xff]", word)) for word in words)
    plain = sum(map(len, words)) - others
    if plain >= (_PLAIN_SHARE if fits < len(words) else _PLAIN_SHARE_OF_WORDS) * others:
        if 2 * fits > len(words):
            return _PUBLIC.get(page, page)
        if 2 * sum(_DOS_WORD.fullmatch(word) is not None for word in words) > len(words):
            return of_dos
    return None


def _score(raw: bytes, codec: str) -> float:
    """Rate how well texts read in an encoding, 0-1: by bytes beyond ASCII, and the letters they become."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return 0.0
    letters = [mark for mark in text if mark > "\x7f"]
    weights = [_weight(mark, codec) for mark in letters]
    rate = sum(weights) / max(1, len(weights))
    if codec in ALPHABETS:  # кОТ is no word
        return rate - 2.0 * flaws(text, codec) / len(letters)
    return rate


@cache
def _weight(mark: str, codec: str) -> float:
    point = ord(mark)
    if codec in ALPHABETS:
        other = _FRAMES if 0x2500 <= point <= 0x259F else _RARE * (not mark.isalpha())
        return _LETTER.get(codec, 0.95) if is_letter(mark, codec) else other
    if 0x3041 <= point <= 0x30FE:  # kana, which Chinese and Korean sets have too
        return _GOOD if codec in {"euc_jp", "cp932"} else 0.4
    if 0xFF61 <= point <= 0xFF9F:  # half as wide: any bytes read so in Shift-JIS
        return 0.25
    if 0xAC00 <= point <= 0xD7A3:
        return (_GOOD if mark in _frequent("Korean") else _HANGUL) if codec == "euc_kr" else _RARE
    if 0x4E00 <= point <= 0x9FFF:
        return _han(mark, codec)
    is_sign = 0x3000 <= point <= 0x303F or 0xFF01 <= point <= 0xFF5E or 0x2010 <= point <= 0x2026
    return 0.5 if is_sign else 0.0


def _han(mark: str, codec: str) -> float:
    """Weigh a Chinese character: rare in Korean names, else by whether the standard calls it common."""
    if codec == "euc_kr":
        return _RARE
    if mark in _frequent("Japanese" if codec in {"euc_jp", "cp932"} else "Chinese"):
        return _GOOD
    lead = mark.encode(codec)[0] if codec != "cp932" else _lead_in_jis(mark)
    first, last = {"gb18030": (0xB0, 0xD7), "big5": (0xA4, 0xC6)}.get(codec, (0xB0, 0xCF))
    return _COMMON if first <= lead <= last and len(mark.encode(codec)) == 2 else _RARE


def _lead_in_jis(mark: str) -> int:
    try:
        return mark.encode("euc_jp")[0]
    except UnicodeEncodeError:
        return 0


@cache
def _frequent(language: str) -> frozenset[str]:
    return frozenset(FREQUENCIES[language]) | frozenset(_NAMED[language])
