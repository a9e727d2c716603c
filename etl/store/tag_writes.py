"""The journal of tags written into files: what was planned, what is done, and what has been taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.store.frames import ArrowStream, read_frame
from etl.store.sonic_features import condition_explained
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

WRITES_SCHEMA: Final[dict[str, Any]] = {
    "path": pl.String,
    "field": pl.String,
    "old_values": pl.List(pl.String),
    "new_values": pl.List(pl.String),
}
"""A field of a file: what it had, and what it is to have."""


def measured_tracks(
    connection: duckdb.DuckDBPyConnection, version: str, where: str | None = None
) -> pl.DataFrame:
    """Read what was measured of the tracks that are there and that a condition chooses.

    Returns
    -------
    DataFrame
        ``path``, ``kind``, ``size_bytes``, ``mtime_ns``, ``bpm`` (null where there is no steady beat),
        ``key``, ``key_name``, ``loudness_lufs``, ``true_peak_dbtp``, ``album_lufs``, ``album_peak_dbtp``; by
        path.

    Raises
    ------
    EtlError
        If the condition is not one.
    """
    tracks = connection.sql(
        "SELECT * FROM described_tracks WHERE version = $version", params={"version": version}
    )
    with condition_explained(tracks):
        connection.register("chosen_tracks", tracks.filter(where) if where else tracks)
        return _measured(connection)


def _measured(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return read_frame(
        connection.sql(
            "SELECT c.path, c.kind, f.size_bytes, f.mtime_ns, "
            "if(c.fallback IS NULL, c.bpm, NULL) AS bpm, c.key, c.key_name, c.loudness_lufs, "
            "c.true_peak_dbtp, a.loudness_lufs AS album_lufs, "
            "a.true_peak_dbtp AS album_peak_dbtp FROM chosen_tracks AS c JOIN files AS f USING (path) "
            "LEFT JOIN album_loudness AS a ON a.album = c.album "
            "AND a.album_artist IS NOT DISTINCT FROM coalesce(c.albumartist, c.artist) "
            "ORDER BY c.path"
        )
    )


def tag_writes(connection: duckdb.DuckDBPyConnection, run_id: int) -> pl.DataFrame:
    """Read what a run wrote, or was about to when it ended: columns of `WRITES_SCHEMA`, in order."""
    return read_frame(
        connection.sql(
            "SELECT path, field, old_values, new_values FROM tag_writes "
            "WHERE run_id = $run AND status <> 'undone' ORDER BY path, field",
            params={"run": run_id},
        )
    )


def plan_tag_writes(run_id: int, writes: pl.DataFrame) -> Write:
    """Enter what a run is about to write."""
    return Write("etl.store.tag_writes:write_plan", frames={"writes": writes}, values={"run_id": run_id})


def write_plan(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`plan_tag_writes` says."""
    rows = ArrowStream(frames["writes"])  # noqa: F841 (read by name)
    connection.execute(
        "INSERT INTO tag_writes BY NAME SELECT ? AS run_id, 'planned' AS status, * FROM rows",
        [values["run_id"]],
    )


def mark_tag_writes(run_id: int, paths: Sequence[str], status: str) -> Write:
    """Set the status of what a run wrote to files, ``done`` or ``undone``."""
    return Write(
        "etl.store.tag_writes:write_marks",
        values={"run_id": run_id, "paths": list(paths), "status": status},
    )


def write_marks(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`mark_tag_writes` says."""
    connection.execute(
        "UPDATE tag_writes SET status = $status WHERE run_id = $run_id "
        "AND path IN (SELECT unnest(CAST($paths AS VARCHAR[])))",
        dict(values),
    )
