"""What the name of a part says it is: drums, something with pitches, or nothing."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from etl.music.sound_words import OTHER_LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

_KIT: Final = ("kick", "snare", "clap", "hat", "cymbal", "tom", "percussion", "drums")


def _words(kinds: Iterable[str]) -> frozenset[str]:
    return frozenset(word for kind in kinds for word in OTHER_LANGUAGES[kind].split())


_DRUM_WORDS: Final = _words(_KIT) | frozenset(
    """
    kit kits kick kicks snare snares hihat hihats hat hats hh cymbal cymbals crash tom toms conga congas
    bongo bongos shaker tambourine cowbell clap claps rimshot timbale timbales bd sd taiko
    """.split()  # noqa: SIM905
)
_DRUM_STEMS: Final = ("drum", "perc")
_PITCHED_WORDS: Final = _words(set(OTHER_LANGUAGES) - {*_KIT, "fx"}) | frozenset(
    """
    bass base bassline sub contrabass piano keys keyboard clav clavinet organ
    rhodes harpsichord accordion guitar guitars gtr banjo ukulele strings
    string violin viola cello harp brass trumpet trombone horn horns tuba sax flute clarinet oboe bassoon
    recorder lead solo pad pads arp melody chord chords vocal vocals vox voice choir marimba
    vibraphone xylophone glockenspiel bell bells timpani
    """.split()  # noqa: SIM905
)
_PITCHED_DRUMS: Final = re.compile(r"steel ?drum|drum ?(?:and|n|&) ?bass|hammond")
_KIT_PIECES: Final = re.compile(r"\bbass ?drums?\b|\bsnare bells?\b|\bride bells?\b|\b(?:bass|guitar) kick\b")
_TURN: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD: Final = re.compile(r"[^\W\d_]+")


class Said(Enum):
    """What a name says."""

    DRUMS = "drums"
    PITCHED = "pitched"
    NOTHING = "nothing"


@lru_cache(maxsize=4096)
def what_is_said(name: str) -> Said:
    """Tell whether a name is one of drums or of a pitched instrument or role.

    Examples
    --------
    >>> [what_is_said(name).value for name in ("DrumKit 1", "Bass Drum", "Steel Drums", "Track 4")]
    ['drums', 'drums', 'pitched', 'nothing']
    """
    text = _TURN.sub(" ", name).lower()
    if _PITCHED_DRUMS.search(text):
        return Said.PITCHED
    if _KIT_PIECES.search(text):
        return Said.DRUMS
    words = _WORD.findall(text)
    drums = any(word in _DRUM_WORDS or word.startswith(_DRUM_STEMS) for word in words)
    pitched = any(word in _PITCHED_WORDS for word in words)
    if drums == pitched:
        return Said.NOTHING
    return Said.DRUMS if drums else Said.PITCHED
