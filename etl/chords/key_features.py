"""What the trained key finder sees of a song: which chords, how they move, where songs and sections rest.

Conventions
-----------
A chord's *state* is its root and one of twelve quality classes, ``12 * root + class``; a *move* is two chords
in a row, each as root and one of five broader classes, ``60 * (5 * root + class) + 5 * root' + class'``.
Counted on pitch classes here, they are read as scale degrees by rotating to each tonic
(:mod:`etl.chords.key_model`). Unknown tokens are passed over. A section begins at a section tag; chords
before the first tag form a section too, and a song without tags is one section.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from etl.chords.ragged import Ragged
from etl.chords.symbols import QUALITIES, Quality
from etl.chords.vocabulary import Kind, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

STATE_CLASSES: Final = ("maj", "6", "7", "maj7", "min", "min7", "min6", "dim", "hdim7", "aug", "sus", "5")
"""Quality classes of a state."""

MOVE_CLASSES: Final = ("major", "dominant", "minor", "diminished", "open")
"""Quality classes of the chords of a move."""

_MOVE_CLASS: Final = dict(
    zip(STATE_CLASSES, (0, 0, 1, 0, 2, 2, 2, 3, 3, 1, 4, 4), strict=True)
)  # augmented triads act as dominants, suspensions and power chords are open

STATES: Final = 12 * len(STATE_CLASSES)
HALVES: Final = 12 * len(MOVE_CLASSES)
MOVES: Final = HALVES * HALVES

GROUP_SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "chords": STATES,
        "moves": MOVES,
        "first": STATES,
        "last": STATES,
        "section_first": STATES,
        "section_last": STATES,
        "section_final_move": MOVES,
    }
)
"""Feature groups in weight order and how many features each has."""


def _state_class(quality: Quality) -> str:
    over_root = quality.semitones
    third, fifth, seventh = over_root.get("3"), over_root["5"], over_root.get("7")
    has_sixth = "6" in over_root or seventh == 9
    if {"2", "4"} & set(quality.degrees):
        return "sus"
    if third is None:
        return "5"
    if third == 3 and fifth == 6:
        return "hdim7" if seventh == 10 else "dim"
    if third == 3:
        return "min7" if seventh else "min6" if has_sixth else "min"
    if fifth == 8:
        return "aug"
    return {10: "7", 11: "maj7"}.get(seventh or 0, "6" if has_sixth else "maj")


_STATE_OF_QUALITY: Final = np.array([STATE_CLASSES.index(_state_class(q)) for q in QUALITIES], np.int32)
_HALF_OF_QUALITY: Final = np.array([_MOVE_CLASS[_state_class(q)] for q in QUALITIES], np.int32)


@dataclass(frozen=True)
class FeatureGroup:
    """Counts of one group of features, and what divides them.

    Attributes
    ----------
    counts
        Shape (N, features). Integer counts, except for ``chords``, where an entry is the square root of the
        chord's share of the song.
    divisors
        Shape (N,), at least 1: how many chords, moves or sections the counts are over.
    """

    counts: sparse.csr_array[Any]
    divisors: NDArray[np.int64]

    def shares(self) -> sparse.csr_array[Any]:
        """Divide the counts, duplicates summed."""
        counts = self.counts.astype(np.float64)
        counts.sum_duplicates()
        return sparse.csr_array(sparse.diags_array(1 / self.divisors) @ counts)


def key_features(tokens: Ragged, vocabulary: Vocabulary) -> dict[str, FeatureGroup]:
    """Count the features of each row of tokens.

    Parameters
    ----------
    tokens
        Token ids, N rows: songs, or sections on their own.
    vocabulary
        What the ids stand for.

    Returns
    -------
    dict
        A :class:`FeatureGroup` for each of :data:`GROUP_SIZES`. A row without chords has no features.
    """
    kinds = vocabulary.kinds[tokens.values]
    chord_at = np.flatnonzero(kinds == Kind.CHORD)
    chords = Ragged(tokens.values[chord_at], np.searchsorted(chord_at, tokens.offsets))
    filled = chords.lengths > 0
    opens_song, closes_song = chords.offsets[:-1][filled], chords.offsets[1:][filled] - 1
    opens = np.zeros(len(chord_at) + 1, np.bool_)
    opens[opens_song] = True
    opens[np.searchsorted(chord_at, np.flatnonzero(kinds == Kind.SECTION))] = True
    opens_section = np.flatnonzero(opens[:-1])
    closes_section = np.append(opens_section[1:], len(chord_at))[: len(opens_section)] - 1

    states = chords.with_values(_by_token(vocabulary, _STATE_OF_QUALITY, len(STATE_CLASSES))[chords.values])
    halves = _by_token(vocabulary, _HALF_OF_QUALITY, len(MOVE_CLASSES))[chords.values]
    moves = halves.copy()
    moves[1:] += HALVES * halves[:-1]
    is_move = np.ones(len(moves), np.int32)
    moves[opens_song] = is_move[opens_song] = 0  # nothing comes before a song's first chord

    def state_counts(at: NDArray[np.intp]) -> sparse.csr_array[Any]:
        ones = np.ones(len(at), np.int32)
        return _counts(ones, states.values[at], np.searchsorted(at, states.offsets), STATES)

    one = np.ones(tokens.rows, np.int64)
    section_ends = np.searchsorted(closes_section, chords.offsets)
    sections = np.maximum(np.diff(section_ends), 1)
    return {
        "chords": FeatureGroup(_root_shares(states), one),
        "moves": FeatureGroup(
            _counts(is_move, moves, chords.offsets, MOVES), np.maximum(chords.lengths - 1, 1)
        ),
        "first": FeatureGroup(state_counts(opens_song), one),
        "last": FeatureGroup(state_counts(closes_song), one),
        "section_first": FeatureGroup(state_counts(opens_section), sections),
        "section_last": FeatureGroup(state_counts(closes_section), sections),
        "section_final_move": FeatureGroup(
            _counts(is_move[closes_section], moves[closes_section], section_ends, MOVES), sections
        ),
    }


def _by_token(vocabulary: Vocabulary, class_of_quality: NDArray[np.int32], classes: int) -> NDArray[np.int32]:
    """``classes * root + class`` of each token, (V,); meaningless where it is no chord."""
    result: NDArray[np.int32] = classes * vocabulary.roots.astype(np.int32)
    result += class_of_quality[vocabulary.qualities]
    return result


def _counts(
    data: NDArray[np.int32], features: NDArray[np.int32], offsets: NDArray[np.int64], size: int
) -> sparse.csr_array[Any]:
    return sparse.csr_array((data, features, offsets), shape=(len(offsets) - 1, size))


_ROWS_AT_ONCE: Final = 8192  # keeps the dense counts below in the processor's cache


def _root_shares(states: Ragged) -> sparse.csr_array[Any]:
    """Square root of each state's share of its row: between share and mere presence."""
    blocks = []
    for start in range(0, states.rows, _ROWS_AT_ONCE):
        offsets = states.offsets[start : start + _ROWS_AT_ONCE + 1]
        block = Ragged(states.values[offsets[0] : offsets[-1]], offsets - offsets[0])
        cells = block.row_of_value * STATES + block.values
        counts = np.bincount(cells, minlength=block.rows * STATES)
        filled = np.flatnonzero(counts)
        row, state = np.divmod(filled, STATES)
        shares = np.sqrt(counts[filled] / block.lengths[row])
        ends = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=block.rows))))
        blocks.append(sparse.csr_array((shares, state, ends), shape=(block.rows, STATES)))
    return sparse.csr_array(sparse.vstack(blocks, format="csr")) if blocks else sparse.csr_array((0, STATES))
