"""What goes into the MIDI library's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.store.midi import ANALYZE, IMPORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from etl.store.ledger import Ledger

TABLES: Final = {IMPORT: ("midi_files", "midi_tracks", "midi_tags"), ANALYZE: ("midi_analysis",)}
"""Which tables each task fills."""


def has_other_versions(connection: duckdb.DuckDBPyConnection, task: str, version: str) -> bool:
    """Whether the store has results of a task at another version."""
    query = "SELECT 1 FROM ledger WHERE task = ? AND version <> ? LIMIT 1"
    return bool(connection.execute(query, [task, version]).fetchall())


def add_paths(connection: duckdb.DuckDBPyConnection, paths: pl.DataFrame, run_id: int) -> None:
    """Store where files were found (rows of ``midi_paths`` but for the runs)."""
    seen = paths.unique("path", keep="last", maintain_order=True).with_columns(  # noqa: F841 (read by name)
        first_run=pl.lit(run_id, pl.Int64), last_run=pl.lit(run_id, pl.Int64)
    )
    connection.execute(
        "INSERT INTO midi_paths BY NAME SELECT * FROM seen ON CONFLICT DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in paths.columns if name != "path")
        + ", last_run = excluded.last_run"
    )


def add_results(
    ledger: Ledger, frames: Mapping[str, pl.DataFrame], items: pl.DataFrame, *, replace: bool
) -> pl.DataFrame:
    """Store what a task found out about files; what the store has already is not stored again.

    Parameters
    ----------
    ledger
        Of the task, in a transaction.
    frames
        Rows for the tables of the task, with ``sha256``.
    items
        ``item``: the content hashes, each once.
    replace
        Replace what the store has of these files; needed if it may have any.

    Returns
    -------
    DataFrame
        ``item``: the content hashes that were new (all of them, with ``replace``).
    """
    connection = ledger.connection
    fresh = items if replace else ledger.missing(items, retry_failed=True)
    is_known = fresh.height < items.height
    for table in TABLES[ledger.task]:
        if replace:
            connection.execute(f"DELETE FROM {table} WHERE sha256 IN (SELECT item FROM fresh)")
        rows = frames[table]
        if is_known:
            rows = rows.join(fresh, left_on="sha256", right_on="item", how="semi", maintain_order="left")
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    ledger.record(fresh.with_columns(status=pl.lit("done")))
    return fresh


def add_tags(
    connection: duckdb.DuckDBPyConnection,
    tags: pl.DataFrame,  # noqa: ARG001 (read by name)
) -> None:
    """Add what names and folders say of files that are in the store already and were found elsewhere too."""
    connection.execute(
        "INSERT INTO midi_tags BY NAME SELECT * FROM tags WHERE source IN ('name', 'folder') AND NOT EXISTS "
        "(FROM midi_tags AS known WHERE known.sha256 = tags.sha256 AND known.tag = tags.tag "
        "AND known.kind = tags.kind AND known.source = tags.source)"
    )


def seen_files(
    connection: duckdb.DuckDBPyConnection,
    files: pl.DataFrame,  # noqa: ARG001 (read by name)
    run_id: int,
) -> pl.DataFrame:
    """Keep of files (``sha256``) those that a run has found before."""
    seen: pl.DataFrame = connection.sql(
        "SELECT DISTINCT sha256 FROM midi_paths WHERE last_run = ? AND sha256 IN (SELECT sha256 FROM files)",
        params=[run_id],
    ).pl()
    return seen
