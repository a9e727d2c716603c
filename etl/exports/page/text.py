"""Text that anybody may have written, as HTML and SVG take it: always text, never markup."""

from __future__ import annotations

import html
import unicodedata
from typing import Final

_WIDE: Final = frozenset("WF")


def escaped(value: object) -> str:
    r"""Write a value as text or as an attribute in double quotes.

    What cannot be printed (line ends, NUL, signs that turn the writing around, stray bytes of file names) is
    shown as the replacement character.

    Examples
    --------
    >>> escaped("</svg><script>\n")
    '&lt;/svg&gt;&lt;script&gt;\ufffd'
    """
    text = str(value)
    if not text.isprintable():
        text = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)
    return html.escape(text, quote=True)


def width(text: str) -> int:
    """Give the columns that a text takes, two for a wide letter."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(mark) in _WIDE else 1 for mark in text)


def shortened(text: str, columns: int) -> str:
    """Cut a text that is wider than so many columns, with an ellipsis.

    Examples
    --------
    >>> shortened("A Long Way Home", 7)
    'A Long…'
    """
    start = text[: columns + 1]  # which is too wide, if there is more
    if width(start) <= columns:
        return text
    kept = 0
    while width(start[: kept + 1]) < columns:
        kept += 1
    return start[:kept].rstrip() + "…"
