"""Chord categories: the 49 classes that a Roman numeral falls into."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

CATEGORIES: Final = (
    *("I", "ii", "iii", "IV", "V", "vi", "vii°"),
    *("I7", "ii7", "iii7", "IV7", "V7", "vi7", "vii°7"),
    *("I9", "V9", "IV9", "ii9"),
    *("V/ii", "V/iii", "V/IV", "V/V", "V/vi", "V7/ii", "V7/iii", "V7/IV", "V7/V", "V7/vi"),
    *("i", "ii°", "bIII", "iv", "v", "bVI", "bVII"),
    *("I△7", "ii-7", "iiø7", "IV△7", "V7alt", "bII7", "V13", "I6"),
    *("Isus4", "Vsus4", "Iadd9", "vadd9", "I(no3)"),
    "Other",
)
"""Category names in column order."""

OTHER: Final = CATEGORIES.index("Other")

_INDEX: Final = MappingProxyType({name: index for index, name in enumerate(CATEGORIES)})
_BASS = re.compile(r"/(?:\^.*|6|64|65|43|42)$")
_ALTERED_DOMINANT = re.compile(r"V(?:\+(?:7|9|11|13)|(?:7|9|11|13)[b#]).*")
_ALTERATION = re.compile(r"[b#](?:5|9|11|13)")


def category(numeral: str, *, minor: bool) -> int:
    """Category of a numeral: the first that fits exactly, then by dropping extensions, else ``Other``.

    Parameters
    ----------
    numeral
        As :func:`etl.chords.numerals.numeral` writes it; the bass plays no part.
    minor
        Whether the key is minor. The minor seventh on the second degree is ``ii7`` in major and ``ii-7``
        in minor, where it is borrowed.

    Returns
    -------
    int
        Index into :data:`CATEGORIES`.

    Examples
    --------
    >>> [CATEGORIES[category(n, minor=False)] for n in ("I13/64", "V7b9", "V9/ii", "bVI△7", "#IV")]
    ['I9', 'V7alt', 'V7/ii', 'bVI', 'Other']
    """
    text = _BASS.sub("", numeral)
    if _ALTERED_DOMINANT.fullmatch(text) and "/" not in text:
        return _INDEX["V7alt"]
    if minor and text.startswith("ii7"):
        return _INDEX["ii-7"]
    for candidate in _plainer(text):
        if candidate in _INDEX:
            return _INDEX[candidate]
    return OTHER


def _plainer(text: str) -> list[str]:
    """Spell the chord with ever fewer extensions, down to the triad."""
    head, slash, target = text.partition("/")
    plain = _ALTERATION.sub("", head) if head[0] not in "b#" else head[0] + _ALTERATION.sub("", head[1:])
    forms = [head, plain]
    match = re.fullmatch(
        r"([b#]?[IViv]+[°ø+]?)(△?)(6|7|9|11|13)?((?:add\d+)*)((?:sus[24])?)(\(no3\))?", plain
    )
    if match is None:
        return [head + slash + target]
    stem, major, number, _added, sus, no_third = match.groups(default="")
    if number:
        smaller = ["6"] if number == "6" else [n for n in ("13", "11", "9", "7") if int(n) <= int(number)]
        forms += [f"{stem}{major}{n}{sus}" for n in smaller]
    forms.append(f"{stem}{sus}{no_third}")
    if stem.endswith("ø"):
        forms.append(stem.replace("ø", "°"))
    return [form + slash + target for form in forms]
