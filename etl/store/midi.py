"""What of the MIDI files and archives on disk the store knows, and which work on them is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
DONE_FILES: Final = _DONE.format("task || '.' || version")
"""SQL: the contents that all tasks of ``$versions``, `archive_versions`, are done for."""
_DONE_ARCHIVES: Final = _DONE.format(f"task = '{ARCHIVE}' AND version")
_STAMPS: Final = (
    "SELECT path, concat_ws('|', path, size_bytes, mtime_ns) AS stamp FROM midi_paths "
    "SEMI JOIN (SELECT unnest($places) AS place) ON starts_with(path, place) "
    f"WHERE location IS NOT NULL AND sha256 IN ({DONE_FILES})"
)

_PRESENT: Final = (
    "SELECT coalesce(archive, path) AS file, sha256 FROM midi_paths "
    "SEMI JOIN (SELECT unnest($places) AS place) ON starts_with(path, place) WHERE gone_at IS NULL"
)


def done_stamps(
    connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, str], places: Sequence[str]
) -> set[str]:
    """List the files and archives on disk that tasks are done for, as they were then.

    Parameters
    ----------
    connection
        The store.
    tasks
        Ledger tasks, with their versions; all of them must be done.
    places
        What the paths begin with.

    Returns
    -------
    set
        ``path|size|mtime_ns`` of each.
    """
    stamps = connection.execute(
        f"SELECT stamp FROM ({_STAMPS}) UNION ALL SELECT item FROM ({_DONE_ARCHIVES}) "
        "SEMI JOIN (SELECT unnest($places) AS place) ON starts_with(item, place)",
        {"versions": archive_versions(tasks), "places": list(places)},
    )
    return {stamp for (stamp,) in stamps.fetchall()}


def mark_seen(run_id: int, tasks: Mapping[str, str], places: Sequence[str], *, but: Iterable[str]) -> Write:
    """Note that a run has seen what :func:`done_stamps` lists, but for some of them."""
    values = {
        "run_id": run_id,
        "versions": archive_versions(tasks),
        "places": list(places),
        "missing": list(but),
    }
    return Write("etl.store.midi:write_seen", values=values)


def write_seen(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_seen` says."""
    connection.execute(
        "UPDATE midi_paths SET last_run = $run_id, gone_at = NULL WHERE path IN (SELECT path "
        f"FROM ({_STAMPS}) ANTI JOIN (SELECT unnest(CAST($missing AS VARCHAR[])) AS stamp) USING (stamp))",
        dict(values),
    )


def archive_versions(tasks: Mapping[str, str]) -> list[str]:
    """Versions of the ledger task of archives: a task that was done for all members, at its own version."""
    return [f"{task}.{version}" for task, version in tasks.items()]


def count_files(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the different contents that are known."""
    count: int = connection.execute("SELECT count(*) FROM midi_files").fetchall()[0][0]
    return count


def count_present(connection: duckdb.DuckDBPyConnection, places: Sequence[str]) -> int:
    """Count what :func:`present_files` lists."""
    count: int = connection.execute(
        f"SELECT count(DISTINCT file) FROM ({_PRESENT})", {"places": list(places)}
    ).fetchall()[0][0]
    return count


def unreadable_files(connection: duckdb.DuckDBPyConnection, places: Sequence[str]) -> set[str]:
    """List those of :func:`present_files` in which there is no MIDI file that can be read."""
    rows = connection.execute(
        f"SELECT file FROM ({_PRESENT}) JOIN midi_files USING (sha256) "
        "GROUP BY file HAVING NOT bool_or(valid)",
        {"places": list(places)},
    ).fetchall()
    return {path for (path,) in rows}


def present_files(connection: duckdb.DuckDBPyConnection, places: Sequence[str]) -> set[str]:
    """List the files and archives on disk that the store has at some places, but for those that are gone."""
    rows = connection.execute(f"SELECT DISTINCT file FROM ({_PRESENT})", {"places": list(places)}).fetchall()
    return {path for (path,) in rows}
