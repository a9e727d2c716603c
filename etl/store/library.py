"""The audio library in the store: files as found, and the tags of those that are tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.store.frames import ArrowStream, read_frame
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import polars as pl

PRESENT: Final = "gone_at IS NULL AND kind IS NOT NULL AND problem IS NULL"
"""SQL condition on ``files``: a track that is there."""

SPARED: Final = (
    "(gone_at IS NULL OR gone_at > now() - INTERVAL 30 DAY) AND kind IS NOT NULL AND problem IS NULL"
)
"""SQL condition on ``files``: a track that is there, or may come back: its drive may be unplugged."""

_KNOWN: Final = (
    "path, size_bytes, mtime_ns, track_id, content_hash, audio_bytes, tag_version, "
    "kind IS NOT NULL AND problem IS NULL AS is_track, gone_at IS NOT NULL AS is_gone"
)


def known_files(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read all files that a scan has ever seen.

    Returns
    -------
    DataFrame
        ``path``, ``size_bytes``, ``mtime_ns``, ``track_id``, ``content_hash``, ``audio_bytes``,
        ``tag_version``, ``is_track``, ``is_gone`` (since the last scan that looked there).
    """
    return read_frame(connection.sql(f"SELECT {_KNOWN} FROM files"))


def present_paths(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the paths of the tracks that are there, sorted."""
    rows = connection.sql(f"SELECT path FROM files WHERE {PRESENT} ORDER BY path").fetchall()
    return [path for (path,) in rows]


def paths_without_audio(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the paths of the files that are there and hold no audio, sorted."""
    rows = connection.sql(
        "SELECT path FROM files WHERE gone_at IS NULL AND problem = 'no audio' ORDER BY path"
    ).fetchall()
    return [path for (path,) in rows]


def unhashed_files(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str | None, int, int]]:
    """Read the tracks that are there and whose sound has no hash yet, sorted.

    Returns
    -------
    list
        Path; the hash of all bytes where an earlier version has taken that; size and time of the last scan.
    """
    return connection.sql(
        f"SELECT path, content_hash, size_bytes, mtime_ns FROM files WHERE {PRESENT} "
        "AND audio_bytes IS NULL ORDER BY path"
    ).fetchall()


def recordings(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the distinct contents that are there, as ``item``, each with one ``path``; in order of path."""
    return read_frame(
        connection.sql(
            f"SELECT content_hash AS item, min(path) AS path FROM files WHERE {PRESENT} "
            "AND audio_bytes IS NOT NULL GROUP BY ALL ORDER BY path"
        )
    )


def files_without_track(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the paths of files that should have tags and have none."""
    rows = connection.sql(
        f"SELECT f.path FROM files f ANTI JOIN tracks USING (track_id) WHERE {PRESENT} ORDER BY f.path"
    ).fetchall()
    return [path for (path,) in rows]


def tracks_without_file(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the ids of tracks whose file the store does not have."""
    rows = connection.sql(
        "SELECT t.track_id FROM tracks t ANTI JOIN files USING (track_id) ORDER BY t.track_id"
    ).fetchall()
    return [track_id for (track_id,) in rows]


def repeated_paths(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the paths that more than one file has."""
    rows = connection.sql("SELECT path FROM files GROUP BY path HAVING count(*) > 1 ORDER BY path").fetchall()
    return [path for (path,) in rows]


def described_track(connection: duckdb.DuckDBPyConnection, track_id: str) -> dict[str, Any]:
    """Read a described track, a row of view ``library``."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            "SELECT * FROM library WHERE vector_whole IS NOT NULL AND track_id = $id ORDER BY path LIMIT 1",
            params={"id": track_id},
        )
    )
    return found.row(0, named=True)


def all_described(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read all rows of view ``library`` that have a description."""
    return read_frame(connection.sql("SELECT * FROM library WHERE vector_whole IS NOT NULL"))


def put_files(files: pl.DataFrame, tracks: pl.DataFrame, tags: pl.DataFrame) -> Write:
    """Store new or changed files and the tags of those that are tracks, in place of what was there.

    Parameters
    ----------
    files
        Columns of table ``files`` but the times.
    tracks
        Columns of table ``tracks``.
    tags
        Columns of table ``track_tags``.
    """
    frames = {"files": files, "tracks": tracks, "tags": tags}
    return Write("etl.store.library:write_files", frames=frames)


def write_files(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_files` says."""
    files = frames["files"]
    _remove(connection, "tracks", "track_id", files)
    _remove(connection, "track_tags", "track_id", files)
    rows = ArrowStream(files)  # noqa: F841 (read by name)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE seen AS SELECT path, first_seen FROM files WHERE path IN "
        "(SELECT path FROM rows)"
    )
    _remove(connection, "files", "path", files)
    connection.execute(
        "INSERT INTO files BY NAME SELECT rows.*, coalesce(seen.first_seen, now()) AS first_seen "
        "FROM rows LEFT JOIN seen USING (path)"
    )
    for table, frame in (("tracks", frames["tracks"]), ("track_tags", frames["tags"])):
        found = ArrowStream(frame)  # noqa: F841 (read by name)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM found")


def move_files(moves: pl.DataFrame) -> Write:
    """Give moved files their new place; ``moves`` has ``old_path``, ``path``, ``mtime_ns``, ``size_bytes``.

    A file that was in the new place before, and is gone, gives way with its tags. The tags of one that was
    changed on the way are to be read again. What was written into its tags can be taken back there.
    """
    return Write("etl.store.library:write_moves", frames={"moves": moves})


def write_moves(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`move_files` says."""
    rows = ArrowStream(frames["moves"])  # noqa: F841 (read by name)
    for table in ("tracks", "track_tags"):
        connection.execute(
            f"DELETE FROM {table} WHERE track_id IN "
            "(SELECT track_id FROM files WHERE path IN (SELECT path FROM rows))"
        )
    connection.execute("DELETE FROM files WHERE path IN (SELECT path FROM rows)")
    connection.execute(
        "UPDATE files SET path = rows.path, mtime_ns = rows.mtime_ns, size_bytes = rows.size_bytes, "
        "tag_version = if(files.mtime_ns = rows.mtime_ns AND files.size_bytes = rows.size_bytes, "
        "tag_version, NULL), gone_at = NULL FROM rows WHERE files.path = rows.old_path"
    )
    connection.execute("DELETE FROM tag_writes WHERE path IN (SELECT path FROM rows)")
    connection.execute("UPDATE tag_writes SET path = rows.path FROM rows WHERE tag_writes.path = old_path")


def mark_files(*, gone: pl.Series, returned: pl.Series) -> Write:
    """Mark files that are no more, and those that are there again; their tags and features stay."""
    frames = {"gone": gone.to_frame("path"), "returned": returned.to_frame("path")}
    return Write("etl.store.library:write_marks", frames=frames)


def write_marks(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_files` says."""
    for name, moment in (("gone", "now()"), ("returned", "NULL")):
        rows = ArrowStream(frames[name])  # noqa: F841 (read by name)
        connection.execute(f"UPDATE files SET gone_at = {moment} WHERE path IN (SELECT path FROM rows)")


def put_hashes(hashes: pl.DataFrame) -> Write:
    """Store the hashes of sound; ``hashes`` has ``path``, ``content_hash`` and ``audio_bytes``.

    What an earlier version knew by a hash of all bytes is known by that of the sound from then on.
    """
    return Write("etl.store.library:write_hashes", frames={"hashes": hashes})


def write_hashes(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_hashes` says."""
    rows = ArrowStream(frames["hashes"])  # noqa: F841 (read by name)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE renamed AS SELECT files.content_hash AS old, "
        "min(rows.content_hash) AS new FROM files JOIN rows USING (path) "
        "WHERE files.audio_bytes IS NULL AND files.content_hash <> rows.content_hash GROUP BY ALL"
    )
    connection.execute(
        "UPDATE files SET content_hash = rows.content_hash, audio_bytes = rows.audio_bytes FROM rows "
        "WHERE files.path = rows.path"
    )
    _rename(connection, "sonic_features", "content_hash", "version")
    _rename(connection, "ledger", "item", "version", only="task = 'sonic'")


def _rename(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, beside: str, *, only: str = "true"
) -> None:
    """Give rows their new keys, one row for each; of several, such as of retagged copies, one stays."""
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT * EXCLUDE (old, new) REPLACE (new AS {key}) "
        f"FROM {table} JOIN renamed ON {key} = old WHERE {only} "
        f"AND (new, {beside}) NOT IN (SELECT ({key}, {beside}) FROM {table} WHERE {only}) "
        f"QUALIFY row_number() OVER (PARTITION BY new, {beside} ORDER BY old) = 1"
    )
    connection.execute(f"DELETE FROM {table} WHERE {only} AND {key} IN (SELECT old FROM renamed)")


def _remove(connection: duckdb.DuckDBPyConnection, table: str, key: str, rows: pl.DataFrame) -> None:
    """Remove the rows that are about to be written again."""
    keys = ArrowStream(rows.select(key))  # noqa: F841 (read by name)
    connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM keys)")
