"""Ragged columns as flat arrays: one list column of a frame is values plus offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Ragged:
    """Flat values and the offsets that cut them into rows.

    Attributes
    ----------
    values
        Shape (T,).
    offsets
        Shape (N + 1,), int64, from 0 to T.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def from_series(cls, lists: pl.Series) -> Ragged:
        """View a list column of numbers (no nulls) as flat arrays, without a copy."""
        array = lists.rechunk().to_arrow()
        offsets = array.offsets.to_numpy()
        values = array.values.to_numpy(zero_copy_only=False)
        return cls(values[offsets[0] : offsets[-1]], (offsets - offsets[0]).astype(np.int64, copy=False))

    def to_series(self) -> pl.Series:
        """Give the rows back as a list column."""
        array = pa.LargeListArray.from_arrays(pa.array(self.offsets), pa.array(self.values))
        return pl.Series(values=array)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Values in each row, shape (N,)."""
        return np.diff(self.offsets)

    @property
    def row_of_value(self) -> NDArray[np.int32]:
        """Row of each value, shape (T,)."""
        return np.repeat(np.arange(self.rows, dtype=np.int32), self.lengths)

    def with_values(self, values: NDArray[Any]) -> Ragged:
        """Keep the rows, replace the values one for one."""
        return Ragged(values, self.offsets)

    def where(self, mask: NDArray[np.bool_]) -> Ragged:
        """Keep the values that ``mask`` (T,) names; rows may become empty."""
        kept = np.concatenate(([0], np.cumsum(mask)))
        return Ragged(self.values[mask], kept[self.offsets])

    def joined(self, texts: pa.LargeStringArray, separator: str) -> pl.Series:
        """Replace each value by its text and join each row, as one string column.

        Parameters
        ----------
        texts
            Text of each possible value, shape (V,).
        separator
            One ASCII character.
        """
        # Each text carries its separator in front; a row's string is then one slice of the flat buffer.
        lookup = pa.array(separator + pl.Series(values=texts), pa.large_string())
        flat = lookup.take(pa.array(self.values))
        _, text_offsets, data = flat.buffers()
        starts = np.frombuffer(text_offsets, np.int64, len(flat) + 1)[self.offsets]
        rows = pa.LargeStringArray.from_buffers(self.rows, pa.py_buffer(starts), data)
        return pl.Series(values=rows).str.slice(1)
