"""Where the files are whose notes are exported, and the tables of what files hold beside notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from etl.store.frames import read_frame

if TYPE_CHECKING:
    import duckdb
    import polars as pl

TABLES: Final = ("texts", "tempos", "metres", "key_signatures", "keys")
"""What files hold beside notes, and the keys that their notes gave, each in a table ``midi_...``."""


class NoteSource(NamedTuple):
    """An analysed file, and where it may be read: its copy in the library, its place on disk.

    ``is_wrapped`` says that the copy is what the file was wrapped around.
    """

    sha256: str
    notes: int
    copy: str | None
    location: str | None
    is_wrapped: bool


def note_sources(connection: duckdb.DuckDBPyConnection) -> list[NoteSource]:
    """List the analysed files that are not gone, in the order of `etl.store.midi_library.analysis_rows`."""
    rows = connection.execute(
        "SELECT sha256, notes, min(library.folder || '/' || library.name), min(location), "
        "list_contains(any_value(repairs), 'junk_before_header') "
        "FROM midi_analysis JOIN midi_files USING (sha256) JOIN midi_paths USING (sha256) "
        "LEFT JOIN (SELECT * FROM midi_library WHERE track IS NULL AND edited_sha256 IS NULL) AS library "
        "USING (sha256) WHERE gone_at IS NULL GROUP BY sha256, notes ORDER BY sha256"
    ).fetchall()
    return [NoteSource(*row) for row in rows]


def table_rows(connection: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """Read one of `TABLES`, of files that are not gone, with their first ``path``; by path and place."""
    return read_frame(
        connection.sql(
            f"SELECT path, facts.* FROM midi_{name} AS facts JOIN ("
            "  SELECT sha256, min(path) AS path FROM midi_paths WHERE gone_at IS NULL GROUP BY sha256"
            ") USING (sha256) ORDER BY path, ordinal"
        )
    )
