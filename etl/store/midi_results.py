"""What goes into the MIDI library's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.store.ledger import Ledger
from etl.store.midi import ANALYZE, IMPORT, SANITIZE, SPLIT
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import duckdb

TABLES: Final = {IMPORT: ("midi_files", "midi_tracks", "midi_tags"), ANALYZE: ("midi_analysis",)}
"""Which tables each task fills."""


def store_batch(
    frames: Mapping[str, pl.DataFrame],
    *,
    run_id: int,
    tasks: Mapping[str, str],
    replaced: Collection[str],
    force: bool,
) -> Write:
    """Store what was found out about some files.

    Parameters
    ----------
    frames
        ``midi_files``, ``midi_tracks``, ``midi_tags``, ``midi_analysis`` (if that was asked for) and
        ``midi_library`` (new copies and parts; the files are in their places), each with the columns of its
        table; ``midi_paths`` without its runs. No content and no path twice.
    run_id
        The run.
    tasks
        The ledger tasks that are done for these files, with their versions.
    replaced
        Those of the tasks that the store may have results of, which are replaced.
    force
        Replace what earlier runs have found out at the same version too, which is left as it is otherwise.
    """
    values = {"run_id": run_id, "tasks": dict(tasks), "replaced": list(replaced), "force": force}
    return Write("etl.store.midi_results:write_batch", frames=frames, values=values)


def replaced_tasks(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, str]) -> list[str]:
    """List the tasks that the store has results of at another version."""
    rows = connection.execute("SELECT DISTINCT task, version FROM ledger").fetchall()
    return [task for task in TABLES if any(t == task and tasks.get(task) not in {None, v} for t, v in rows)]


def write_batch(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`store_batch` says."""
    files, tasks = frames["midi_files"], values["tasks"]
    items = files.select(item="sha256")
    seen = _seen_files(connection, files, values["run_id"]) if values["force"] else None
    _add_paths(connection, frames["midi_paths"], values["run_id"])
    for task, version in tasks.items():
        ledger = Ledger(connection, task, version)
        if task in TABLES:
            fresh = ledger.missing(items, retry_failed=True) if seen is None else _without(items, seen)
            _add_results(ledger, frames, fresh, replace=task in values["replaced"])
            if task == IMPORT:
                _add_tags(connection, _without(frames["midi_tags"], fresh, on="sha256"))
    if frames.get("midi_library") is not None:
        rows = frames["midi_library"]  # noqa: F841 (read by name)
        connection.execute("INSERT INTO midi_library BY NAME SELECT * FROM rows")
    status = pl.when("valid").then(pl.lit("done")).otherwise(pl.lit("skipped"))
    shelved = files.select(item="sha256", status=status)
    for task in tasks.keys() & {SANITIZE, SPLIT}:
        ledger = Ledger(connection, task, tasks[task])
        ledger.record(ledger.missing(shelved))


def _without(rows: pl.DataFrame, items: pl.DataFrame, *, on: str = "item") -> pl.DataFrame:
    return rows.join(items, left_on=on, right_on="item", how="anti", maintain_order="left")


def _add_paths(connection: duckdb.DuckDBPyConnection, paths: pl.DataFrame, run_id: int) -> None:
    seen = paths.with_columns(  # noqa: F841 (read by name)
        first_run=pl.lit(run_id, pl.Int64), last_run=pl.lit(run_id, pl.Int64)
    )
    connection.execute(
        "INSERT INTO midi_paths BY NAME SELECT * FROM seen ON CONFLICT DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in paths.columns if name != "path")
        + ", last_run = excluded.last_run"
    )


def _add_results(
    ledger: Ledger, frames: Mapping[str, pl.DataFrame], fresh: pl.DataFrame, *, replace: bool
) -> None:
    """Store what a task found out about some files."""
    for table in TABLES[ledger.task]:
        rows = frames[table].join(  # noqa: F841 (read by name)
            fresh, left_on="sha256", right_on="item", how="semi", maintain_order="left"
        )
        if replace:  # else there is nothing, and looking for it takes the longer the more there is
            ledger.connection.execute(f"DELETE FROM {table} WHERE sha256 IN (SELECT item FROM fresh)")
        ledger.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    ledger.record(fresh.with_columns(status=pl.lit("done")))


def _add_tags(connection: duckdb.DuckDBPyConnection, tags: pl.DataFrame) -> None:
    """Add what names and folders say of files that are in the store already and were found elsewhere too."""
    if tags.is_empty():
        return
    connection.execute(
        "INSERT INTO midi_tags BY NAME SELECT * FROM tags WHERE source IN ('name', 'folder') AND NOT EXISTS "
        "(FROM midi_tags AS known WHERE known.sha256 = tags.sha256 AND known.tag = tags.tag "
        "AND known.kind = tags.kind AND known.source = tags.source)"
    )


def _seen_files(
    connection: duckdb.DuckDBPyConnection,
    files: pl.DataFrame,
    run_id: int,
) -> pl.DataFrame:
    """Keep of files those that a run has found before, as ``item``."""
    asked = files.select("sha256")  # noqa: F841 (read by name; `files` is a table)
    seen: pl.DataFrame = connection.sql(
        "SELECT DISTINCT sha256 AS item FROM midi_paths "
        "WHERE last_run = ? AND sha256 IN (SELECT sha256 FROM asked)",
        params=[run_id],
    ).pl()
    return seen
