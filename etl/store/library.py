"""The audio library in the store: files as found, and the tags of those that are tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import polars as pl

PRESENT: Final = "gone_at IS NULL AND kind IS NOT NULL AND problem IS NULL"
"""SQL condition on ``files``: a track that is there."""

_KNOWN: Final = ("path", "size_bytes", "mtime_ns", "track_id", "kind", "content_hash")


def known_files(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the files that were there at the last scan.

    Returns
    -------
    DataFrame
        ``path``, ``size_bytes``, ``mtime_ns``, ``track_id``, ``kind``, ``content_hash``.
    """
    known: pl.DataFrame = connection.sql(f"SELECT {', '.join(_KNOWN)} FROM files WHERE gone_at IS NULL").pl()
    return known


def track_ids(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Read the identity of each file ever seen, by path."""
    return dict(connection.sql("SELECT path, track_id FROM files").fetchall())


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


def unhashed_paths(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the paths of the tracks that are there and whose content has no hash yet, sorted."""
    rows = connection.sql(
        f"SELECT path FROM files WHERE {PRESENT} AND content_hash IS NULL ORDER BY path"
    ).fetchall()
    return [path for (path,) in rows]


def recordings(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the distinct contents that are there, as ``item``, each with one ``path``; in order of path."""
    found: pl.DataFrame = connection.sql(
        f"SELECT content_hash AS item, min(path) AS path FROM files WHERE {PRESENT} "
        "AND content_hash IS NOT NULL GROUP BY ALL ORDER BY path"
    ).pl()
    return found


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


def tracks_called(connection: duckdb.DuckDBPyConnection, name: str, path: str) -> pl.DataFrame:
    """Read the described tracks, rows of view ``library``, of a path, an id, or a title; sorted by path.

    Parameters
    ----------
    connection
        The store.
    name
        Path, id or title.
    path
        The whole path that the name stands for if it is one.
    """
    found: pl.DataFrame = connection.sql(
        "SELECT * FROM library WHERE vector_whole IS NOT NULL AND "
        "(track_id = $name OR path IN ($name, $path) OR title = $name) ORDER BY path",
        params={"name": name, "path": path},
    ).pl()
    return found


def all_described(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read all rows of view ``library`` that have a description."""
    found: pl.DataFrame = connection.sql("SELECT * FROM library WHERE vector_whole IS NOT NULL").pl()
    return found


def put_files(files: pl.DataFrame, tracks: pl.DataFrame) -> Write:
    """Store new or changed files and the tags of those that are tracks, in place of what was there.

    Parameters
    ----------
    files
        Columns of table ``files`` but the times.
    tracks
        Columns of table ``tracks``.
    """
    return Write("etl.store.library:write_files", frames={"files": files, "tracks": tracks})


def write_files(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_files` says."""
    files = frames["files"]
    _remove(connection, "tracks", "track_id", files)
    rows = files.to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE seen AS SELECT path, first_seen FROM files WHERE path IN "
        "(SELECT path FROM rows)"
    )
    _remove(connection, "files", "path", files)
    connection.execute(
        "INSERT INTO files BY NAME SELECT rows.*, coalesce(seen.first_seen, now()) AS first_seen "
        "FROM rows LEFT JOIN seen USING (path)"
    )
    tags = frames["tracks"].to_arrow()  # noqa: F841 (read by name)
    connection.execute("INSERT INTO tracks BY NAME SELECT * FROM tags")


def move_files(moves: pl.DataFrame) -> Write:
    """Give moved files their new place; ``moves`` has ``old_path``, ``path``, ``mtime_ns``.

    A file that was in the new place before, and is gone, gives way with its tags.
    """
    return Write("etl.store.library:write_moves", frames={"moves": moves})


def write_moves(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`move_files` says."""
    rows = frames["moves"].to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM tracks WHERE track_id IN "
        "(SELECT track_id FROM files WHERE path IN (SELECT path FROM rows))"
    )
    connection.execute("DELETE FROM files WHERE path IN (SELECT path FROM rows)")
    connection.execute(
        "UPDATE files SET path = rows.path, mtime_ns = rows.mtime_ns, gone_at = NULL FROM rows "
        "WHERE files.path = rows.old_path"
    )


def mark_gone(paths: pl.Series) -> Write:
    """Mark files that are no more; their tags and features stay."""
    return Write("etl.store.library:write_gone", frames={"gone": paths.to_frame("path")})


def write_gone(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_gone` says."""
    rows = frames["gone"].to_arrow()  # noqa: F841 (read by name)
    connection.execute("UPDATE files SET gone_at = now() WHERE path IN (SELECT path FROM rows)")


def put_hashes(hashes: pl.DataFrame) -> Write:
    """Store content hashes; ``hashes`` has ``path`` and ``content_hash``."""
    return Write("etl.store.library:write_hashes", frames={"hashes": hashes})


def write_hashes(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_hashes` says."""
    rows = frames["hashes"].to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "UPDATE files SET content_hash = rows.content_hash FROM rows WHERE files.path = rows.path"
    )


def _remove(connection: duckdb.DuckDBPyConnection, table: str, key: str, rows: pl.DataFrame) -> None:
    """Remove the rows that are about to be written again."""
    keys = rows.select(key).to_arrow()  # noqa: F841 (read by name)
    connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM keys)")
