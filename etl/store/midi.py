"""The MIDI library's tables: what is known of a file, what is new, what goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.store.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

ANALYZE: Final = "midi.analyze"
SANITIZE: Final = "midi.sanitize"
SPLIT: Final = "midi.split"
ARCHIVE: Final = "midi.archive"

_TABLES: Final = ("midi_files", "midi_analysis", "midi_tracks", "midi_tags")


def unfinished(
    connection: duckdb.DuckDBPyConnection,
    found: pl.DataFrame,
    tasks: Sequence[str],
    version: str,
    run_id: int,
) -> pl.DataFrame:
    """Keep the files on disk that are new, changed, or lack some of the tasks; mark the rest as seen.

    Parameters
    ----------
    connection
        The store.
    found
        ``path``, ``size_bytes``, ``mtime_ns`` and any others.
    tasks, version
        Ledger tasks that must be done for the content, and their version.
    run_id
        The run that sees them.
    """
    known = connection.sql(
        "SELECT found.path FROM found JOIN midi_paths USING (path, size_bytes, mtime_ns) "
        "JOIN ledger ON ledger.item = sha256 AND ledger.version = ? AND list_contains(?, ledger.task) "
        "AND ledger.status IN ('done', 'skipped') GROUP BY ALL HAVING count(*) = ?",
        params=[version, list(tasks), len(tasks)],
    ).pl()
    connection.execute("UPDATE midi_paths SET last_run = ? WHERE path IN (SELECT path FROM known)", [run_id])
    return found.join(known, on="path", how="anti", maintain_order="left")


def has_other_versions(connection: duckdb.DuckDBPyConnection, version: str) -> bool:
    """Whether the store has files that were analysed by another version."""
    query = "SELECT 1 FROM ledger WHERE task = ? AND version <> ? LIMIT 1"
    return connection.execute(query, [ANALYZE, version]).fetchone() is not None


def add_files(
    connection: duckdb.DuckDBPyConnection,
    frames: dict[str, pl.DataFrame],
    paths: pl.DataFrame,
    *,
    version: str,
    run_id: int,
    replace: bool,
) -> pl.DataFrame:
    """Store analysed files; content that the store has already is not stored again.

    Parameters
    ----------
    connection
        The store, in a transaction.
    frames
        Rows for ``midi_files``, ``midi_analysis``, ``midi_tracks``, ``midi_tags``, with ``sha256``.
    paths
        Rows for ``midi_paths``.
    version, run_id
        Of the analysis, and of the run.
    replace
        Replace what the store has of these files; needed if it may have any.

    Returns
    -------
    DataFrame
        ``item``: the content hashes that were new (all of them, with ``replace``).
    """
    ledger = Ledger(connection, ANALYZE, version)
    items = frames["midi_files"].select(item="sha256").unique(maintain_order=True)
    fresh = items if replace else ledger.missing(items, retry_failed=True)
    for table in _TABLES:
        if replace:
            connection.execute(f"DELETE FROM {table} WHERE sha256 IN (SELECT item FROM fresh)")
        rows = frames[table].join(fresh, left_on="sha256", right_on="item", how="semi", maintain_order="left")  # noqa: F841 (read by name)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    ledger.record(fresh.with_columns(status=pl.lit("done")))
    seen = paths.unique("path", keep="last", maintain_order=True).with_columns(  # noqa: F841 (read by name)
        first_run=pl.lit(run_id, pl.Int64), last_run=pl.lit(run_id, pl.Int64)
    )
    connection.execute(
        "INSERT INTO midi_paths BY NAME SELECT * FROM seen ON CONFLICT DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in paths.columns if name != "path")
        + ", last_run = excluded.last_run"
    )
    return fresh
