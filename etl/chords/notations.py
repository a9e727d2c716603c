"""The notations of chord symbols: which a text is in, what is a token of it, and the same chord in another.

Conventions
-----------
Chordonomicon's is a stream of symbols and section tags with white space between. The others come as people
write them: bar lines, commas, dashes and arrows between chords, quotation marks and brackets of lists, signs
for repeats, endings and rests, directions (``D.C. al Fine``, ``(let ring)``) and chords in parentheses behind
another, which may be played instead, are passed over, and headings (``[Verse 2]``, ``[Refrão]``,
``{start_of_chorus}``, ``Chorus:``) become section tags. What is left is a token each.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.harte import parse_harte, spell_harte
from etl.chords.leadsheet import parse_leadsheet, spell_leadsheet
from etl.chords.symbols import ChordSymbol, parse_chord, parse_section, spell_chord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Notation(StrEnum):
    """How chord symbols are spelled."""

    CHORDONOMICON = "chordonomicon"
    LEADSHEET = "leadsheet"
    HARTE = "harte"


PARSERS: Final[Mapping[Notation, Callable[[str], ChordSymbol | None]]] = {
    Notation.CHORDONOMICON: parse_chord,
    Notation.LEADSHEET: parse_leadsheet,
    Notation.HARTE: parse_harte,
}
"""How each notation reads a symbol; None for what is none."""

SPELLERS: Final[Mapping[Notation, Callable[[ChordSymbol], str]]] = {
    Notation.CHORDONOMICON: spell_chord,
    Notation.LEADSHEET: spell_leadsheet,
    Notation.HARTE: spell_harte,
}
"""How each notation spells a chord."""

_PARTS: Final = (
    r"intro|verse|pre[- ]?chorus|post[- ]?chorus|chorus|refrain|bridge|solo|interlude|instrumental|outro|coda"
    r"|ending|hook|break|breakdown|tag|riff|theme|head|vamp|part|section"
    r"|parte|refr[aã]o|estribillo|coro|estrof[ae]|verso|ponte|puente|couplet|strophe"
)
_HEADING: Final = re.compile(
    rf"[\[({{<]\s*(?P<opened>(?:{_PARTS})(?:[ _](?!x\d)[a-z](?![a-z]))?)[ _]*(?P<first>\d*)"
    r"[^\])}>|]{0,40}[\])}>]"
    rf"|(?<![^\s|])(?P<colon>{_PARTS})[ _]*(?P<second>\d*)\.?\s*:(?!\S)"
    rf"|(?m:^)[ \t]*(?:[a-z]{{3,}}[ -]|(?P<ordinal>\d)[.ªa]? ?)??(?P<line>{_PARTS})[ _]*(?P<third>\d*)"
    r"[ \t]*:?\s*?(?m:$)"
    r"|(?<![^\s|])(?P<letter>[A-H]):(?=\s)"
    rf"|{{(?:start_of_(?P<directive>[a-z]+)|so(?P<short>[cvb]))(?:\s*:[^}}]*)?}}",
    re.IGNORECASE,
)
_SHORT: Final = {"c": "chorus", "v": "verse", "b": "bridge"}
_NAMED: Final = re.compile(
    r"\[\s*(?:(?P<ordinal>\d)[ªa.] ?)?(?![A-H](?:[#b\d]|m|M|sus|add|dim|aug))"
    r"(?P<name>[^\W\d_]{3}[^\W\d_]*(?:[ -][^\W\d_]+)*)\s*(?P<number>\d*)\s*\]"
)
"""A heading in any language."""
_DIRECTIVE: Final = re.compile(
    r"{\s*(?:[a-z]\s*:|[a-z][a-z_]+(?![^\s:}-])|(?![A-G][#b]*:)[A-Za-z_]+\s*:)[^{}]*}"
)
"""A ChordPro directive: a name, and perhaps what it says. Other braces are repeat signs of iReal."""
_QUOTED: Final = re.compile(
    r"""(?<![^\s\[({,])"[_^<>@][^"]*"|(?<![^\s\[({,])["'`]|["'`](?=[\s\])},]|$)|\[/?(?:ch|tab)\]|\\[nrt]"""
)
"""Quotation marks around tokens, as in the lists of Python and JSON, the marks of tabs on the web, and what
ABC writes above the staff that is no chord (``"^slow"``)."""
_ASIDE: Final = re.compile(
    r"(?m:^)!!(?:!\w|[ \t]).*|(?<!\S)\*(?:[*>-]|M\d|MM|k\[|clef|[A-Ga-g][#-]?:)\S*|(?<!\S)=\S*"
    r"|(?<![^\s|{}\[\]])(?:\*[A-DIiVv]|T\d\d|N[0-3]|[SQfls](?=[A-G]))+(?=[A-G\s|{}\[\]]|$)|XyQ|Kcl|LZ|(?<=\|)\s*x\s*(?=[|}\]]|$)"
    r"|<(?:\d+x|[^<>]*\b(?:[a-z]{2,}|Fine|Coda)\b[^<>]*)>"
    r"|(?<=[|\[])[1-9](?:[,-][1-9])*\.?(?=\s*[A-G])"  # endings: |1 and [2
    r"|(?<=[^\s|(\[])\(\d*\.*[A-G][^()\s]*\)"  # another chord that may be played
    r"|(?<!\S)\((?:x\d+|\d+x|(?!sus|add|maj|min|dim|aug|alt|omit)(?=[^()]*[a-z]{3})[a-z\d]"
    r"(?:[^()A-G]|[A-G][a-z.]{2})*)\)"
    r"|(?<!\S)(?:(?:D\. ?|D)[CS]\.?(?: (?:al?|ao|to) \w+(?: ending)?)?"
    r"|(?:(?:ao|al|to|e|y) )?[𝄋𝄌⊕§]"
    r"|(?:[Tt]o |[Aa]l )?(?:[Cc]oda|[Ff]i(?:ne|m)|[Ss]egno))(?![^\s|:\])}])"
)
"""What charts say beside the chords: lines of Humdrum, marks of iReal, endings, directions, alternatives."""
_BETWEEN: Final = re.compile(
    r"[|;\[\]{}]|,(?=\s|[A-G]|$)|(?<!\S):|:(?!\S)|[-=]+>|[→⇒➔]|(?<=[^\s-])-(?=[A-G](?![a-z]{3}))"
    r"|(?<!\S)(?:[%()*~]|/+|\.+|-+|:+|[xX]\d+|\d+[xX]|\d*\.*r|\d\.|\(?[Nn]\.?[Cc]\.?\)?|\*[A-Za-z]|[npflsQSUZ]|Y+)(?!\S)"
)
_SAME: Final = str.maketrans(
    {"\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{MULTIPLICATION SIGN}": "x"} | dict.fromkeys("‖𝄀𝄁𝄆𝄇𝄎", "|")
)
_PLAIN_MARKS: Final = frozenset(("|", "||", "%", "/", "-", "N"))
_SILENCE: Final = re.compile(r"(?<!\S)N(?!\S)")
_LONGEST: Final = 50_000  # characters of a song that its notation is found from
_KEPT: Final = re.compile(r"<[A-Za-z][A-Za-z0-9_-]{0,63}_\d{1,6}>")


def plain_text(text: str) -> str:
    """Reduce a text in a notation of people to its chord symbols and section tags.

    Examples
    --------
    >>> plain_text("[Verse 2] | Am . F | C, G7 | N.C. % | {start_of_chorus} Dm - G :|| x2")
    '<verse_2> Am F C G7 <chorus_1> Dm G'
    """
    tokens = [_by_itself(token) for token in text.split()]
    return _reduced(text) if None in tokens else " ".join(filter(None, tokens))


@lru_cache(maxsize=1 << 16)
def _by_itself(token: str) -> str | None:
    """Give what is left of a token whatever stands beside it; None where that matters."""
    if token in _PLAIN_MARKS:
        return ""
    is_chord = (parse_leadsheet(token) or parse_harte(token)) and token == _reduced(token)
    return token if is_chord or _KEPT.fullmatch(token) else None


def _reduced(text: str) -> str:
    same = _QUOTED.sub(" ", text.translate(_SAME))
    headed = _pieces(same, lambda part: _NAMED.sub(_named_tag, _HEADING.sub(_tag, part)))
    return " ".join(_pieces(headed, _without_marks).split())


def _pieces(text: str, change: Callable[[str], str]) -> str:
    """Change what stands between the section tags of a text."""
    parts = [change(part) for part in _KEPT.split(text)]
    return "".join(piece for pair in zip(parts, [*_KEPT.findall(text), ""], strict=True) for piece in pair)


def _without_marks(part: str) -> str:
    """Blank out what is no token; twice, for one sign may stand behind another."""
    chords = _ASIDE.sub(" ", _DIRECTIVE.sub(" ", part))
    return _SILENCE.sub(" ", _BETWEEN.sub(" ", _BETWEEN.sub(" ", chords)))


def _tag(match: re.Match[str]) -> str:
    said = match["opened"] or match["colon"] or match["line"] or match["letter"] or match["directive"]
    name = said or _SHORT[match["short"].lower()]
    number = match["first"] or match["second"] or match["third"] or match["ordinal"] or "1"
    return f" <{_plain_name(name)}_{int(number[:6])}> "


def _plain_name(name: str) -> str:
    """Write a heading as section tags are, without accents."""
    letters = unicodedata.normalize("NFKD", name.strip().lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[ -]", "_", letters)


def _named_tag(match: re.Match[str]) -> str:
    """Make a tag of a heading in any language; what is a chord, or the name of one elsewhere, stays."""
    name = _plain_name(match["name"])
    words = re.split(r"[ -]", match["name"])
    has_chords = any(map(parse_leadsheet, words)) or all(map(foreign_spelling, words))
    if has_chords or not name[:1].isalpha():
        return match[0]
    return f" <{name}_{int(match['number'][:6] or match['ordinal'] or 1)}> "


def plain_texts(chords: pl.Series, notation: Notation) -> pl.Series:
    """Reduce texts to the tokens of their notation; Chordonomicon's are tokens as they stand."""
    if notation is Notation.CHORDONOMICON:
        return chords
    return pl.Series(chords.name, [text and plain_text(text) for text in chords.to_list()], dtype=pl.String)


class Foreign(StrEnum):
    """Spellings that are told, not guessed."""

    GERMAN = "german"
    SOLFEGE = "solfege"
    DEGREES = "degrees"


_GERMAN: Final = re.compile(r"(?:H|[A-G](?:is|es)|As|Es)(?![a-z]*us)([^/]*)(?:/.*)?")
_SOLFEGE: Final = re.compile(r"(?:Do|R[eé]|Mi|Fa|Sol|La|Si|DO|RE|MI|FA|SOL|LA|SI)([#b♯♭]?)([^/]*)(?:/.*)?")
_DEGREE: Final = re.compile(
    r"[b#]?(?:(?:VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)(?:[°o+ø0-9].*)?|[1-7](?:m|-|maj|dim|°|7|sus).*|[1-7])"
)


def foreign_spelling(token: str) -> Foreign | None:
    """Tell what an unknown token looks like.

    Examples
    --------
    >>> [foreign_spelling(text) for text in ("Hm7", "Fis", "Solm", "bVII", "6m", "lyrics")]
    [<Foreign.GERMAN: 'german'>, <Foreign.GERMAN: 'german'>, <Foreign.SOLFEGE: 'solfege'>, \
<Foreign.DEGREES: 'degrees'>, <Foreign.DEGREES: 'degrees'>, None]
    """
    if (match := _GERMAN.fullmatch(token)) and parse_leadsheet("C" + match[1]):
        return Foreign.GERMAN
    if (match := _SOLFEGE.fullmatch(token)) and parse_leadsheet("C" + match[2]):
        return Foreign.SOLFEGE
    return Foreign.DEGREES if _DEGREE.fullmatch(token) else None


@dataclass(frozen=True)
class Detection:
    """Which notation a text is in.

    Attributes
    ----------
    notation
        Chordonomicon's, unless another reads more distinct spellings that it does not than the other way
        round.
    spellings
        Distinct tokens that are no section tag.
    read
        How many of these it reads.
    foreign
        Unknown spellings by what they look like.
    """

    notation: Notation
    spellings: int
    read: int
    foreign: Mapping[Foreign, int]

    @property
    def share(self) -> float:
        """Share of the spellings that is read, 0-1; 1 if there is none."""
        return self.read / self.spellings if self.spellings else 1.0


def detect(texts: Iterable[str | None]) -> Detection:
    """Find out which notation texts are in, from their distinct tokens.

    Parameters
    ----------
    texts
        Chord texts of songs.
    """
    whole = [_beginning(text) for text in texts if text]
    as_it_is = {token for text in whole for token in text.split()}
    own = _reading(as_it_is, Notation.CHORDONOMICON)
    if own.share == 1:
        return own
    plain = {token for text in whole for token in plain_text(text).split()}
    read = {token for token in as_it_is if parse_chord(token)}
    marks = sum(_is_mark(token) for token in as_it_is - read)
    best, most = own, 0
    for notation in (Notation.LEADSHEET, Notation.HARTE):
        of_other = {token for token in plain if PARSERS[notation](token)}
        gain = len(of_other - read) - len(read - of_other) + marks
        if gain > most:
            best, most = _reading(plain, notation), gain
    return best


def _is_mark(token: str) -> bool:
    """Whether a token is a sign between chords; quotation marks stand about anything, and so may a letter."""
    is_letter = len(token) == 1 and token.isalpha() and not _SILENCE.fullmatch(token)
    is_empty = not (_QUOTED.search(token) or plain_text(token))
    return is_empty and not is_letter and parse_section(token) is None


def _beginning(text: str) -> str:
    """Cut a text that is longer than any song, between two tokens."""
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0]


def _reading(spelled: set[str], notation: Notation) -> Detection:
    tokens = [token for token in spelled if parse_section(token) is None]
    unknown = [token for token in tokens if PARSERS[notation](token) is None]
    looks = Counter(look for look in map(foreign_spelling, unknown) if look)
    return Detection(notation, len(tokens), len(tokens) - len(unknown), dict(looks))
