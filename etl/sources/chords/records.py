"""Where the records of CSV text begin and end, also where quotes are broken.

Rules
-----
A field that opens with a quote ends at the next quote that is not doubled, which a delimiter or the end of
the line must follow; it may hold line breaks. A quote inside a field that does not open with one stands for
itself. A record may span 100 lines (:data:`SURE_RECORD_LINES`) as long as it then has the right number of
fields, and many more if the lines within it do not look like records themselves; otherwise its first line is
refused alone, so that one open quote costs no other record.

What becomes of a record depends on its own lines and the few that follow, never on where blocks are cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from etl.sources.chords.files import Source

SURE_RECORD_LINES: Final = 100
MAX_RECORD_LINES: Final = 10_000
_DECEPTIVE: Final = 0.5  # share of the lines within a record that look like records, above which they are

_QUOTE, _LF, _CR = (ord(character) for character in '"\n\r')

OPEN_QUOTE: Final = ("quoting", "a quoted field is not closed, or text follows its closing quote")
BARE_RETURN: Final = ("line break", "a carriage return stands in a field without quotes")


@dataclass(frozen=True)
class Shape:
    """What the records of a file look like.

    Attributes
    ----------
    width
        Fields of a record.
    delimiter
        What stands between them; empty where each line is a record, as in JSON lines.
    """

    width: int
    delimiter: bytes = b","

    @classmethod
    def of(cls, source: Source) -> Self:
        """Shape of the records of a text file."""
        return cls(len(source.columns), source.delimiter.encode("latin-1") if source.kind == "csv" else b"")


@cache
def _patterns(delimiter: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """One record, and one field of a record."""
    comma = re.escape(delimiter)
    # Before Python 3.11.5 a possessive repetition of what has alternatives matches too much or too little.
    field = rb'(?:"[^"]*+(?:""[^"]*+)*+"(?=[%b\r\n]|\Z)|(?!")[^%b\r\n]*+)' % (comma, comma)
    record = re.compile(rb"%b(?:%b%b)*(?=\r*+(?:\n|\Z))" % (field, comma, field))
    return record, re.compile(rb"(?:^|%b)%b" % (comma, field))


@dataclass(frozen=True, slots=True)
class Record:
    """One record, or one line that could not be read as a record.

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


def count_records(data: bytes | bytearray, shape: Shape) -> int:
    """Count the records of text that begins and ends with one; blank lines are none."""
    if not shape.delimiter:
        return sum(1 for line in data.split(b"\n") if line.strip())
    is_plain = b'"' not in data and b"\n\n" not in data and b"\n\r" not in data
    if is_plain and not data.startswith((b"\n", b"\r")):
        return count_line_ends(data) + (not data.endswith(b"\n"))
    return sum(1 for _ in scan(data, shape))


def has_sound_quotes(data: bytes | bytearray, delimiter: bytes) -> bool:
    """Whether every quote opens or closes a field, or is doubled inside one, and none is left open."""
    if b'"' not in data:
        return True
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    return len(quotes) % 2 == 0 and _in_place(text, quotes, ord(delimiter))


def _in_place(text: NDArray[np.uint8], quotes: NDArray[np.int64], comma: int) -> bool:
    """Whether opening quotes follow a delimiter or line end, and closing ones stand before one."""
    before = text[quotes[::2] - 1]
    if quotes[0] == 0:
        before[0] = _LF
    closing = quotes[1::2]
    after = text[np.minimum(closing + 1, len(text) - 1)]  # a quote at the very end stands before itself
    return bool(
        np.isin(before, (comma, _LF, _QUOTE)).all() and np.isin(after, (comma, _LF, _CR, _QUOTE)).all()
    )


def last_boundary(data: bytes | bytearray, shape: Shape) -> int:
    """Where the last record ends that is sure to be whole; 0 if none is.

    Parameters
    ----------
    data
        Text that begins with a record and may end within one.
    shape
        What records look like.
    """
    last = data.rfind(b"\n") + 1
    if last == 0 or not shape.delimiter or data.find(b'"', 0, last) < 0:
        return last
    text = np.frombuffer(data, np.uint8)[:last]
    quotes = np.flatnonzero(text == _QUOTE)
    breaks = np.flatnonzero(text == _LF)
    outside = np.flatnonzero(np.searchsorted(quotes, breaks) % 2 == 0)
    inside = len(breaks) - (outside[-1] + 1 if len(outside) else 0)  # lines of the record that is not whole
    if inside <= SURE_RECORD_LINES and _in_place(text, quotes, ord(shape.delimiter)):
        return int(breaks[outside[-1]]) + 1 if len(outside) else 0
    boundary = 0
    for record in scan(data[:last], shape, more=True):
        boundary = data.index(b"\n", record.end) + 1
    return boundary


def scan(data: bytes | bytearray, shape: Shape, *, more: bool = False) -> Iterator[Record]:
    """Find the records of ``data`` one after the other; blank lines are none.

    Parameters
    ----------
    data
        Text that begins with a record and ends with one.
    shape
        What records look like. Only records of several lines are held to their width.
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
            record = _quoted_record(data, start, end, shape, more=more)
            if record is None:
                return
            yield record
            end = data.find(b"\n", record.end)
            end = size if end < 0 else end
        start = end + 1


def _quoted_record(
    data: bytes | bytearray, start: int, end: int, shape: Shape, *, more: bool
) -> Record | None:
    """Read the record that begins at ``start``, whose first line has quotes and ends at ``end``.

    None if ``more`` follows that might complete it.
    """
    pattern, field_after = _patterns(shape.delimiter)
    if match := pattern.match(data, start, end):
        return Record(start, match.end(), 1, None)
    limit, lines = _skip_lines(data, end, SURE_RECORD_LINES - 1)
    for most in (SURE_RECORD_LINES, MAX_RECORD_LINES):
        if most > SURE_RECORD_LINES:
            if limit == len(data) or _looks_like_records(data[end + 1 : limit], shape):
                break
            limit, further = _skip_lines(data, limit, MAX_RECORD_LINES - lines)
            lines += further
        match = pattern.match(data, start, limit)
        if match and len(field_after.findall(match[0])) == shape.width:
            return Record(start, match.end(), match[0].count(b"\n") + 1, None)
    if more and limit == len(data) and lines < MAX_RECORD_LINES:
        return None
    return Record(start, start + len(data[start:end].rstrip(b"\r")), 1, OPEN_QUOTE)


def _skip_lines(data: bytes | bytearray, end: int, lines: int) -> tuple[int, int]:
    """Where the line ends that is so many after the one that ends at ``end``, and how many there were."""
    for number in range(lines):
        if (after := data.find(b"\n", end + 1)) < 0:
            return len(data), number
        end = after
    return end, lines


def _looks_like_records(lines: bytes | bytearray, shape: Shape) -> bool:
    """Whether most lines have as many delimiters as a record."""
    within = lines.split(b"\n")
    alike = sum(line.count(shape.delimiter) == shape.width - 1 for line in within)
    return alike > _DECEPTIVE * len(within)
