"""The features of many songs as sparse counts: what the trained key finder is fitted to.

The compiled :func:`~etl.chords.kernels.score_keys` sees the same features without writing them down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from etl.chords.key_features import FULL_SECTION, HALVES, MOVES, STATES, states_and_halves
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary


@dataclass(frozen=True)
class FeatureGroup:
    """Counts of one group of features, and what divides them.

    Attributes
    ----------
    counts
        Shape (N, features). Integer counts, except for ``chords``, where an entry is the square root of the
        chord's share of the song.
    divisors
        Shape (N,), at least 1: how many chords or moves the counts are over, or how many chords the sections
        would have if each counted in full.
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
    chord_at = chord_places(tokens, vocabulary)
    chords = Ragged(tokens.values[chord_at], np.searchsorted(chord_at, tokens.offsets))
    filled = chords.lengths > 0
    opens_song, closes_song = chords.offsets[:-1][filled], chords.offsets[1:][filled] - 1
    opens = np.zeros(len(chord_at) + 1, np.bool_)
    opens[opens_song] = True
    opens[np.searchsorted(chord_at, np.flatnonzero(kinds == Kind.SECTION))] = True
    opens_section = np.flatnonzero(opens[:-1])
    closes_section = np.append(opens_section[1:], len(chord_at))[: len(opens_section)] - 1

    state_of_token, half_of_token = states_and_halves(vocabulary)
    states = chords.with_values(state_of_token[chords.values])
    halves = half_of_token[chords.values]
    moves = halves.copy()
    moves[1:] += HALVES * halves[:-1]
    is_move = np.ones(len(moves), np.int32)
    moves[opens_song] = is_move[opens_song] = 0  # nothing comes before a song's first chord

    def state_counts(at: NDArray[np.intp], times: NDArray[np.int32]) -> sparse.csr_array[Any]:
        return _counts(times, states.values[at], np.searchsorted(at, states.offsets), STATES)

    one = np.ones(tokens.rows, np.int64)
    section_ends = np.searchsorted(closes_section, chords.offsets)
    sections = FULL_SECTION * np.maximum(np.diff(section_ends), 1)
    lengths = np.minimum(closes_section - opens_section + 1, FULL_SECTION).astype(np.int32)
    once = np.ones(len(opens_song), np.int32)
    return {
        "chords": FeatureGroup(_root_shares(states), one),
        "moves": FeatureGroup(
            _counts(is_move, moves, chords.offsets, MOVES), np.maximum(chords.lengths - 1, 1)
        ),
        "first": FeatureGroup(state_counts(opens_song, once), one),
        "last": FeatureGroup(state_counts(closes_song, once), one),
        "section_first": FeatureGroup(state_counts(opens_section, lengths), sections),
        "section_last": FeatureGroup(state_counts(closes_section, lengths), sections),
        "section_final_move": FeatureGroup(
            _counts(lengths * is_move[closes_section], moves[closes_section], section_ends, MOVES), sections
        ),
    }


def chord_places(tokens: Ragged, vocabulary: Vocabulary) -> NDArray[np.intp]:
    """Give the places of the values that are known chords, and not the one before them again."""
    is_new = np.ones(len(tokens.values), np.bool_)
    is_new[1:] = tokens.values[1:] != tokens.values[:-1]
    is_new[tokens.offsets[:-1][tokens.lengths > 0]] = True
    return np.flatnonzero(is_new & (vocabulary.kinds[tokens.values] == Kind.CHORD))


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
