"""The ledger: which work is done, failed or parked, keyed by what the work depends on.

An item is (task, key, version). The key is a content hash or a source id, the version names the analysis and
its options, so that a changed file or a changed analysis is new work and everything else is never redone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

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
        rows = outcomes.unique("item", keep="last").select(  # noqa: F841 (read by name)
            pl.lit(self.task).alias("task"),
            pl.lit(self.version).alias("version"),
            *(
                pl.col(name).cast(dtype) if name in outcomes.columns else pl.lit(None, dtype).alias(name)
                for name, dtype in LEDGER_SCHEMA.items()
            ),
        )
        self.connection.execute(
            "INSERT INTO ledger BY NAME SELECT *, 1 AS attempts, now() AS updated_at FROM rows "
            "ON CONFLICT DO UPDATE SET status = excluded.status, attempts = attempts + 1, "
            "error = excluded.error, not_before = excluded.not_before, "
            "result_hash = excluded.result_hash, updated_at = excluded.updated_at"
        )

    def missing(self, items: pl.DataFrame, *, retry_failed: bool = False) -> pl.DataFrame:
        """Keep the rows of ``items`` (column ``item`` and any others) whose work is still to do, in order.

        Done, skipped and failed items are not to do; failed ones are with ``retry_failed``. Parked items are
        to do once their ``not_before`` has passed.
        """
        finished = self.connection.sql(
            f"SELECT item FROM ledger WHERE item IN (SELECT item FROM items) AND {_FINISHED}",
            params=[self.task, self.version, retry_failed],
        ).pl()
        return items.join(finished, on="item", how="anti", maintain_order="left")

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
