"""Values of the store that are most like what somebody typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

_LEAST: Final = 0.7
"""Jaro-Winkler similarity from which a value may have been meant."""

_MOST: Final = 3
_FEW: Final = 20


def nearest_values(
    connection: duckdb.DuckDBPyConnection, table: str, value: str, text: str, *, short: str | None = None
) -> list[str]:
    """List the values most like a text, whatever their case and accents; those that hold it come first.

    Parameters
    ----------
    connection
        The store.
    table, value
        SQL: a table or view, and an expression over it.
    text
        What was typed.
    short
        Another expression, which may have been typed for the value.

    Returns
    -------
    list of str
        At most three.
    """
    folded = "lower(strip_accents(CAST({} AS VARCHAR)))"
    whole, part = folded.format(value), folded.format(short or value)
    rows = connection.execute(
        "SELECT value FROM "
        f"(SELECT DISTINCT {value} AS value, {whole} AS whole, {part} AS part FROM {table}), "
        f"(SELECT {folded.format('$text')} AS typed), LATERAL (SELECT contains(whole, typed) AS has_it, "
        "list_max([jaro_winkler_similarity(each, typed) for each in [whole, part]]) AS similarity) "
        "WHERE whole <> '' AND (has_it OR similarity >= $least) "
        "GROUP BY value ORDER BY bool_or(has_it) DESC, max(similarity) DESC, value LIMIT $most",
        {"text": text, "least": _LEAST, "most": _MOST},
    ).fetchall()
    return [str(row[0]) for row in rows]


def known_values(connection: duckdb.DuckDBPyConnection, table: str, column: str, text: str) -> str:
    """Say what a column has, in place of a value that it has not: all of few, else what is most like it."""
    rows = connection.execute(
        f"SELECT DISTINCT CAST({column} AS VARCHAR) AS value FROM {table} WHERE {column} IS NOT NULL "
        f"ORDER BY value LIMIT {_FEW + 1}"
    ).fetchall()
    if not rows:
        return "It has none at all."
    if len(rows) <= _FEW:
        return f"It has: {', '.join(row[0] for row in rows)}."
    if near := nearest_values(connection, table, column, text):
        return f"Did you mean {' or '.join(near)}?"
    return f'`etl query "SELECT DISTINCT {column} FROM {table}"` lists what it has.'
