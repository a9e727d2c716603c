"""Compiled: give each line of a CSV two more fields that join the texts of a row of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from etl.runtime.jit import kernel
from etl.runtime.jit.intrinsics import copy_bytes, copy_steps, load_word, trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]

_QUOTE, _COMMA, _LF, _SPACE, _BAR = 34, 44, 10, 32, 124
_ONES = np.uint64(0x0101010101010101)


@kernel
def field_bytes(field: Field) -> int:
    """How long the texts of all values are, each with a separator."""
    values, _, _, text_offsets = field
    total = len(values)
    for value in values:
        total += text_offsets[value + 1] - text_offsets[value]
    return total


@kernel
def _append(out: NDArray[np.uint8], at: int, field: Field, row: int, separator: int) -> int:
    values, offsets, text, text_offsets = field
    for i in range(offsets[row], offsets[row + 1]):
        value = values[i]
        if i > offsets[row]:
            out[at] = separator
            at += 1
        start = text_offsets[value]
        size = text_offsets[value + 1] - start
        copy_steps(out, at, text, start, size)
        at += size
    return at


@kernel
def _next_mark(text: NDArray[np.uint8], at: int) -> int:
    """Where the next quote or line feed is, or the length of the text.

    Eight bytes at a time, see Anderson, "Bit Twiddling Hacks": determine if a word has a zero byte.
    """
    while at + 8 <= len(text):
        word = load_word(text, at)
        quote, feed = word ^ (_ONES * np.uint64(_QUOTE)), word ^ (_ONES * np.uint64(_LF))
        marks = ((quote - _ONES) & ~quote | (feed - _ONES) & ~feed) & (_ONES << np.uint64(7))
        if marks:
            return at + (trailing_zeros(marks) >> 3)
        at += 8
    while at < len(text) and text[at] != _QUOTE and text[at] != _LF:
        at += 1
    return at


@kernel
def complete_lines(
    head: NDArray[np.uint8], numerals: Field, fingerprints: Field, out: NDArray[np.uint8]
) -> int:
    """Write the lines of ``head`` with both fields added.

    Parameters
    ----------
    head
        Sound CSV text of N lines that end in a line feed.
    numerals, fingerprints
        Values (T,), row offsets (N + 1,), and the text of each value, as bytes and offsets (V + 1,). Texts
        hold neither quotes nor line ends, those of numerals no commas; ``COPY_STEP`` more bytes follow them.
        Numerals are joined by spaces, fingerprints by bars and quoted; a row without values is an empty
        field.
    out
        Where to write; longer than the lines by ``COPY_STEP`` bytes.

    Returns
    -------
    int
        How many bytes were written.
    """
    at = row = start = 0
    quoted = False
    end = -1
    while True:
        end = _next_mark(head, end + 1)
        if end == len(head):
            return at
        if head[end] == _QUOTE:
            quoted = not quoted
        if head[end] != _LF or quoted:
            continue
        copy_bytes(out, at, head, start, end - start)
        at += end - start
        start = end + 1
        out[at] = _COMMA
        at = _append(out, at + 1, numerals, row, _SPACE)
        out[at] = _COMMA
        at += 1
        if fingerprints[1][row + 1] > fingerprints[1][row]:
            out[at] = _QUOTE
            at = _append(out, at + 1, fingerprints, row, _BAR)
            out[at] = _QUOTE
            at += 1
        out[at] = _LF
        at += 1
        row += 1
