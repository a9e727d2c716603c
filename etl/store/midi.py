"""The MIDI library's tables: what is known of files and archives on disk, and what of them is done with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

IMPORT: Final = "midi.import"
ANALYZE: Final = "midi.analyze"
SANITIZE: Final = "midi.sanitize"
SPLIT: Final = "midi.split"
ARCHIVE: Final = "midi.archive"

_DONE: Final = (
    "SELECT item FROM ledger WHERE status IN ('done', 'skipped') AND {} IN (SELECT unnest($versions)) "
    "GROUP BY item HAVING count(*) = len($versions)"
)
_DONE_FILES: Final = _DONE.format("task || '.' || version")
_DONE_ARCHIVES: Final = _DONE.format(f"task = '{ARCHIVE}' AND version")


class Done:
    """The files and archives on disk that tasks are done for.

    Parameters
    ----------
    connection
        The store.
    tasks
        Ledger tasks, with their versions; all of them must be done.
    run_id
        The run that sees them again.

    Notes
    -----
    A stamp is ``path|size|mtime_ns``.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, str], run_id: int) -> None:
        self._connection = connection
        self._run_id = run_id
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE done_with AS "
            "SELECT path, concat_ws('|', path, size_bytes, mtime_ns) AS stamp FROM midi_paths "
            f"WHERE sha256 IN ({_DONE_FILES}) UNION ALL SELECT NULL, item FROM ({_DONE_ARCHIVES})",
            {"versions": archive_versions(tasks)},
        )

    def others(self, stamps: Sequence[str]) -> set[str]:
        """Keep the stamps of what is new, changed, or lacks a task; mark the rest as seen."""
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE found AS SELECT unnest(CAST(? AS VARCHAR[])) AS stamp", [stamps]
        )
        self._connection.execute(
            "UPDATE midi_paths SET last_run = ? "
            "WHERE path IN (SELECT path FROM done_with SEMI JOIN found USING (stamp))",
            [self._run_id],
        )
        others = self._connection.execute("SELECT stamp FROM found ANTI JOIN done_with USING (stamp)")
        return {stamp for (stamp,) in others.fetchall()}


def archive_versions(tasks: Mapping[str, str]) -> list[str]:
    """Versions of the ledger task of archives: a task that was done for all members, at its own version."""
    return [f"{task}.{version}" for task, version in tasks.items()]
