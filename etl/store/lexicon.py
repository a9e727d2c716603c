"""The numbers that the store has given to chord symbols, numerals and section tags, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.chords.lexicon import Lexicon
from etl.chords.notations import Notation
from etl.store.frames import read_frame

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def load_lexicon(connection: duckdb.DuckDBPyConnection) -> Lexicon:
    """Read them all, to go on numbering."""
    numerals = stored_numerals(connection).rows()
    return Lexicon(
        chords={
            (symbol, Notation(notation)): number
            for number, (symbol, notation) in enumerate(
                stored_chords(connection).select("symbol", "notation").rows()
            )
        },
        numerals={(numeral, category): number for number, (numeral, category) in enumerate(numerals)},
        sections={tag: number for number, tag in enumerate(stored_sections(connection)["tag"])},
    )


def stored_chords(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read chord symbols and unknown tokens in the order of their numbers.

    Returns
    -------
    DataFrame
        ``symbol``, ``notation``, ``is_known``; ``root_pc``, ``quality``, ``bass_pc``, null where it is
        unknown.
    """
    return _frame(
        connection,
        "SELECT symbol, notation, is_known, root_pc, quality, bass_pc FROM chord_symbols ORDER BY chord_id",
    )


def stored_numerals(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read ``numeral`` and ``category`` in the order of their numbers."""
    return _frame(connection, "SELECT numeral, category FROM numerals ORDER BY numeral_id")


def stored_sections(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read ``tag`` in the order of the numbers of the tags."""
    return _frame(connection, "SELECT tag FROM sections ORDER BY section_id")


def _frame(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    return read_frame(connection.sql(query))
