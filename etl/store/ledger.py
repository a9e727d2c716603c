"""The ledger: which work is done, failed or parked, keyed by what the work depends on.

An item is (task, key, version). The key is a content hash or a source id, the version names the analysis and
its options, so that a changed file or a changed analysis is new work and everything else is never redone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.store.frames import ArrowStream, insert
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

LEDGER_SCHEMA: Final[dict[str, Any]] = {
    "item": pl.String,
    "status": pl.String,
    "error": pl.String,
    "not_before": pl.Datetime("us", "UTC"),
    "result_hash": pl.String,
}
"""Columns of a frame of outcomes; all but ``item`` and ``status`` may be null."""

_FINISHED: Final = (
    "task = ? AND version = ? AND (status IN ('done', 'skipped') OR (status = 'failed' AND NOT ?) "
    "OR (status = 'parked' AND not_before > now()))"
)


@dataclass(frozen=True)
class Ledger:
    """The entries of one task at one version.

    Attributes
    ----------
    connection
        The store, open for writing. Record in the transaction that stores the results.
    task, version
        What is done, and by which analysis with which options.
    """

    connection: duckdb.DuckDBPyConnection
    task: str
    version: str

    def record(self, outcomes: pl.DataFrame) -> None:
        """Record outcomes (columns of :data:`LEDGER_SCHEMA`); a known item counts one attempt more."""
        record_entries(
            self.connection,
            outcomes.unique("item", keep="last").with_columns(
                task=pl.lit(self.task), version=pl.lit(self.version)
            ),
        )

    def missing(self, items: pl.DataFrame, *, retry_failed: bool = False) -> pl.DataFrame:
        """Keep the rows of ``items`` (column ``item`` and any others) whose work is still to do, in order.

        Done, skipped and failed items are not to do; failed ones are with ``retry_failed``. Parked items are
        to do once their ``not_before`` has passed.
        """
        asked = ArrowStream(items.select("item"))  # noqa: F841 (read by name)
        finished = self.connection.execute(
            f"SELECT item FROM ledger WHERE item IN (SELECT item FROM asked) AND {_FINISHED}",
            [self.task, self.version, retry_failed],
        ).fetchall()
        return items.filter(~pl.col("item").is_in([item for (item,) in finished]))

    def finished(self) -> set[str]:
        """Give all items whose work is not to do now."""
        rows = self.connection.execute(
            f"SELECT item FROM ledger WHERE {_FINISHED}", [self.task, self.version, False]
        ).fetchall()
        return {item for (item,) in rows}

    def counts(self) -> dict[str, int]:
        """Count the items by status."""
        return dict(
            self.connection.execute(
                "SELECT status, count(*) FROM ledger WHERE task = ? AND version = ? "
                "GROUP BY ALL ORDER BY ALL",
                [self.task, self.version],
            ).fetchall()
        )


def record_entries(connection: duckdb.DuckDBPyConnection, entries: pl.DataFrame) -> None:
    """Record entries, none twice: ``task``, ``version`` and columns of :data:`LEDGER_SCHEMA`."""
    rows = entries.select(
        "task",
        "version",
        *(
            pl.col(name).cast(dtype) if name in entries.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in LEDGER_SCHEMA.items()
        ),
        attempts=pl.lit(1),
        updated_at=pl.lit(datetime.now(UTC)),
    )
    insert(
        connection,
        "ledger",
        rows,
        "ON CONFLICT DO UPDATE SET status = excluded.status, attempts = attempts + 1, "
        "error = excluded.error, not_before = excluded.not_before, "
        "result_hash = excluded.result_hash, updated_at = excluded.updated_at",
    )


def done_items(
    connection: duckdb.DuckDBPyConnection, versions: Mapping[str, str], items: pl.DataFrame
) -> dict[str, list[str]]:
    """List by task which of ``items`` (column ``item``) are done or skipped, each at its own version."""
    asked = ArrowStream(items.select("item"))  # noqa: F841 (read by name)
    rows = connection.execute(
        "SELECT task, list(item) FROM ledger WHERE item IN (SELECT item FROM asked) "
        "AND status IN ('done', 'skipped') AND task || '.' || version IN (SELECT unnest(?)) GROUP BY task",
        [[f"{task}.{version}" for task, version in versions.items()]],
    ).fetchall()
    return {**{task: [] for task in versions}, **dict(rows)}


def record_outcomes(task: str, version: str, outcomes: pl.DataFrame) -> Write:
    """Record outcomes as :meth:`Ledger.record` does; to be put together with the results."""
    return Write(
        "etl.store.ledger:write_outcomes",
        frames={"outcomes": outcomes},
        values={"task": task, "version": version},
    )


def write_outcomes(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`record_outcomes` says."""
    Ledger(connection, values["task"], values["version"]).record(frames["outcomes"])
