"""Descriptions of recordings as a cache: what is kept, what of it no file needs any more, and deleting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.audio.features import FEATURE_VERSION
from etl.store.frames import read_frame
from etl.store.library import PRESENT, SPARED
from etl.store.sonic_features import SONIC_TASK

if TYPE_CHECKING:
    import duckdb
    import polars as pl

# No file needs it that is there or was there lately, or a newer version of the features has taken its place.
_UNUSED: Final = (
    f"(item NOT IN (SELECT content_hash FROM files WHERE {SPARED} AND content_hash IS NOT NULL) "
    f"OR split_part(version, '.', 1) <> '{FEATURE_VERSION}')"
)


def descriptions_info(connection: duckdb.DuckDBPyConnection, *, older_than_days: float) -> pl.DataFrame:
    """Count what is kept for so many days or longer.

    Returns
    -------
    DataFrame
        ``kind``, ``status``, ``reason`` (version and mode, and whether any file needs them), ``ids``,
        ``oldest``, ``newest``; most first.
    """
    return read_frame(
        connection.sql(
            "SELECT 'recording' AS kind, if(status = 'done', 'described', status) AS status, "
            f"version || if({_UNUSED}, ', unused', '') AS reason, count(*) AS ids, "
            "min(updated_at) AS oldest, max(updated_at) AS newest FROM ledger "
            "WHERE task = ? AND updated_at <= now() - to_seconds(?) GROUP BY ALL "
            "ORDER BY ids DESC, reason, status",
            params=[SONIC_TASK, older_than_days * 86_400],
        )
    )


def clear_descriptions(connection: duckdb.DuckDBPyConnection, *, older_than_days: float, unused: bool) -> int:
    """Delete descriptions made so many days ago or earlier; give how many.

    Parameters
    ----------
    connection
        The store, in a transaction.
    older_than_days
        Age from which they go.
    unused
        Only those that no file needs that is there, or was there in the last 30 days, or that a newer version
        of the features replaces.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE dropped AS SELECT item, version FROM ledger "
        f"WHERE task = ? AND updated_at <= now() - to_seconds(?) AND {_UNUSED if unused else 'true'}",
        [SONIC_TASK, older_than_days * 86_400],
    )
    connection.execute(
        "DELETE FROM sonic_features AS s USING dropped AS d "
        "WHERE s.content_hash = d.item AND s.version = d.version"
    )
    count: int = connection.execute(
        "DELETE FROM ledger AS l USING dropped AS d "
        "WHERE l.task = ? AND l.item = d.item AND l.version = d.version",
        [SONIC_TASK],
    ).fetchall()[0][0]
    return count


def described_files(
    connection: duckdb.DuckDBPyConnection, *, older_than_days: float
) -> list[tuple[str, str, bool]]:
    """Read which files have a description that is so many days old or older.

    Returns
    -------
    list
        Path, hash, and whether it is one of the sound rather than of all bytes; by path.
    """
    return connection.execute(
        f"SELECT path, content_hash, audio_bytes IS NOT NULL FROM files WHERE {PRESENT} AND "
        "content_hash IN (SELECT item FROM ledger WHERE task = ? AND updated_at <= now() - to_seconds(?)) "
        "ORDER BY path",
        [SONIC_TASK, older_than_days * 86_400],
    ).fetchall()
