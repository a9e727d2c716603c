"""Compiled: split rows of text into words and number the distinct ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from etl.runtime.jit import inlined, kernel
from etl.runtime.jit.intrinsics import load_word, trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLOTS = 1 << 13  # of the hash table at first
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # of FNV-1a
_ONES = np.uint64(0x0101010101010101)
_TOP = np.uint64(1 << 63)
_HALF = np.uint64(32)


@kernel
def number_words(
    text: NDArray[np.uint8], offsets: NDArray[np.int64], secret: np.uint64
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Split rows of text at ASCII white space and number the distinct words as they appear.

    Parameters
    ----------
    text
        UTF-8 of all rows, one after the other.
    offsets
        Where rows begin and end in ``text``.
    secret
        An odd number that keys are multiplied by, so that nobody can make words that collide.

    Returns
    -------
    words
        Shape (T,), the number of each word.
    word_offsets
        Shape (N + 1,).
    spans
        Shape (V, 2): where each distinct word first begins and ends in ``text``.
    """
    rows = len(offsets) - 1
    most = (offsets[rows] - offsets[0] + rows) // 2 + 1
    words = np.empty(most, np.int32)  # memory that is never touched costs nothing
    spans = np.empty((most, 2), np.int64)
    word_offsets = np.zeros(rows + 1, np.int64)
    keys, numbers = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int32)
    total = distinct = 0
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        if end - start + 2 * distinct > len(keys):  # the row might fill the table more than half
            keys, numbers = _grown(keys, numbers, 2 * (end - start + 2 * distinct), secret)
        total, distinct = _number_row(text, start, end, secret, keys, numbers, spans, distinct, words, total)
        word_offsets[row + 1] = total
    return words[:total], word_offsets, spans[:distinct].copy()


@kernel
def _number_row(
    text: NDArray[np.uint8],
    start: int,
    end: int,
    secret: np.uint64,
    keys: NDArray[np.uint64],
    numbers: NDArray[np.int32],
    spans: NDArray[np.int64],
    distinct: int,
    words: NDArray[np.int32],
    total: int,
) -> tuple[int, int]:
    """Find the number of each word of one row, by a hash table with linear probing.

    The key of a word of up to seven bytes is the word itself, below a one; that of a longer word is its
    FNV-1a sum (Fowler, Noll and Vo) with the top bit set, and the bytes are compared too. The end of a
    word is found as in Anderson, "Bit Twiddling Hacks": a byte less than n.
    """
    mask = len(keys) - 1
    at = start
    while at < end:
        first = at
        key = np.uint64(0)
        if at + 8 <= len(text):  # eight bytes at once, up to the first that is no more than a space
            word = load_word(text, at)
            low = (word - _ONES * np.uint64(33)) & ~word & (_ONES << np.uint64(7))
            size = min(trailing_zeros(low) >> 3, end - at) if low else 8
            if size == 0 and text[at] == 32:
                at += 1
                continue
            if 0 < size < 8 and (at + size == end or text[at + size] == 32):
                bits = np.uint64(8 * size)
                key = word & ((np.uint64(1) << bits) - np.uint64(1)) | np.uint64(1) << bits
                at += size
        if key == 0:
            if _is_space(text[at]):
                at += 1
                continue
            key, at = _word_key(text, at, end)
        slot = np.int64((key * secret) >> _HALF) & mask
        while keys[slot] != 0:
            if keys[slot] == key and (key < _TOP or _is_word(text, first, at, spans[numbers[slot]])):
                break
            slot = (slot + 1) & mask
        if keys[slot] == 0:
            keys[slot], numbers[slot] = key, distinct
            spans[distinct, 0], spans[distinct, 1] = first, at
            distinct += 1
        words[total] = numbers[slot]
        total += 1
    return total, distinct


@inlined
def _is_space(byte: int) -> bool:
    return byte == 32 or 9 <= byte <= 13


@kernel
def _word_key(text: NDArray[np.uint8], at: int, end: int) -> tuple[np.uint64, int]:
    """Give the key of the word that begins at a place, and where it ends."""
    first = at
    short, long = np.uint64(0), _BASIS
    while at < end and not _is_space(text[at]):
        short |= np.uint64(text[at]) << np.uint64(8 * min(at - first, 7))
        long = (long ^ np.uint64(text[at])) * _PRIME
        at += 1
    size = at - first
    return (short | np.uint64(1) << np.uint64(8 * size) if size < 8 else long | _TOP), at


@kernel
def _is_word(text: NDArray[np.uint8], start: int, end: int, span: NDArray[np.int64]) -> bool:
    if end - start != span[1] - span[0]:
        return False
    for k in range(end - start):  # noqa: SIM110 -- compiled code knows no generators
        if text[start + k] != text[span[0] + k]:
            return False
    return True


@kernel
def _grown(
    keys: NDArray[np.uint64], numbers: NDArray[np.int32], size: int, secret: np.uint64
) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Move a hash table to one of at least ``size`` slots, a power of two."""
    slots = len(keys)
    while slots < size:
        slots *= 2
    new_keys, new_numbers = np.zeros(slots, np.uint64), np.zeros(slots, np.int32)
    for i in range(len(keys)):
        if keys[i] != 0:
            slot = np.int64((keys[i] * secret) >> _HALF) & (slots - 1)
            while new_keys[slot] != 0:
                slot = (slot + 1) & (slots - 1)
            new_keys[slot], new_numbers[slot] = keys[i], numbers[i]
    return new_keys, new_numbers
