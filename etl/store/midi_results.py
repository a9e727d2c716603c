"""What goes into the MIDI library's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.store.frames import ArrowStream, insert
from etl.store.ledger import done_items, record_entries
from etl.store.midi import ANALYZE, IMPORT
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import duckdb

FACTS: Final = ("midi_texts", "midi_tempos", "midi_metres", "midi_key_signatures", "midi_signatures")
TABLES: Final = {
    IMPORT: ("midi_files", "midi_tracks", "midi_tags", *FACTS),
    ANALYZE: ("midi_analysis", "midi_part_analysis"),
}
"""Which tables each task fills."""

_KEYS: Final = {
    "midi_files": ("sha256",),
    "midi_tracks": ("sha256", "track", "channel"),
    "midi_tags": ("sha256", "tag", "kind", "source"),
    "midi_analysis": ("sha256",),
    "midi_signatures": ("sha256",),
    **dict.fromkeys(FACTS[:-1], ("sha256", "ordinal")),
    "midi_part_analysis": ("sha256", "track", "channel"),
}
"""What is there once, however often a content was found."""


_COMPRESSION: Final = "SET disabled_compression_methods = 'fsst'"
"""DuckDB tries each on all texts, most of which are hashes here: without this one a burst takes four fifths
of the time, and the store is a twentieth larger."""


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
        ``midi_files``, ``midi_tracks``, ``midi_tags``, `FACTS`, ``midi_analysis`` and ``midi_part_analysis``
        (if these were asked for) and
        ``midi_library`` (new copies and parts; the files are in their places), each with the columns of its
        table; ``midi_paths`` without its runs.
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
    return Write("etl.store.midi_results:write_batch", frames=frames, values=values, adds_up=True)


def replaced_tasks(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, str]) -> list[str]:
    """List the tasks that the store has results of at another version."""
    rows = connection.execute("SELECT DISTINCT task, version FROM ledger").fetchall()
    return [task for task in TABLES if any(t == task and tasks.get(task) not in {None, v} for t, v in rows)]


def write_batch(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`store_batch` says; of a content that comes twice what was found out first."""
    connection.execute(_COMPRESSION)
    once = {
        name: frames[name].unique(keys, keep="first", maintain_order=True)
        for name, keys in _KEYS.items()
        if name in frames
    }
    files, tasks = once["midi_files"], values["tasks"]
    done = done_items(connection, tasks, files.select(item="sha256"))
    if values["force"]:
        done |= dict.fromkeys(TABLES, _seen_files(connection, files, values["run_id"]))
    paths = frames["midi_paths"].unique("path", keep="last", maintain_order=True)
    _add_paths(connection, paths, values["run_id"])
    for task in tasks:
        fresh = _without(files, done[task])
        for table in TABLES.get(task, ()):
            if task in values["replaced"]:  # else there is nothing, and looking for it takes long
                _remove(connection, table, fresh)
            insert(connection, table, _without(once[table], done[task]))
    if (rows := frames.get("midi_library")) is not None:
        insert(connection, "midi_library", rows)
    _add_tags(connection, once["midi_tags"].filter(pl.col("sha256").is_in(done[IMPORT])))
    status = pl.when("valid").then(pl.lit("done")).otherwise(pl.lit("skipped"))
    record_entries(
        connection,
        pl.concat(
            _without(files, done[task]).select(
                item="sha256",
                task=pl.lit(task),
                version=pl.lit(version),
                status=pl.lit("done") if task in TABLES else status,
            )
            for task, version in tasks.items()
        ),
    )


def _without(rows: pl.DataFrame, digests: list[str]) -> pl.DataFrame:
    return rows.filter(~pl.col("sha256").is_in(digests)) if digests else rows


def _add_paths(connection: duckdb.DuckDBPyConnection, paths: pl.DataFrame, run_id: int) -> None:
    updates = [f"{name} = excluded.{name}" for name in (*paths.columns, "last_run") if name != "path"]
    updates.append("gone_at = NULL")
    run = pl.lit(run_id, pl.Int64)
    insert(
        connection,
        "midi_paths",
        paths.with_columns(first_run=run, last_run=run),
        f"ON CONFLICT DO UPDATE SET {', '.join(updates)}",
    )


def _remove(connection: duckdb.DuckDBPyConnection, table: str, files: pl.DataFrame) -> None:
    old = ArrowStream(files.select("sha256"))  # noqa: F841 (read by name)
    connection.execute(f"DELETE FROM {table} WHERE sha256 IN (SELECT sha256 FROM old)")


def _add_tags(connection: duckdb.DuckDBPyConnection, tags: pl.DataFrame) -> None:
    """Add what names and folders say of files that are in the store already and were found elsewhere too."""
    if tags.is_empty():
        return
    rows = ArrowStream(tags)  # noqa: F841 (read by name)
    connection.execute(
        "INSERT INTO midi_tags BY NAME SELECT * FROM rows WHERE source IN ('name', 'folder') AND NOT EXISTS "
        "(FROM midi_tags AS known WHERE known.sha256 = rows.sha256 AND known.tag = rows.tag "
        "AND known.kind = rows.kind AND known.source = rows.source)"
    )


def _seen_files(connection: duckdb.DuckDBPyConnection, files: pl.DataFrame, run_id: int) -> list[str]:
    """List those of some files that a run has found before."""
    asked = ArrowStream(files.select("sha256"))  # noqa: F841 (read by name)
    rows = connection.execute(
        "SELECT DISTINCT sha256 FROM midi_paths WHERE last_run = ? AND sha256 IN (SELECT sha256 FROM asked)",
        [run_id],
    ).fetchall()
    return [digest for (digest,) in rows]
