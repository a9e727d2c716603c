"""Which song ids have been seen before, over all blocks of a build."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HALF = np.uint64(32)


class SeenIds:
    """All ids so far.

    A hash table of 64-bit sums finds the suspects; only they are compared by their text.
    """

    def __init__(self) -> None:
        self._table = np.zeros(1 << 16, np.uint64)
        self._ids: list[pl.Series] = []
        self._count = 0
        self._seed = int.from_bytes(os.urandom(7))  # nobody can choose ids whose sums collide

    def repeated(self, ids: pl.Series) -> pl.Series | None:
        """Remember ``ids``, all different, and mark those seen before; None if there are none."""
        sums = ids.hash(self._seed).to_numpy() | np.uint64(1)  # zero is an empty slot
        self._count += len(sums)
        if 2 * self._count > len(self._table):
            table = np.zeros(1 << (4 * self._count).bit_length(), np.uint64)
            _add(table, self._table[self._table != 0])
            self._table = table
        suspect = pl.Series(_add(self._table, sums))
        repeated = None
        if suspect.any():
            repeated = suspect & ids.is_in(pl.concat(self._ids).implode())
        self._ids.append(ids)
        return repeated


@kernel
def _add(table: NDArray[np.uint64], sums: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Enter sums into a table of a power of two slots, and tell which were there."""
    mask = len(table) - 1
    known = np.zeros(len(sums), np.bool_)
    for i in range(len(sums)):
        slot = np.int64(sums[i] >> _HALF) & mask
        while table[slot] != 0 and table[slot] != sums[i]:
            slot = (slot + 1) & mask
        known[i] = table[slot] == sums[i]
        table[slot] = sums[i]
    return known
