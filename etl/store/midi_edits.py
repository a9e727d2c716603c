"""Files of the library and what somebody has made of them there: how they were left, what they hold now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from etl.store.frames import ArrowStream
from etl.store.midi import DONE_FILES, archive_versions
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import duckdb
    import polars as pl

UNUSABLE: Final = (
    "track_truncated", "track_length_wrong", "event_truncated", "resynchronised", "no_tracks",
)  # fmt: skip

WRITTEN: Final = (
    "CASE WHEN track IS NULL AND NOT coalesce(list_contains(repairs, 'junk_before_header'), false) "
    "THEN library.sha256 ELSE content_sha256 END"
)
"""SQL expression: hash of what was written into the library, a copy without what it was wrapped in."""


class Slot(NamedTuple):
    """A file of the library.

    Attributes
    ----------
    sha256, track, channel
        What it was written from.
    place
        ``folder/name`` within the library.
    written
        Hash of what was written there; None where that is not known.
    edited
        Hash of what somebody made of it, where that is known.
    is_current
        Whether all that is wanted to be known of that is.
    """

    sha256: str
    track: int | None
    channel: int | None
    place: str
    written: str | None
    edited: str | None
    is_current: bool


def library_root(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """Say where the library of the last run that wrote to one is."""
    rows = connection.execute(
        "SELECT arguments ->> 'library' FROM runs WHERE command = 'midi run' "
        "AND contains(CAST(arguments -> 'stages' AS VARCHAR), 'sanitize') ORDER BY run_id DESC LIMIT 1"
    ).fetchall()
    return Path(rows[0][0]) if rows and rows[0][0] else None


def library_stamps(
    connection: duckdb.DuckDBPyConnection,
) -> list[tuple[str, int | None, int | None]]:
    """List the library's files: place, and size and time when they were last looked at."""
    return connection.execute(
        "SELECT folder || '/' || name, size_bytes, mtime_ns FROM midi_library"
    ).fetchall()


def is_unsettled(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether some file of the library is known to be edited, or of an edit, or has an unknown hash."""
    rows = connection.execute(
        "SELECT 1 FROM midi_library AS library LEFT JOIN midi_files USING (sha256) "
        f"WHERE edited_sha256 IS NOT NULL OR split_from IS NOT NULL OR {WRITTEN} IS NULL LIMIT 1"
    ).fetchall()
    return bool(rows)


def slots_at(
    connection: duckdb.DuckDBPyConnection, places: Collection[str], tasks: Mapping[str, str]
) -> list[Slot]:
    """List the files of the library at some places, and those of unknown hash or whose edits lack a task."""
    rows = connection.execute(
        "SELECT library.sha256, track, channel, folder || '/' || name AS place, "
        f"{WRITTEN} AS written, edited_sha256, "
        f"coalesce(edited_sha256 IN ({DONE_FILES}), true) AS is_current "
        "FROM midi_library AS library LEFT JOIN midi_files USING (sha256) "
        "WHERE place IN (SELECT unnest(CAST($places AS VARCHAR[]))) OR NOT is_current "
        "OR written IS NULL ORDER BY place",
        {"places": list(places), "versions": archive_versions(tasks)},
    ).fetchall()
    return [Slot(*row) for row in rows]


def mark_looked_at(rows: Sequence[tuple[Any, ...]]) -> Write:
    """Note what files of the library hold.

    Parameters
    ----------
    rows
        Of each: ``sha256``, ``track``, ``channel``; ``content_sha256``, to be kept where it was not known;
        ``edited_sha256``, of a content that is stored or will be, or None where it is as it was written; size
        and time; its path, as in ``midi_paths``. An edit that is no whole file with notes is not taken up.
    """
    import polars as pl  # noqa: PLC0415 - most runs find nothing touched

    schema = {
        "sha256": pl.String, "track": pl.Int32, "channel": pl.Int16, "content_sha256": pl.String,
        "edited_sha256": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64, "path": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    return Write("etl.store.midi_edits:write_looked_at", frames={"slots": frame})


def write_looked_at(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_looked_at` says."""
    rows = ArrowStream(frames["slots"])  # noqa: F841 (read by name)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE looked_at AS SELECT * FROM rows WHERE edited_sha256 IS NULL "
        "OR edited_sha256 IN (SELECT sha256 FROM midi_files JOIN midi_analysis USING (sha256) "
        "WHERE valid AND notes > 0 AND NOT list_has_any(repairs, ?))",
        [list(UNUSABLE)],
    )
    # An edit that is undone is no more; the library may be a source too, with paths of its own.
    connection.execute(
        "DELETE FROM midi_paths WHERE (path, sha256) IN (SELECT (looked.path, library.edited_sha256) "
        "FROM looked_at AS looked JOIN midi_library AS library ON looked.sha256 = library.sha256 "
        "AND looked.track IS NOT DISTINCT FROM library.track "
        "AND looked.channel IS NOT DISTINCT FROM library.channel "
        "WHERE looked.edited_sha256 IS NULL AND library.edited_sha256 IS NOT NULL)"
    )
    connection.execute(
        "UPDATE midi_library AS library SET edited_sha256 = looked.edited_sha256, "
        "size_bytes = looked.size_bytes, mtime_ns = looked.mtime_ns, "
        "content_sha256 = coalesce(library.content_sha256, looked.content_sha256) "
        "FROM looked_at AS looked WHERE looked.sha256 = library.sha256 "
        "AND looked.track IS NOT DISTINCT FROM library.track "
        "AND looked.channel IS NOT DISTINCT FROM library.channel"
    )
    connection.execute("DROP TABLE looked_at")
