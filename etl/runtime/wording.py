"""Words for people that more than one floor needs: numbers of things, and text that stays in its line."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Write what names of files may hold and a line may not (breaks, tabs, colours) as escapes.

    Examples
    --------
    >>> one_line("a\nb\x1b[31m")
    'a\\nb\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def number_of(number: int, thing: str) -> str:
    """Write a number of things, given the word for one.

    Examples
    --------
    >>> number_of(1, "file"), number_of(1200, "file"), number_of(0, "entry"), number_of(2, "copy")
    ('1 file', '1,200 files', '0 entries', '2 copies')
    """
    if number != 1:
        thing = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing}"
