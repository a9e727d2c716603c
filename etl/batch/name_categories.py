# ruff: noqa: RUF001 - words of many languages
"""What the name of a sample says it is: drums (and which), melodic, vocals or effects.

A name is cut into words: at everything but letters and digits, where camelCase turns, between letters and
digits, and within words that are known words glued together (``snaredrum``, ``closedhh``). Words of the name
decide before those of its folder, and the folder before those above it; whole words before abbreviations. Of
several, the drum wins (``rave_hihat``), then the voice, then the instrument, unless the last word is an
effect (``synth riser``).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from etl.music.sound_words import ABBREVIATIONS, INSTRUMENTS, MORE_SOUNDS, OTHER_LANGUAGES, ROLES

CATEGORY_VERSION: Final = 4
"""Raised whenever any answer would change."""

DRUMS, MELODIC, VOCALS, FX = "drums", "melodic", "vocals", "fx"
_DRUM_KINDS: Final = ("kick", "snare", "clap", "hat", "cymbal", "tom", "percussion", "drums")
_CATEGORY: Final = {
    **dict.fromkeys(_DRUM_KINDS, DRUMS),
    **dict.fromkeys(
        ("bass", "piano", "keys", "guitar", "strings", "brass", "woodwind", "synth", "lead", "pad", "pluck",
         "arpeggio", "mallet", "melody", "chords", "progression"),
        MELODIC,
    ),
    "voice": VOCALS,
    "fx": FX,
}  # fmt: skip
_SHOWN: Final = {"drums": "loop", "voice": "voice"}
_VAGUE: Final = frozenset({"percussion", "drums", "fx"})
"""Kinds that another word of the name says more exactly."""

_CLAPS: Final = frozenset({"clap", "claps", "handclap"})

NAME_CONFIDENCE, ABBREVIATION_CONFIDENCE, FOLDER_CONFIDENCE = 0.97, 0.93, 0.9

_PHRASES: Final = (
    (r"\b(?:bass|base|kick) ?drums?\b", "kick"),
    (r"\bkick ?bass\b", "bass"),
    (r"\bdrum ?(?:and|n|&) ?bass\b", " "),
    (r"\bsteel ?(?:drums?|pans?)\b", "steeldrum"),
    (r"\b(?:hi|high) ?hats?\b", "hihat"),
    (r"\b(?:side|cross) ?sticks?\b", "sidestick"),
    (r"\b(?:ride|crash|hat) ?(?:bell|edge|bow)s?\b", "ride"),
    (r"\b(?:rim|r) ?shots?\b", "rimshot"),
    (r"\bc ?bells?\b", "cowbell"),
    (r"\bair ?horns?\b", "airhorn"),
    (r"\bgrosse ?(?:caisse|trommel)\b|\bgran ?cassa\b", "grossecaisse"),
    (r"\bcaisse ?claire\b|\bkleine ?trommel\b", "caisseclaire"),
    (r"\bхай ?х[эе]т\b", "хайхэт"),
    (r"\bfinger ?(?:snap|click)s?\b", "snap"),
    (r"\bone ?shots?\b", " "),
    (r"\bdrum ?(?:machine|kit|rack)s?\b", "drums"),
    (r"\bsnare ?bells?\b", "snare"),
    (r"\bcow ?bells?\b", "cowbell"),
    (r"\bwood ?blocks?\b", "woodblock"),
    (r"\bwind ?chimes?\b", "chimes"),
    (r"\bdouble ?bass\b", "contrabass"),
    (r"\b(?:e|electric|rhodes|toy) ?piano\b", "piano"),
    (r"\bbeat ?box(?:ing)?\b", "beatbox"),
    (r"\bhit ?hats?\b", "hihat"),
    (r"\b(?:bass|sub) ?drops?\b", "subdrop"),
    (r"\bwhite ?noise\b", "noise"),
    (r"\b(?:vocal|vox|voice) ?(?:synth|pad|lead)s?\b", "choir"),
    (r"\bsynth ?(?:vox|choir|voice)s?\b", "synth"),
)
_FILLERS: Final = frozenset(
    """
    open closed close pedal acoustic electro electronic analog analogue loop loops hard soft low high mid big
    small short long dry wet hit hits sample samples deep punchy fat dirty clean the my new old room foot
    brush brushes ghost hi lo stereo mono slack roll
    """.split()  # noqa: SIM905
)
_FIRST: Final = frozenset("bd sd sn hh hho hhc hhp cra crs".split())  # noqa: SIM905
"""Abbreviations that decide where they come first, whatever follows: ``bd_boom``."""

_TEMPO: Final = re.compile(r"(?<!\d)(?:[6-9]\d|1\d\d)(?!\d)")
_KEY: Final = re.compile(r"(?<![A-Za-z])[A-G](?:#|b|♯|♭)?_?(?:m|min|minor|maj|major)(?![A-Za-z])")

_RISKY: Final = 2  # letters; abbreviations of so many are also words, keys and initials


@dataclass(frozen=True)
class NameCategory:
    """What a name says.

    Attributes
    ----------
    category
        ``drums``, ``melodic``, ``vocals`` or ``fx``.
    kind
        Which: ``kick``, ``bass`` ...; ``loop`` for drums together.
    confidence
        Share of names that are right where they say it like this.
    """

    category: str
    kind: str
    confidence: float


def _words() -> dict[str, str]:
    words: dict[str, str] = {}
    for vocabulary in (INSTRUMENTS, ROLES, MORE_SOUNDS, OTHER_LANGUAGES):
        for kind, listed in vocabulary.items():
            if kind in _CATEGORY:
                for word in listed.split():
                    words.setdefault(word, kind)
    words.update(dict.fromkeys(_CLAPS, "clap"))
    for word in ("oh", "ch", "bd", "sd", "hh"):
        words.pop(word, None)
    return {**words, "hit": "percussion", "stab": "chords", "beat": "drums", "beats": "drums"}


_WORDS: Final = _words()
_SHORT: Final = {letters: kind for kind, listed in ABBREVIATIONS.items() for letters in listed.split()}
_PARTS: Final = sorted(
    {*(word for word in _WORDS if len(word) > 2), *_FILLERS, "hh", "bd", "drum", "drums"},
    key=len,
    reverse=True,
)
_REST: Final = frozenset({*_WORDS, *_FILLERS, "hh", "bd", "drum"})
_FOREIGN: Final = sorted((word for word in _WORDS if not word.isascii()), key=len, reverse=True)
"""Words in other letters than Latin ones, which stand within longer ones, the longest first."""

_ENDS: Final = (
    "kick", "snare", "hihat", "clap", "cymbal", "crash", "drum", "perc", "bass", "vocal", "synth", "guitar",
    "piano",
)  # fmt: skip
"""Words that longer ones begin or end with: ``fanbass``, ``drumx``."""

_WEAK: Final = frozenset(
    """
    hit click clicks tick bell rise fall break ambi 808 909 tune tap stab chat seq sequence
    """.split()  # noqa: SIM905
)
"""Words that say something only where no other does."""

_TOGETHER: Final = frozenset({"kit", "kits", "rhythm"})
"""Words for drums that also stand for what belongs to a tune (``KIT_1_Piano``, ``guitar_rhythm``)."""


def name_category(name: str, folder: str = "") -> NameCategory | None:
    """Say what a name says.

    Parameters
    ----------
    name
        Of the file, with or without its ending.
    folder
        The folders above it, joined by ``/``.

    Examples
    --------
    >>> [name_category(name).kind for name in ("BD01.wav", "hh_open3.wav", "snaredrum.wav")]
    ['kick', 'hat', 'snare']
    >>> name_category("01.wav", "Pack/Claps").kind, name_category("01.wav") is None
    ('clap', True)
    """
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    folders = [part for part in re.split(r"[/\\]", folder) if part]
    is_drum_folder = any((said := _said(part, loose=False)) and said[0] in _DRUM_KINDS for part in folders)
    said = _said(stem, loose=is_drum_folder)
    is_doubtful = said is not None and not said[1] and _is_doubtful(stem)
    if said is not None and not said[2] and not is_doubtful:
        return _made(said[0], NAME_CONFIDENCE if said[1] else ABBREVIATION_CONFIDENCE)
    for part in reversed(folders):
        above = _said(part, loose=False)
        if above is not None and (not above[2] or _is_alone(part)):
            if is_doubtful and not above[1]:
                break  # neither says it in a word: the name is nearer
            if said is not None and _CATEGORY[said[0]] == _CATEGORY[above[0]]:
                above = said if above[0] in _VAGUE else above
            return _made(above[0], FOLDER_CONFIDENCE)
    if said is None:
        return None
    return _made(said[0], ABBREVIATION_CONFIDENCE if is_doubtful else FOLDER_CONFIDENCE)


def _is_doubtful(stem: str) -> bool:
    """Whether two letters among other words, as of a synthesizer (``TB``), could mean something else."""
    letters = [each for each in _tokens(_plain(stem)) if not each.isdigit()]
    return len(letters) > 1 and not any(
        each in _SHORT and (len(each) > _RISKY or each in _FIRST or each == "hh") for each in letters
    )


def _is_alone(part: str) -> bool:
    """Whether a folder is called by one word, whatever number follows: ``Sequence 2``."""
    return sum(not each.isdigit() for each in _tokens(_plain(part))) == 1


def _made(kind: str, confidence: float) -> NameCategory:
    return NameCategory(_CATEGORY[kind], _SHOWN.get(kind, kind), confidence)


@lru_cache(maxsize=65_536)
def _said(text: str, *, loose: bool) -> tuple[str, bool, bool] | None:
    """Give the kind that a text says, whether by a whole word, and whether by weak ones alone."""
    text = _plain(text)
    tokens = _tokens(text)
    if tokens and tokens[0] in _FIRST:
        return _SHORT[tokens[0]], False, False
    whole: list[tuple[str, str]] = []
    for token in tokens:
        whole += [(part, _WORDS[part]) for part in _glued(token) if part in _WORDS]
    strong = [(word, kind) for word, kind in whole if word not in _WEAK]
    if strong:
        exact = [(word, kind) for word, kind in strong if word not in _TOGETHER]
        return _decided([kind for _, kind in exact or strong]), True, False
    short = _abbreviated(text, tokens, loose=loose)
    if short is not None:
        return short, False, False
    if whole:
        return _decided([kind for _, kind in whole]), True, True
    # Makers of packs write tempo and key into the names of what has notes, and often nothing else.
    return ("melody", False, True) if _TEMPO.search(text) and _KEY.search(text) else None


def _plain(text: str) -> str:
    """Give a text in letters as names are compared: composed, of usual width, Latin ones without accents."""
    if text.isascii():
        return text
    return "".join(
        base if (base := unicodedata.normalize("NFD", each)[0]).isascii() else each
        for each in unicodedata.normalize("NFKC", text)
    )


def _tokens(text: str) -> list[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z]{2,})", r"\1 \2", spaced).lower()
    spaced = re.sub(r"[^\w&]|_", " ", spaced)
    spaced = re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", spaced)
    spaced = re.sub(r"\btb ?303\b", "303", spaced)
    spaced = re.sub(r"\s+", " ", spaced)
    for pattern, word in _PHRASES:
        spaced = re.sub(pattern, f" {word} ", spaced)
    return spaced.split()


@lru_cache(maxsize=65_536)
def _glued(token: str) -> tuple[str, ...]:
    """Give the known words that a word is made of; itself where it is known, nothing where that fails."""
    if token in _WORDS:
        return (token,)
    if not token.isascii():  # Chinese, Japanese and Korean write words together, Russian declines them
        return tuple(word for word in _FOREIGN if word in token)[:1]
    if len(token) < 5 or not token.isalpha():
        return ()
    for part in _PARTS:
        rest = token.removeprefix(part)
        if rest and rest != token and (others := (rest,) if rest in _REST else _glued(rest)):
            return _as_one((part, *others))
    return tuple(word for word in _ENDS if token.endswith(word) or token.startswith(word))[:1]


def _as_one(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Read words that are glued together: ``bassdrum`` is a kick, ``snaredrum`` a snare."""
    if parts in {("bass", "drum"), ("kick", "drum"), ("bass", "drums")}:
        return ("kick",)
    if parts[-1] in {"drum", "drums"} and parts[0] in _WORDS:
        return parts[:-1]
    return tuple({"hh": "hihat", "bd": "kick"}.get(part, part) for part in parts)


def _abbreviated(text: str, tokens: list[str], *, loose: bool) -> str | None:
    """Read letters that stand for a drum: alone with numbers, in capitals, or in a folder of drums."""
    letters = [each for each in tokens if not each.isdigit()]
    for word in letters:
        kind = _SHORT.get(word)
        if kind is None:
            continue
        is_alone = len(letters) == 1
        is_capital = (
            len(word) > 1 and re.search(rf"(?<![A-Za-z]){word.upper()}(?![A-Za-z])", text) is not None
        )
        if loose or is_alone or is_capital or len(word) > _RISKY or word in {"bd", "sd", "hh"}:
            if word == "hc" and re.search("808|909", text):  # the high conga
                return "percussion"
            return kind
    return None


def _decided(kinds: list[str]) -> str:
    """Choose among what several words say."""
    if kinds[-1] == "fx" and not any(kind in _DRUM_KINDS or kind == "voice" for kind in kinds[:-1]):
        return "fx"
    exact = [kind for kind in kinds if kind not in _VAGUE]
    for group in (
        [kind for kind in exact if kind in _DRUM_KINDS],
        [kind for kind in ("drums", "percussion") if kind in kinds][:1],
        [kind for kind in exact if kind == "voice"],
        [kind for kind in exact if _CATEGORY[kind] == MELODIC],
    ):
        if group:
            return group[-1]
    return kinds[-1]
