"""Which code page texts of Latin letters are in: that of Western Europe, or one of its neighbours.

Code pages [1]_ of Central Europe, the Baltic, Turkey and Vietnam share most bytes with that of Western
Europe. So only the words that read differently in two of them are evidence: words of a language have its
letters [2]_ alone, where it has them. With the code pages of DOS it is the same.

References
----------
.. [1] https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/
.. [2] Unicode CLDR, exemplar characters of each language: https://cldr.unicode.org
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Language(NamedTuple):
    """Letters beyond ASCII, in lower case, and what no word has."""

    letters: frozenset[str]
    odd: re.Pattern[str] | None


def _language(letters: str, odd: str = "") -> _Language:
    return _Language(frozenset(letters), re.compile(odd) if odd else None)


_NO_ROMANCE: Final = "[kw]|sz|cz"
# Vietnamese words are one syllable; a tone is behind its vowel.
_VOWELS: Final = "aeiouyàáâãèéêìíòóôõùúýăĩũơư"
_VIETNAMESE_ODD: Final = (
    "^(?!(?:[bdđhlmrsvx]|[ckpt]h?|g[hi]?|ngh?|nh?|qu|tr)?"
    rf"[{_VOWELS}\u0300-\u0323]+(?:ch?|m|ng?|nh|p|t)?$)"
    "|(?<![aeiouyâêôăơư])[\u0300-\u0323]"
)
_VIETNAMESE: Final = _language("àáâãèéêìíòóôõùúýăđĩũơư\u0300\u0301\u0303\u0309\u0323", _VIETNAMESE_ODD)
_WESTERN: Final = (
    _language("äöüß", "(?<![aeiouyäöü])ß"),  # German
    _language(
        "àâçèéêëîïôùûüÿœæ",  # French
        rf"{_NO_ROMANCE}|œ(?![uit])|(?<!o)ù|(?<=...)[ûêî]$|û(?![tclmrsn])|(?<!o)ï$|^[ùèûê]$",
    ),
    _language("áéíñóúü", rf"{_NO_ROMANCE}|ñ(?![aeiouáéíóú])"),  # Spanish
    _language("áàâãçéêíóôõúü", rf"{_NO_ROMANCE}|õ(?!e)|ã(?![eo]|s?$)"),  # Portuguese
    _language("àèéìòù", rf"{_NO_ROMANCE}|[jxy]|[àèìòù](?!$)"),  # Italian
    _language("àçèéíïòóúü", rf"{_NO_ROMANCE}|[aeiou][àèò]|è(?![rlsnmtcgudv])"),  # Catalan
    _language("åäöé"),  # Swedish, Finnish
    _language("æøåéô", "[aeiouyæøå][æø]|æ$|[wcq]"),  # Danish, Norwegian
    _language("áéíóúýæöðþ", "^(?!þ.*ð)[^áéíóúæ]*$|^ð|þ$"),  # Icelandic, where a word shows it
    _language("éëïöü", "(?<![aeiou])[ëïöü]"),  # Dutch
    _language("áéíóúšž"),  # what Czech and others have in common with the West
    _language(
        "àáâãèéêìíòóôõùúý", rf"{_VIETNAMESE_ODD}|[aeiouyâêôõý][ìò]|[àèìòùáéíóúýãõ].*[àèìòùáéíóúýãõ]"
    ),  # Vietnamese
)
_CZECH: Final = _language("áčďéěíňóřšťúůýž", "^[ěůýň]|q")
_POLISH: Final = _language("ąćęłńóśźż", "^[ąęń]|[qvx]")
_HUNGARIAN: Final = _language("áéíóöőúüű")
_SLOVAK: Final = _language("áäčďéíĺľňóôŕšťúýž", "^[ýňô]|q")
_CROATIAN: Final = _language("čćđšž", "[qwxy]")
_ROMANIAN: Final = _language("ăâîşţ", "[qw]")
_TURKISH: Final = _language("çğ\u0131öşüâîûi\u0307", "^ğ|[qwx]")
_LITHUANIAN: Final = _language("ąčęėįšųūž", "^ę|[qwx]")
_LATVIAN: Final = _language("āčēģīķļņšūž", "^ķ[^aeiouāēīū]|[qwxy]")

_NEIGHBOURS: Final = {
    "cp1252": (
        ("cp1258", _VIETNAMESE), ("cp1250", _CZECH), ("cp1250", _POLISH), ("cp1250", _HUNGARIAN),
        ("cp1254", _TURKISH), ("cp1250", _SLOVAK), ("cp1257", _LITHUANIAN), ("cp1257", _LATVIAN),
        ("cp1250", _CROATIAN), ("cp1250", _ROMANIAN),
    ),
    "cp850": (
        ("cp852", _CZECH), ("cp852", _POLISH), ("cp852", _HUNGARIAN), ("cp857", _TURKISH), ("cp852", _SLOVAK),
        ("cp852", _CROATIAN), ("cp852", _ROMANIAN),
    ),
}  # fmt: skip
"""Pages that may stand in the place of each, by language; of two as good the first is taken."""

_LONGEST_WORD: Final = 40
_OPENING: Final = "'\u2018\u201c\u201d\u201e\u00ab\u00bf\u00a1\u00a0\u00a9"
_CLOSING: Final = "'\u2019\u201d\u201c\u00bb\u2026\u00b4\u2013\u2014\u00a0\u00b0\u00ae\u00a9\u2122"

_NUMERO: Final = re.compile("^([NnMDF])[\u00aa\u00ba]$")  # Nº, Mª
_MAY_BE_ICELANDIC: Final = re.compile("[abd-pr-vxyáéíóúýæöðþ]+")  # or Turkish


def likeliest_page(words: Sequence[bytes], base: str) -> tuple[str, int]:
    """Choose a code page.

    Parameters
    ----------
    words
        Runs of letters of ASCII and beyond, with one of both at least.
    base
        That of Western Europe, ``cp1252`` or ``cp850``, which is believed where no other explains more words,
        or none but words that may be Icelandic, beside one that cannot be of the other.

    Returns
    -------
    tuple
        The page, and how many of the words are such of a language that is written in it.

    Examples
    --------
    >>> likeliest_page(["Hegedű".encode("cp1250"), "Zenekíséret".encode("cp1250")], "cp1252")
    ('cp1250', 2)
    >>> likeliest_page(["Flöte".encode("cp1252")], "cp1252")
    ('cp1252', 1)
    """
    evidence = [_evidence(word, base) for word in words]
    best, most, gain = base, sum(word.fits for word in evidence), 0
    for place, (page, _) in enumerate(_NEIGHBOURS[base]):
        read = [(word.fits, word.fits_there[place]) for word in evidence]
        won = sum(there - here for here, there in read)
        are_icelandic = all(word.may_be_icelandic for word in evidence if word.fits_there[place]) and any(
            word.may_be_icelandic and word.is_foreign[place] for word in evidence
        )
        if won > gain and not are_icelandic:
            best, most, gain = page, sum(map(max, read)), won
    return best, most


class _Evidence(NamedTuple):
    """Whether a word is one of the West, and of each neighbour, or of the West alone."""

    fits: bool
    may_be_icelandic: bool
    fits_there: tuple[bool, ...]
    is_foreign: tuple[bool, ...]


@lru_cache(maxsize=4096)
def _evidence(word: bytes, base: str) -> _Evidence:
    """Judge a word; where it reads the same there, it fits as well."""
    western = _read(word, base)
    fits = any(_is_of(western, language) for language in _WESTERN)
    neighbours = [(_read(word, page), language) for page, language in _NEIGHBOURS[base]]
    of_neighbour = [_is_of(read, language) for read, language in neighbours]
    return _Evidence(
        fits,
        western is not None and _MAY_BE_ICELANDIC.fullmatch(western.lower()) is not None,
        tuple(
            fits if read == western else found
            for (read, _), found in zip(neighbours, of_neighbour, strict=True)
        ),
        tuple(fits and not found for found in of_neighbour),
    )


def _read(word: bytes, page: str) -> str | None:
    try:
        return _NUMERO.sub(r"\1", word.decode(page).lstrip(_OPENING).rstrip(_CLOSING))
    except UnicodeDecodeError:
        return None


def _is_of(word: str | None, language: _Language) -> bool:
    """Whether a word has letters of a language alone, of one case but for the first."""
    if (
        word is None
        or len(word) > _LONGEST_WORD
        or not (word[1:].islower() or word.isupper() or len(word) == 1)
    ):
        return False
    small = word.lower()
    return all(letter in language.letters for letter in small if letter > "\x7f" and letter != "\u2019") and (
        language.odd is None or language.odd.search(small) is None
    )
