"""Ragged columns as flat arrays."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.chords.ragged import Ragged

rows = st.lists(st.lists(st.integers(0, 4), max_size=6), max_size=8)


def ragged(lists: list[list[int]]) -> Ragged:
    """View lists as a ragged array."""
    return Ragged.from_series(pl.Series(lists, dtype=pl.List(pl.Int32)))


@settings(max_examples=150, deadline=None)
@given(rows)
def test_a_list_column_comes_back_as_it_was(lists: list[list[int]]) -> None:
    """From a series and back, empty rows included."""
    found = ragged(lists)
    assert found.to_series().to_list() == lists
    assert found.rows == len(lists)
    assert found.lengths.tolist() == [len(row) for row in lists]
    assert found.row_of_value.tolist() == [i for i, row in enumerate(lists) for _ in row]


@settings(max_examples=150, deadline=None)
@given(rows, st.integers(0, 8), st.integers(0, 8))
def test_a_slice_of_a_column_is_a_column(lists: list[list[int]], start: int, length: int) -> None:
    """Offsets of a slice begin at zero again, over several chunks as well."""
    series = pl.concat([pl.Series(lists, dtype=pl.List(pl.Int32))] * 2, rechunk=False)
    sliced = Ragged.from_series(series.slice(start, length))
    assert sliced.offsets[0] == 0
    assert sliced.to_series().to_list() == (lists * 2)[start : start + length]


@settings(max_examples=150, deadline=None)
@given(rows, st.integers(0, 4))
def test_where_keeps_the_rows(lists: list[list[int]], unwanted: int) -> None:
    """Values go, rows stay, perhaps empty."""
    found = ragged(lists)
    kept = found.where(found.values != unwanted)
    assert kept.to_series().to_list() == [[v for v in row if v != unwanted] for row in lists]
    assert found.to_series().to_list() == lists


@settings(max_examples=150, deadline=None)
@given(rows, st.data())
def test_named_rows_get_one_value_instead(lists: list[list[int]], data: st.DataObject) -> None:
    """The other rows stay, wherever the named ones stand."""
    named = data.draw(st.lists(st.booleans(), min_size=len(lists), max_size=len(lists)))
    at = np.flatnonzero(named)
    expected = [[9 + i] if named[i] else row for i, row in enumerate(lists)]
    assert ragged(lists).instead(at, 9 + at).to_series().to_list() == expected


def test_values_are_replaced_one_for_one() -> None:
    """New values of another type stay in their rows."""
    found = ragged([[1, 2], [], [3]])
    assert found.with_values(found.values * 0.5).to_series().to_list() == [[0.5, 1.0], [], [1.5]]


def test_values_are_a_view() -> None:
    """No copy is made of a column in one chunk."""
    series = pl.Series([[1, 2], [3]], dtype=pl.List(pl.Int32))
    assert np.shares_memory(Ragged.from_series(series).values, Ragged.from_series(series).values)


def test_values_cannot_be_changed_in_place() -> None:
    """Ragged arrays share memory with columns, which are immutable."""
    with pytest.raises(ValueError, match="read-only"):
        ragged([[1]]).values[0] = 2
