"""Take sources of chord songs out of the store, with all that hangs on them.

What other sources share stays: the numbers of chord symbols, numerals and sections (exports of other sources
hold them), what Spotify said about an id, and the record of runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

_SOURCE: Final = "source_id IN (SELECT source_id FROM sources WHERE path IN (SELECT unnest($paths)))"
_SONG: Final = f"song_id IN (SELECT song_id FROM songs WHERE {_SOURCE})"

_HANGING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "song_harmony": _SONG,
        "song_tokens": _SONG,
        "section_keys": _SONG,
        "songs": _SOURCE,
        "source_symbols": _SOURCE,
        "ledger": "task = 'data3' AND item IN "
        "(SELECT content_hash FROM sources WHERE path IN (SELECT unnest($paths)))",
        "sources": _SOURCE,
        "rejects": "stage = 'read' AND source IN (SELECT unnest($paths))",
    }
)
"""Which rows of each table hang on the sources ``$paths``, in an order in which they can be deleted."""


@dataclass(frozen=True)
class ForgottenSource:
    """What hangs on a source.

    Attributes
    ----------
    path
        The source, as stored.
    rows
        Rows by table.
    """

    path: str
    rows: dict[str, int]


def find_source(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> str:
    """Find the stored path of the one source that any of ``names`` stands for.

    Parameters
    ----------
    connection
        The store.
    names
        What it may be called: its path as stored, the name of its file, or its number. A path as stored, as
        the first name, is that source whatever the others mean.

    Raises
    ------
    EtlError
        If no source is meant, or more than one.
    """
    sources: list[tuple[int, str]] = connection.execute(
        "SELECT source_id, path FROM sources ORDER BY source_id"
    ).fetchall()
    meant = [path for _, path in sources if path == names[0]] or [
        path
        for number, path in sources
        if any(name in {path, PurePath(path).name, str(number)} for name in names)
    ]
    listed = "\n".join(f"  {number}  {path}" for number, path in sources if path in meant or not meant)
    if not meant:
        raise EtlError(
            f"the store has no source `{names[0]}`.",
            f"It has:\n{listed}" if sources else "It has none at all.",
            exit_code=ExitCode.USAGE,
        )
    if len(meant) > 1:
        raise EtlError(
            f"`{names[0]}` stands for {len(meant)} sources.",
            f"Pass one of these numbers or paths:\n{listed}",
            exit_code=ExitCode.USAGE,
        )
    return meant[0]


def rows_of_source(connection: duckdb.DuckDBPyConnection, path: str) -> ForgottenSource:
    """Count what hangs on a source, and change nothing."""
    rows = {
        table: connection.execute(
            f"SELECT count(*) FROM {table} WHERE {condition}", {"paths": [path]}
        ).fetchall()[0][0]
        for table, condition in _HANGING.items()
    }
    return ForgottenSource(path, rows)


def forget_source(connection: duckdb.DuckDBPyConnection, path: str) -> ForgottenSource:
    """Delete a source and what hangs on it, all or nothing; give what was deleted."""
    with transaction(connection):
        return ForgottenSource(path, forget_sources(connection, [path]))


def forget_sources(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> dict[str, int]:
    """Delete sources and what hangs on them, within the caller's transaction; give the rows by table."""
    return {
        table: connection.execute(
            f"DELETE FROM {table} WHERE {condition}", {"paths": list(paths)}
        ).fetchall()[0][0]
        for table, condition in _HANGING.items()
    }
