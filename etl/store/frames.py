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


class _Result:
    """The rows of a query and nothing else: Polars asks a relation for more, which leaves it in memory."""

    def __init__(self, relation: duckdb.DuckDBPyRelation) -> None:
        self._relation = relation

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._relation.__arrow_c_stream__(requested_schema)


def read_frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """Run a query; its rows come as a stream of Arrow, as from ``relation.pl()``, but without pyarrow.

    Raises
    ------
    duckdb.Error
        If the query fails.
    """
    import duckdb  # noqa: PLC0415 - the connection has loaded both
    import polars as pl  # noqa: PLC0415

    try:
        return pl.DataFrame(_Result(relation))
    except pl.exceptions.ComputeError as error:  # what fails after the first rows comes through Polars
        said = str(error).removeprefix("got external error: ")
        kind = duckdb.OutOfMemoryException if said.startswith("Out of Memory") else duckdb.Error
        raise kind(said) from error


def insert(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame, then: str = "") -> None:
    """Insert rows, column by name; ``then`` is an ``ON CONFLICT`` clause, if one is needed."""
    rows = ArrowStream(frame)  # noqa: F841 (read by name)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows {then}")
