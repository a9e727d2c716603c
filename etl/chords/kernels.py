"""Compiled loops over the tokens of songs, for what would take many passes over arrays.

Songs are N rows of T values, cut by ``offsets`` (N + 1,); see :class:`~etl.chords.ragged.Ragged`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from etl.runtime.jit import inlined, kernel, load_word, trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

IF_RESOLVED, ALWAYS = 1, 2
"""When a token is an applied dominant in a key."""

_CHORD, _SECTION = 0, 2  # etl.chords.vocabulary.Kind, which compiled code cannot look up

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


@kernel
def row_sums(values: NDArray[np.int32], offsets: NDArray[np.int64], table: NDArray[Any]) -> NDArray[Any]:
    """Sum the rows of ``table`` (V, K) that the values name over each row: (N, K), in the table's dtype.

    Summed in the order of the values, so that a row's sums do not depend on its neighbours.
    """
    rows, columns = len(offsets) - 1, table.shape[1]
    sums = np.zeros((rows, columns), table.dtype)
    for row in range(rows):
        for i in range(offsets[row], offsets[row + 1]):
            value = values[i]
            for k in range(columns):
                sums[row, k] += table[value, k]
    return sums


@inlined
def _add(sums: NDArray[np.int64], weights: NDArray[np.int32], times: int) -> None:
    for k in range(24):
        sums[k] += times * weights[k]


@kernel
def score_keys(
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    kinds: NDArray[np.int16],
    states: NDArray[np.int32],
    halves: NDArray[np.int32],
    tables: tuple[NDArray[np.int32], ...],
) -> NDArray[np.float64]:
    """Score the 24 keys of each row by its features, as :mod:`etl.chords.key_features` defines them.

    Parameters
    ----------
    tokens, offsets
        The songs.
    kinds, states, halves
        Kind, state and half of a move of each distinct token, (V,).
    tables
        Weights of each feature group by pitch class and key, (features, 24), in the order of
        :data:`~etl.chords.key_features.GROUP_SIZES`.

    Returns
    -------
    ndarray
        Shape (N, 24), in units of the weights; zeros for a row without chords.
    """
    of_state, of_move, of_first, of_last, of_opening, of_closing, of_final_move = tables
    rows = len(offsets) - 1
    scores = np.zeros((rows, 24))
    sums = np.zeros((6, 24), np.int64)
    counts = np.zeros(len(of_state), np.int64)
    moves = np.zeros(len(of_move), np.int64)  # how often the row has each, and which it has
    met = np.empty(len(of_move), np.int64)
    size = np.int64(np.sqrt(len(of_move)))  # of the halves that a move is made of
    for row in range(rows):
        length = sections = distinct = 0
        state, half, move = 0, 0, -1
        opens = True
        for i in range(offsets[row], offsets[row + 1]):
            token = tokens[i]
            if kinds[token] != _CHORD:
                opens = opens or kinds[token] == _SECTION
                continue
            if opens:
                if length:
                    sections += 1
                    _add(sums[4], of_closing[state], 1)
                    if move >= 0:
                        _add(sums[5], of_final_move[move], 1)
                _add(sums[3], of_opening[states[token]], 1)
                opens = False
            if length:
                move = size * half + halves[token]
                if moves[move] == 0:
                    met[distinct] = move
                    distinct += 1
                moves[move] += 1
            else:
                _add(sums[1], of_first[states[token]], 1)
            state, half = states[token], halves[token]
            counts[state] += 1
            length += 1
        if not length:
            continue
        sections += 1
        _add(sums[2], of_last[state], 1)
        _add(sums[4], of_closing[state], 1)
        if move >= 0:
            _add(sums[5], of_final_move[move], 1)
        for at in range(distinct):
            _add(sums[0], of_move[met[at]], moves[met[at]])
            moves[met[at]] = 0
        for seen in range(len(counts)):
            if counts[seen]:
                share = np.sqrt(counts[seen] / length)
                for k in range(24):
                    scores[row, k] += share * of_state[seen, k]
        counts[:] = 0
        divisors = (max(length - 1, 1), 1, 1, sections, sections, sections)
        for group in range(6):
            for k in range(24):
                scores[row, k] += sums[group, k] / divisors[group]
        sums[:] = 0
    return scores


@kernel
def symbol_counts(
    tokens: NDArray[np.int32], offsets: NDArray[np.int64], kinds: NDArray[np.int16], unit: float
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Count the distinct chord symbols of each row, and sum ``c log2 c`` over their counts c.

    Returns
    -------
    distinct
        Shape (N,).
    information
        Shape (N,), rounded to whole multiples of 1 / ``unit`` bit before summing, so that the order of the
        symbols does not matter.
    """
    rows = len(offsets) - 1
    distinct = np.zeros(rows, np.int32)
    information = np.zeros(rows, np.int64)
    counts = np.zeros(len(kinds), np.int64)
    for row in range(rows):
        for i in range(offsets[row], offsets[row + 1]):
            counts[tokens[i]] += 1
        for i in range(offsets[row], offsets[row + 1]):
            token = tokens[i]
            count = counts[token]
            counts[token] = 0
            if count and kinds[token] == _CHORD:
                distinct[row] += 1
                information[row] += np.int64(np.rint(count * np.log2(count) * unit))
    return distinct, information


@kernel
def read_tokens(
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    keys: NDArray[np.int8],
    rules: NDArray[np.int8],
    kinds: NDArray[np.int16],
    roots: NDArray[np.int16],
) -> NDArray[np.int32]:
    """Read each token in its key: ``token + V * (key + 24 * applied)``.

    Parameters
    ----------
    tokens, offsets
        The songs.
    keys
        Key of each token, (T,), 0-23.
    rules
        Shape (24, V): :data:`ALWAYS` or :data:`IF_RESOLVED` where a token is applied in a key; then the next
        chord, over section tags, must be a fifth below.
    kinds, roots
        Kind and root of each distinct token, (V,).
    """
    readings = np.empty(len(tokens), np.int32)
    size = len(kinds)
    for row in range(len(offsets) - 1):
        following = -1
        for back in range(offsets[row + 1] - offsets[row]):
            i = offsets[row + 1] - 1 - back
            token = tokens[i]
            rule = rules[keys[i], token]
            is_applied = rule == ALWAYS or (rule == IF_RESOLVED and following == (roots[token] + 5) % 12)
            readings[i] = token + size * (keys[i] + (24 if is_applied else 0))
            if kinds[token] != _SECTION:
                following = roots[token]
    return readings


@kernel
def class_counts(
    values: NDArray[np.int32], offsets: NDArray[np.int64], class_of: NDArray[Any], classes: int
) -> NDArray[np.int32]:
    """Count the values of each class in each row, (N, classes); values of a class below 0 do not count."""
    rows = len(offsets) - 1
    counts = np.zeros((rows, classes), np.int32)
    for row in range(rows):
        for i in range(offsets[row], offsets[row + 1]):
            at = class_of[values[i]]
            if at >= 0:
                counts[row, at] += 1
    return counts
