"""Words that belong to a season, and which seasons a day is in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

_SEASONS: Final[dict[tuple[tuple[int, int], tuple[int, int]], str]] = {
    (
        (11, 24),
        (1, 6),
    ): r"christmas|x-?mas|noel|navidad|weihnacht\w*|santa claus|jingle bells?|silent night|yuletide"
    r"|rudolph|mistletoe|advent|o tannenbaum|feliz navidad|winter wonderland|let it snow",
    ((10, 17), (10, 31)): r"halloween",
    ((12, 27), (1, 1)): r"auld lang syne|new year'?s?",
}
"""Words without accents, by the first and the last month and day of their season."""


def out_of_season(day: date) -> str:
    r"""Give a regular expression of the words that are out of season on a day.

    Examples
    --------
    >>> from datetime import date
    >>> [bool(re.search(out_of_season(date(2026, month, 12)), "a jolly christmas")) for month in (7, 12)]
    [True, False]
    """
    today = (day.month, day.day)
    words = [
        pattern
        for (first, last), pattern in _SEASONS.items()
        if not (first <= today <= last if first <= last else today >= first or today <= last)
    ]
    return rf"\b(?:{'|'.join(words)})\b"


def is_of_a_season(text: str) -> bool:
    """Whether a text, folded to lower case without accents, has words of any season.

    Examples
    --------
    >>> is_of_a_season("last christmas"), is_of_a_season("summertime")
    (True, False)
    """
    return re.search(rf"\b(?:{'|'.join(_SEASONS.values())})\b", text) is not None
