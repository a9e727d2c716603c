"""The journal of renames on disk: what was planned, what is done, and what has been taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import polars as pl

UNDO: Final = "midi undo"
_COMMANDS: Final = ("midi rename", "midi sanitize --in-place", UNDO)


class JournalEntry(NamedTuple):
    """One rename of a run: paths as text; ``planned``, ``done`` or ``undone``."""

    ordinal: int
    old_path: str
    new_path: str
    status: str


def journal_entries(connection: duckdb.DuckDBPyConnection, run_id: int) -> list[JournalEntry]:
    """List the renames of a run, in order."""
    rows = connection.execute(
        "SELECT ordinal, old_path, new_path, status FROM midi_renames WHERE run_id = ? ORDER BY ordinal",
        [run_id],
    ).fetchall()
    return [JournalEntry(*row) for row in rows]


def unfinished_renames(connection: duckdb.DuckDBPyConnection, *, before: int) -> list[int]:
    """List the runs before one whose renames, or the undoing of them, did not come to an end."""
    rows = connection.execute(
        "SELECT DISTINCT CASE WHEN command = ? THEN CAST(arguments ->> 'run' AS BIGINT) ELSE run_id END "
        "FROM runs WHERE command IN (SELECT unnest(?)) AND status <> 'done' AND run_id < ?",
        [UNDO, list(_COMMANDS), before],
    ).fetchall()
    return [run_id for (run_id,) in rows]


def count_done(connection: duckdb.DuckDBPyConnection, run_id: int) -> int:
    """Count the renames of a run that stand."""
    count: int = connection.execute(
        "SELECT count(*) FROM midi_renames WHERE run_id = ? AND status = 'done'", [run_id]
    ).fetchall()[0][0]
    return count


def renamed_since(connection: duckdb.DuckDBPyConnection, run_id: int) -> tuple[int, int | None]:
    """Count the files of a run that later runs have renamed, and name the last of these."""
    later, files = connection.execute(
        "SELECT max(later.run_id), count(DISTINCT mine.ordinal) FROM midi_renames AS mine "
        "JOIN midi_renames AS later ON later.old_path = mine.new_path AND later.run_id > mine.run_id "
        "WHERE mine.run_id = ? AND mine.status = 'done' AND later.status = 'done'",
        [run_id],
    ).fetchall()[0]
    return files, later


def plan_renames(run_id: int, renames: pl.DataFrame) -> Write:
    """Enter what a run is about to rename: ``ordinal, old_path, new_path, sha256, track, channel``."""
    return Write("etl.store.midi_renames:write_plan", frames={"renames": renames}, values={"run_id": run_id})


def write_plan(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`plan_renames` says."""
    rows = frames["renames"]  # noqa: F841 (read by name)
    connection.execute(
        "INSERT INTO midi_renames BY NAME SELECT ? AS run_id, 'planned' AS status, * FROM rows",
        [values["run_id"]],
    )


def drop_plan(run_id: int) -> Write:
    """Enter that what a run planned was not done."""
    return Write("etl.store.midi_renames:write_dropped", values={"run_id": run_id})


def write_dropped(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`drop_plan` says."""
    connection.execute(
        "UPDATE midi_renames SET status = 'undone' WHERE status = 'planned' AND run_id = ?",
        [values["run_id"]],
    )


def mark_renames(run_id: int, ordinals: Sequence[int], status: str) -> Write:
    """Set the status of renames, ``done`` or ``undone``; the store's paths and library names follow."""
    return Write(
        "etl.store.midi_renames:write_marks",
        values={"run_id": run_id, "ordinals": list(ordinals), "status": status},
    )


def write_marks(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_renames` says."""
    run_id, status = values["run_id"], values["status"]
    before, after = ("old_path", "new_path") if status == "done" else ("new_path", "old_path")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE turned AS SELECT * FROM midi_renames "
        "WHERE run_id = ? AND ordinal IN (SELECT unnest(CAST(? AS BIGINT[]))) AND status <> ?",
        [run_id, values["ordinals"], status],
    )
    connection.execute(
        "UPDATE midi_renames SET status = ? WHERE run_id = ? AND ordinal IN (SELECT ordinal FROM turned)",
        [status, run_id],
    )
    if status == "undone":  # what was planned only has moved nowhere that the store knows
        connection.execute("DELETE FROM turned WHERE status = 'planned'")
    connection.execute(
        f"UPDATE midi_library AS library SET name = regexp_extract({after}, '[^/\\\\]+$') "
        "FROM turned WHERE turned.sha256 = library.sha256 "
        "AND turned.track IS NOT DISTINCT FROM library.track "
        "AND turned.channel IS NOT DISTINCT FROM library.channel"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE moved AS SELECT midi_paths.* REPLACE "
        f"({after} AS path, {after} AS location) FROM midi_paths JOIN turned ON path = {before}"
    )
    connection.execute(f"DELETE FROM midi_paths WHERE path IN (SELECT {before} FROM turned)")
    connection.execute("INSERT OR REPLACE INTO midi_paths SELECT * FROM moved")
    connection.execute("DROP TABLE turned; DROP TABLE moved")
