"""Progressions as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from etl.chords.progressions import mixed_rows, progression_hashes
from etl.chords.ragged import Ragged

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_hashes_know_transposition_enharmonics_and_unknowns():
    """C G = C G; D A is its transposition; an unknown token equals only itself."""
    roots = np.array([0, 7, 2, 9, 1, 1, -1, -1])  # C G D A Cs Db ? ??
    qualities = np.array([0, 0, 0, 0, 0, 0, 8, 9])
    songs: Sequence[Sequence[int]] = [[0, 1], [0, 1], [2, 3], [1, 0], [4, 1], [5, 1], [0, 6], [0, 7], [2, 6]]
    rows = Ragged.from_series(pl.Series(songs, dtype=pl.List(pl.Int32)))
    hashes: tuple[Any, Any] = progression_hashes(rows, roots, qualities, roots)
    as_is, transposed = (values.tolist() for values in hashes)
    assert as_is[0] == as_is[1] != as_is[2]
    assert transposed[0] == transposed[2] != transposed[3]
    assert as_is[4] == as_is[5]
    assert as_is[6] != as_is[7]
    assert transposed[6] == transposed[8] != transposed[7]


def test_order_counts_and_neighbors_do_not():
    """A row has one hash wherever it stands; an empty one has 0."""
    rows: Sequence[Sequence[int]] = [[1, 2], [], [2, 1], [1, 2]]
    first, empty, turned, again = mixed_rows(Ragged.from_series(pl.Series(rows, dtype=pl.List(pl.Int64))))
    assert first == again != turned
    assert empty == 0
