"""Compiled loops over the tokens of songs, for what would take many passes over arrays.

Songs are N rows of T values, cut by ``offsets`` (N + 1,); see :class:`~etl.chords.ragged.Ragged`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from etl.runtime.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

IF_RESOLVED, ALWAYS, LEADING = 1, 2, 3
"""When a token is applied in a key: a dominant if it resolves, or always; a leading-tone chord if it does."""

_CHORD, _SECTION = 0, 2  # etl.chords.vocabulary.Kind, which compiled code cannot look up


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
    full_section: int,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
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
    full_section
        :data:`~etl.chords.key_features.FULL_SECTION`.

    Returns
    -------
    scores
        Shape (N, 24), in units of the weights; zeros for a row without chords.
    lengths
        Shape (N,), how many known chords each row has, repeats left out.
    """
    of_state, of_move, of_first, of_last, of_opening, of_closing, of_final_move = tables
    rows = len(offsets) - 1
    scores = np.zeros((rows, 24))
    lengths = np.zeros(rows, np.int32)
    sums = np.zeros((6, 24), np.int64)
    counts = np.zeros(len(of_state), np.int64)
    moves = np.zeros(len(of_move), np.int64)  # how often the row has each, and which it has
    met = np.empty(len(of_move), np.int64)
    size = np.int64(np.sqrt(len(of_move)))  # of the halves that a move is made of
    for row in range(rows):
        length = sections = distinct = begun = 0
        state, half, move, opening = 0, 0, -1, 0
        opens, before = True, -1
        for i in range(offsets[row], offsets[row + 1]):
            token, repeated = tokens[i], before
            before = token
            if token == repeated:
                continue
            if kinds[token] != _CHORD:
                opens = opens or kinds[token] == _SECTION
                continue
            if opens:
                if length:
                    sections += 1
                    times = min(length - begun, full_section)
                    _add(sums[3], of_opening[opening], times)
                    _add(sums[4], of_closing[state], times)
                    if move >= 0:
                        _add(sums[5], of_final_move[move], times)
                opening, begun = states[token], length
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
        lengths[row] = length
        if not length:
            continue
        sections += 1
        times = min(length - begun, full_section)
        _add(sums[2], of_last[state], 1)
        _add(sums[3], of_opening[opening], times)
        _add(sums[4], of_closing[state], times)
        if move >= 0:
            _add(sums[5], of_final_move[move], times)
        for at in range(distinct):
            _add(sums[0], of_move[met[at]], moves[met[at]])
            moves[met[at]] = 0
        for seen in range(len(counts)):
            if counts[seen]:
                share = np.sqrt(counts[seen] / length)
                for k in range(24):
                    scores[row, k] += share * of_state[seen, k]
        counts[:] = 0
        full = sections * full_section
        divisors = (max(length - 1, 1), 1, 1, full, full, full)
        for group in range(6):
            for k in range(24):
                scores[row, k] += sums[group, k] / divisors[group]
        sums[:] = 0
    return scores, lengths


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
    basses: NDArray[np.int16],
) -> NDArray[np.int32]:
    """Read each token in its key: ``token + V * (key + 24 * applied)``.

    Parameters
    ----------
    tokens, offsets
        The songs.
    keys
        Key of each token, (T,), 0-23.
    rules
        Shape (24, V): :data:`ALWAYS`, :data:`IF_RESOLVED` or :data:`LEADING` where a token is applied in a
        key, 0 where it never is; what resolves a chord is in docs/numerals.md. Section tags and repeats of a
        chord are passed over.
    kinds, roots, basses
        Kind, root and bass of each distinct token, (V,).
    """
    readings = np.empty(len(tokens), np.int32)
    size = len(kinds)
    for row in range(len(offsets) - 1):
        current = following = after = -1  # the token that is read, what follows it, and what follows that
        for back in range(offsets[row + 1] - offsets[row]):
            i = offsets[row + 1] - 1 - back
            token, of_key = tokens[i], rules[keys[i]]
            if kinds[token] != _SECTION and token != current:
                current, following, after = token, current, following
            rule = of_key[token]
            is_applied = rule == ALWAYS
            if rule != 0 and not is_applied and following >= 0:
                is_applied = _resolves(token, following, after, of_key, roots, basses)
            readings[i] = token + size * (keys[i] + (24 if is_applied else 0))
    return readings


@inlined
def _target(token: int, rule: int, roots: NDArray[np.int16]) -> int:
    """Root that an applied chord leads to."""
    return (int(roots[token]) + (1 if rule == LEADING else 5)) % 12


@inlined
def _resolves(
    token: int,
    following: int,
    after: int,
    rules: NDArray[np.int8],
    roots: NDArray[np.int16],
    basses: NDArray[np.int16],
) -> bool:
    """Whether a chord leads to its target at once, or after one chord that keeps it waiting."""
    rule = rules[token]
    target = _target(token, rule, roots)
    if roots[following] == target or (rule == LEADING and basses[following] == target):
        return True
    if after < 0 or roots[after] != target:
        return False
    is_cadential = basses[following] == target and roots[following] == (target + 5) % 12
    leads_too = rules[following] != 0 and _target(following, rules[following], roots) == target
    return is_cadential or leads_too


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


@kernel
def part_tokens(
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    numerals: NDArray[np.int32],
    kinds: NDArray[np.int16],
    token_number: NDArray[np.int32],
    numeral_number: NDArray[np.int32],
) -> tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
]:
    """Part each row's section tags from its chords and unknown tokens, and number them anew.

    Parameters
    ----------
    tokens, offsets
        The songs.
    numerals
        Numeral of each token, (T,).
    kinds, token_number
        Kind and new number of each distinct token, (V,).
    numeral_number
        New number of each distinct numeral.

    Returns
    -------
    chords, chord_numerals
        New numbers, (C,) each.
    chord_offsets
        Shape (N + 1,).
    tags, starts
        New number of each tag, and how many chords of its row stand before it, (S,) each.
    tag_offsets
        Shape (N + 1,).
    """
    rows, total = len(offsets) - 1, len(tokens)
    chords, chord_numerals = np.empty(total, np.int32), np.empty(total, np.int32)
    tags, starts = np.empty(total, np.int32), np.empty(total, np.int32)
    chord_offsets, tag_offsets = np.zeros(rows + 1, np.int64), np.zeros(rows + 1, np.int64)
    chord = tag = 0
    for row in range(rows):
        first = chord
        for i in range(offsets[row], offsets[row + 1]):
            token = tokens[i]
            if kinds[token] == _SECTION:
                tags[tag], starts[tag] = token_number[token], chord - first
                tag += 1
            else:
                chords[chord] = token_number[token]
                chord_numerals[chord] = numeral_number[numerals[i]]
                chord += 1
        chord_offsets[row + 1], tag_offsets[row + 1] = chord, tag
    return chords[:chord], chord_numerals[:chord], chord_offsets, tags[:tag], starts[:tag], tag_offsets


@kernel
def open_tags(
    chord_offsets: NDArray[np.int64],
    tags: NDArray[np.int32],
    starts: NDArray[np.int32],
    tag_offsets: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Give each chord the last tag that stands before it in its row, (C,), -1 where none does.

    The parameters are those that :func:`part_tokens` returns.
    """
    rows = len(chord_offsets) - 1
    opened = np.empty(chord_offsets[rows], np.int32)
    for row in range(rows):
        tag, current = tag_offsets[row], -1
        for i in range(chord_offsets[row], chord_offsets[row + 1]):
            while tag < tag_offsets[row + 1] and starts[tag] <= i - chord_offsets[row]:
                current = tags[tag]
                tag += 1
            opened[i] = current
    return opened
