"""Frames as the database reads them: streams of Arrow, for which neither pyarrow nor numpy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import polars as pl


class ArrowStream:
    """A frame that a query may read by the name of the variable that holds this, as often as it likes.

    A frame itself would be read through pyarrow, which takes a tenth of a second to import.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        import polars as pl  # noqa: PLC0415 - whoever has a frame has it loaded

        # DuckDB refuses the type of columns of which nothing is known but that they are null.
        self._frame = frame.cast({pl.Null: pl.String})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def insert(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame, then: str = "") -> None:
    """Insert rows, column by name; ``then`` is an ``ON CONFLICT`` clause, if one is needed."""
    rows = ArrowStream(frame)  # noqa: F841 (read by name)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows {then}")
