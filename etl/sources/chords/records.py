"""Where the records of CSV text begin and end, also where quotes are broken.

Rules
-----
A field that opens with a quote ends at the next quote that is not doubled, which a comma or the end of the
line must follow; it may hold line breaks. A quote inside a field that does not open with one stands for
itself. A record may span so many lines (:data:`MAX_RECORD_LINES`) as long as it then has the right number of
fields; otherwise its first line is refused alone, so that one open quote costs no other record.

What becomes of a record depends on its own lines and the few that follow, never on where blocks are cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_RECORD_LINES: Final = 100

_QUOTE, _COMMA, _LF, _CR = (ord(character) for character in '",\n\r')
_FIELD: Final = rb'(?:"(?:[^"]|"")*+"(?=[,\r\n]|\Z)|(?!")[^,\r\n]*+)'
_RECORD = re.compile(rb"%b(?:,%b)*+(?=\r*+(?:\n|\Z))" % (_FIELD, _FIELD))
_FIELD_AFTER = re.compile(rb"(?:^|,)%b" % _FIELD)

OPEN_QUOTE: Final = ("quoting", "a quoted field is not closed, or text follows its closing quote")
BARE_RETURN: Final = ("line break", "a carriage return stands in a field without quotes")


@dataclass(frozen=True, slots=True)
class Record:
    """One record, or one line that is none.

    Attributes
    ----------
    start, end
        Where its text is, without the line end.
    lines
        How many lines it takes.
    problem
        Category and reason if it is refused, else None.
    """

    start: int
    end: int
    lines: int
    problem: tuple[str, str] | None


def count_line_ends(data: bytes | bytearray) -> int:
    """Count the line feeds, without holding the interpreter lock for long."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == _LF))


def has_sound_quotes(data: bytes | bytearray) -> bool:
    """Whether every quote opens or closes a field, or is doubled inside one, and none is left open."""
    if b'"' not in data:
        return True
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    return len(quotes) % 2 == 0 and _in_place(text, quotes)


def _in_place(text: NDArray[np.uint8], quotes: NDArray[np.int64]) -> bool:
    """Whether opening quotes follow a comma or line end, and closing ones stand before one."""
    before = text[quotes[::2] - 1]
    if quotes[0] == 0:
        before[0] = _LF
    closing = quotes[1::2]
    after = text[np.minimum(closing + 1, len(text) - 1)]  # a quote at the very end stands before itself
    return bool(
        np.isin(before, (_COMMA, _LF, _QUOTE)).all() and np.isin(after, (_COMMA, _LF, _CR, _QUOTE)).all()
    )


def last_boundary(data: bytes | bytearray, width: int) -> int:
    """Where the last record ends that is sure to be whole; 0 if none is.

    Parameters
    ----------
    data
        Text that begins with a record and may end within one.
    width
        Fields of a record.
    """
    last = data.rfind(b"\n") + 1
    if last == 0 or data.find(b'"', 0, last) < 0:
        return last
    text = np.frombuffer(data, np.uint8)[:last]
    quotes = np.flatnonzero(text == _QUOTE)
    breaks = np.flatnonzero(text == _LF)
    outside = np.flatnonzero(np.searchsorted(quotes, breaks) % 2 == 0)
    inside = len(breaks) - (outside[-1] + 1 if len(outside) else 0)  # lines of the record that is not whole
    if inside <= MAX_RECORD_LINES and _in_place(text, quotes):
        return int(breaks[outside[-1]]) + 1 if len(outside) else 0
    boundary = 0
    for record in scan(data[:last], width, more=True):
        boundary = data.index(b"\n", record.end) + 1
    return boundary


def scan(data: bytes | bytearray, width: int, *, more: bool = False) -> Iterator[Record]:
    """Find the records of ``data`` one after the other; blank lines are none.

    Parameters
    ----------
    data
        Text that begins with a record and ends with one.
    width
        Fields of a record. Only records of several lines are held to it.
    more
        Whether more text follows: then stop before a record that it might complete.
    """
    start, size = 0, len(data)
    while start < size:
        end = data.find(b"\n", start)
        end = size if end < 0 else end
        if data.find(b'"', start, end) < 0:
            text_end = start + len(data[start:end].rstrip(b"\r"))
            if text_end > start:
                bare = data.find(b"\r", start, text_end) >= 0
                yield Record(start, text_end, 1, BARE_RETURN if bare else None)
        else:
            record = _quoted_record(data, start, end, width)
            if record.problem and more and data.count(b"\n", start) < MAX_RECORD_LINES:
                return
            yield record
            end = data.find(b"\n", record.end)
            end = size if end < 0 else end
        start = end + 1


def _quoted_record(data: bytes | bytearray, start: int, end: int, width: int) -> Record:
    """Read the record that begins at ``start``, whose first line has quotes and ends at ``end``."""
    match = _RECORD.match(data, start, end)
    if match:
        return Record(start, match.end(), 1, None)
    limit = end
    for _ in range(MAX_RECORD_LINES - 1):
        limit = data.find(b"\n", limit + 1)
        if limit < 0:
            limit = len(data)
            break
    match = _RECORD.match(data, start, limit)
    if match and len(_FIELD_AFTER.findall(match[0])) == width:
        return Record(start, match.end(), match[0].count(b"\n") + 1, None)
    return Record(start, start + len(data[start:end].rstrip(b"\r")), 1, OPEN_QUOTE)
