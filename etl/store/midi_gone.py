"""MIDI files that are gone from the disk: which the store has, and how it forgets them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from etl.store.database import transaction
from etl.store.midi import ARCHIVE
from etl.store.midi_near import write_near
from etl.store.midi_results import TABLES
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import duckdb

_BELOW: Final = (
    "len(CAST($places AS VARCHAR[])) = 0 AND gone_at IS NOT NULL "
    "OR EXISTS (FROM (SELECT unnest(CAST($places AS VARCHAR[])) AS place) "
    "WHERE path = place OR starts_with(path, rtrim(place, '/') || '/') OR starts_with(path, place || '!'))"
)
_PATHS: Final = f"path IN (SELECT path FROM midi_paths WHERE {_BELOW})"
_CONTENTS: Final = (
    f"sha256 IN (SELECT sha256 FROM midi_paths GROUP BY sha256 HAVING bool_and(coalesce({_BELOW}, false)))"
)

_IN_LIBRARY: Final = f"coalesce(edited_sha256, split_from, {_CONTENTS.replace('sha256 IN', 'sha256) IN', 1)}"
"""The same of what lies in the library now."""

_OF_ARCHIVE: Final = "regexp_replace(item, '\\|[0-9]+\\|-?[0-9]+$', '')"
"""SQL expression: the path of an archive, of its item in the ledger."""

_HANGING: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys((table for tables in TABLES.values() for table in tables), _CONTENTS),
        "midi_library": _IN_LIBRARY,
        "ledger": "starts_with(task, 'midi.') AND "
        f"(item IN (SELECT sha256 FROM midi_files WHERE {_CONTENTS}) OR "
        f"task = '{ARCHIVE}' AND {_OF_ARCHIVE} IN (SELECT archive FROM midi_paths WHERE {_BELOW}))",
        "midi_paths": _PATHS,
    }
)
"""Which rows of each table hang on the paths that are gone, or on those at ``$places`` and below."""

_ORDER: Final = (
    "ledger",
    *(table for table in _HANGING if table not in {"ledger", "midi_paths"}),
    "midi_paths",
)
"""In which they can be deleted: each condition looks at tables that follow."""


def mark_gone(run_id: int, *, files: Collection[str], archives: Collection[str]) -> Write:
    """Mark what is gone: files and archives on disk, and what archives, read whole, no longer hold."""
    values = {"run_id": run_id, "files": sorted(files), "archives": sorted(archives)}
    return Write("etl.store.midi_gone:write_gone", values=values)


def write_gone(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_gone` says; an archive that comes back is read again."""
    connection.execute(
        "UPDATE midi_paths SET gone_at = now() WHERE gone_at IS NULL AND ("
        "coalesce(archive, path) IN (SELECT unnest(CAST($files AS VARCHAR[]))) OR "
        "archive IN (SELECT unnest(CAST($archives AS VARCHAR[]))) AND last_run < $run_id)",
        dict(values),
    )
    connection.execute(
        f"DELETE FROM ledger WHERE task = '{ARCHIVE}' "
        f"AND {_OF_ARCHIVE} IN (SELECT unnest(CAST(? AS VARCHAR[])))",
        [values["files"]],
    )


@dataclass(frozen=True)
class ForgottenMidi:
    """What was, or would be, deleted from the store.

    Attributes
    ----------
    rows
        Rows by table.
    library
        Copies and parts that stay in the library's folder, and that the store no longer knows.
    """

    rows: dict[str, int]
    library: list[str]


def rows_of_midi(connection: duckdb.DuckDBPyConnection, places: Sequence[str]) -> ForgottenMidi:
    """Count what hangs on paths, and change nothing; ``places`` as in :func:`forget_midi`."""
    values = {"places": list(places)}
    rows = {
        table: connection.execute(f"SELECT count(*) FROM {table} WHERE {_HANGING[table]}", values).fetchall()[
            0
        ][0]
        for table in _ORDER
    }
    library = connection.execute(
        f"SELECT folder || '/' || name AS file FROM midi_library WHERE {_IN_LIBRARY} ORDER BY file", values
    ).fetchall()
    return ForgottenMidi(rows, [file for (file,) in library])


def forget_midi(connection: duckdb.DuckDBPyConnection, places: Sequence[str]) -> ForgottenMidi:
    """Delete paths, and contents that no other path has, with all that hangs on them; all or nothing.

    Parameters
    ----------
    connection
        The store.
    places
        Files, archives or folders, which need not be gone; none: all that is gone.
    """
    with transaction(connection):
        found = rows_of_midi(connection, places)
        for table in _ORDER:
            connection.execute(f"DELETE FROM {table} WHERE {_HANGING[table]}", {"places": list(places)})
        if found.rows["midi_files"]:
            write_near(connection, {}, {})
    return found
