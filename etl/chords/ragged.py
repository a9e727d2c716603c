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
        Shape (T,), read-only.
    offsets
        Shape (N + 1,), int64, from 0 to T, read-only.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("values", "offsets"):  # compiled code is specific to what may be written
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @classmethod
    def from_series(cls, lists: pl.Series) -> Ragged:
        """View a list column of numbers (no nulls) as flat arrays, without a copy."""
        array = lists.rechunk().to_arrow()
        offsets, values = np.from_dlpack(array.offsets), np.from_dlpack(array.values)
        return cls(values[offsets[0] : offsets[-1]], (offsets - offsets[0]).astype(np.int64, copy=False))

    def to_series(self) -> pl.Series:
        """Give the rows back as a list column."""
        return pl.Series(values=pa.LargeListArray.from_arrays(_arrow(self.offsets), _arrow(self.values)))

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

    def instead(self, rows: NDArray[np.intp], values: NDArray[Any]) -> Ragged:
        """Give each of the named rows one value in place of what it has."""
        named = np.zeros(self.rows, np.bool_)
        named[rows] = True
        others = self.where(~np.repeat(named, self.lengths))
        offsets = others.offsets + np.concatenate(([0], np.cumsum(named)))
        return Ragged(np.insert(others.values, others.offsets[rows], values), offsets)


def _arrow(values: NDArray[Any]) -> pa.Array:
    """View an array as Arrow, without the look for pandas that ``pa.array`` begins with."""
    dtype = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(dtype, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
