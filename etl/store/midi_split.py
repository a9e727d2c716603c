"""Parts in the library that are not those of their copy any more, because somebody has edited it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from etl.store.frames import ArrowStream
from etl.store.midi_edits import WRITTEN
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import polars as pl

_OF_PARTS: Final = {
    "sha256": "String", "track": "Int32", "channel": "Int16", "folder": "String", "name": "String",
    "content_sha256": "String", "size_bytes": "Int64", "mtime_ns": "Int64", "split_from": "String",
}  # fmt: skip


class StaleCopy(NamedTuple):
    """A copy that holds another content than the one that its parts were split from.

    Attributes
    ----------
    sha256
        What it was written from.
    folder, name
        Where it is, within the library.
    held
        The content that it holds, as the store knows it.
    written
        Hash of its bytes; None where that is not known.
    """

    sha256: str
    folder: str
    name: str
    held: str
    written: str | None


class KnownPart(NamedTuple):
    """A part in the library: which, where, the hash of what was written, and whether somebody edited it."""

    track: int
    channel: int
    folder: str
    name: str
    content_sha256: str | None
    is_edited: bool


def stale_copies(connection: duckdb.DuckDBPyConnection) -> list[StaleCopy]:
    """List copies with parts of another content, and edits with several parts that were never split."""
    rows = connection.execute(
        f"WITH copies AS (SELECT library.sha256, folder, name, coalesce(edited_sha256, library.sha256) "
        f"AS held, coalesce(edited_sha256, {WRITTEN}) AS written "
        "FROM midi_library AS library LEFT JOIN midi_files USING (sha256) WHERE track IS NULL), "
        "parts AS (SELECT sha256, bool_or(edited_sha256 IS NULL AND coalesce(split_from, sha256) <> held) "
        "AS is_stale FROM midi_library JOIN copies USING (sha256) WHERE track IS NOT NULL GROUP BY ALL) "
        "SELECT copies.* FROM copies JOIN midi_analysis AS now ON now.sha256 = held "
        "LEFT JOIN parts ON parts.sha256 = copies.sha256 "
        "WHERE coalesce(is_stale, held <> copies.sha256 AND now.parts > 1) ORDER BY folder, name"
    ).fetchall()
    return [StaleCopy(*row) for row in rows]


def parts_there(connection: duckdb.DuckDBPyConnection, sha256: str) -> list[KnownPart]:
    """List the parts in the library that belong to a copy, by what it was written from."""
    rows = connection.execute(
        "SELECT track, channel, folder, name, content_sha256, edited_sha256 IS NOT NULL FROM midi_library "
        "WHERE sha256 = ? AND track IS NOT NULL ORDER BY track, channel",
        [sha256],
    ).fetchall()
    return [KnownPart(*row) for row in rows]


def parts_of_content(connection: duckdb.DuckDBPyConnection, sha256: str) -> list[tuple[int, int, int, float]]:
    """List track, channel, program and drum score of each part of a content."""
    return connection.execute(
        "SELECT track, channel, program, drum_score FROM midi_tracks WHERE sha256 = ? ORDER BY ALL", [sha256]
    ).fetchall()


def put_parts(gone: Sequence[tuple[str, int, int]], written: Sequence[tuple[Any, ...]]) -> Write:
    """Put parts that were split again in the place of those before.

    Parameters
    ----------
    gone
        ``sha256``, ``track`` and ``channel`` of the rows that these had.
    written
        Rows of ``midi_library`` of those now.
    """
    import polars as pl  # noqa: PLC0415 - most runs find nothing edited

    schema = {name: getattr(pl, kind) for name, kind in _OF_PARTS.items()}
    keys = {name: schema[name] for name in ("sha256", "track", "channel")}
    return Write(
        "etl.store.midi_split:write_parts",
        frames={
            "gone": pl.DataFrame(list(gone), schema=keys, orient="row"),
            "written": pl.DataFrame(list(written), schema=schema, orient="row"),
        },
    )


def write_parts(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_parts` says."""
    gone, written = ArrowStream(frames["gone"]), ArrowStream(frames["written"])  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM midi_library "
        "WHERE (sha256, track, channel) IN (SELECT (sha256, track, channel) FROM gone)"
    )
    connection.execute("INSERT INTO midi_library BY NAME SELECT * FROM written")
