"""The cache of sonic descriptions: what it holds, what of it no file needs, whether files changed unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.audio.sonic import FEATURE_VERSION
from etl.runtime.hashing import content_hash
from etl.store.database import transaction
from etl.store.library import SONIC_TASK

if TYPE_CHECKING:
    import duckdb

_USED = "SELECT content_hash FROM files WHERE content_hash IS NOT NULL AND gone_at IS NULL"


def cache_info(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Say, a line per version, how many descriptions and failures there are and how many no file needs."""
    rows = connection.execute(
        "SELECT version, count(*) FILTER (status = 'done'), count(*) FILTER (status = 'failed'), "
        f"count(*) FILTER (item NOT IN ({_USED})), min(updated_at)::DATE, max(updated_at)::DATE "
        "FROM ledger WHERE task = ? GROUP BY version ORDER BY version",
        [SONIC_TASK],
    ).fetchall()
    return [
        f"{version}: {done:,} described, {failed:,} failed, {unused:,} unused; {first} to {last}"
        for version, done, failed, unused, first, last in rows
    ] or ["the cache is empty"]


def clear_cache(
    connection: duckdb.DuckDBPyConnection, *, older_than_days: int | None, everything: bool
) -> int:
    """Forget descriptions that no file needs or that are of an older version; give how many.

    Parameters
    ----------
    connection
        The store, open for writing.
    older_than_days
        Only those made so many days ago or earlier; None for all.
    everything
        Those that files need as well; the next run makes them again.
    """
    age = "" if older_than_days is None else f"AND updated_at <= now() - INTERVAL {int(older_than_days)} DAY"
    needless = (
        ""
        if everything
        else f"AND (item NOT IN ({_USED}) OR split_part(version, '.', 1) <> '{FEATURE_VERSION}')"
    )
    with transaction(connection):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE dropped AS SELECT item, version FROM ledger "
            f"WHERE task = '{SONIC_TASK}' {age} {needless}"
        )
        count: int = connection.execute("SELECT count(*) FROM dropped").fetchall()[0][0]
        connection.execute(
            "DELETE FROM sonic_features AS s USING dropped AS d "
            "WHERE s.content_hash = d.item AND s.version = d.version"
        )
        connection.execute(
            "DELETE FROM ledger AS l USING dropped AS d "
            f"WHERE l.task = '{SONIC_TASK}' AND l.item = d.item AND l.version = d.version"
        )
    return count


def verify_cache(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read every hashed file again; name those whose content changed while size and time did not."""
    problems = []
    for path, known in connection.sql(
        "SELECT path, content_hash FROM files "
        "WHERE content_hash IS NOT NULL AND gone_at IS NULL ORDER BY path"
    ).fetchall():
        try:
            if content_hash(path) != known:
                problems.append(f"{path}: content changed since it was described")
        except OSError as error:
            problems.append(f"{path}: {error.strerror or error}")
    return problems
