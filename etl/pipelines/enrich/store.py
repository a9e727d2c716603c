"""What is known about a service from earlier runs, kept in the ledger: parked until, and batches or not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.services.breaker import BreakerState
from etl.store.database import second_connection
from etl.store.ledger import Ledger

if TYPE_CHECKING:
    import duckdb

BATCHES_AGAIN_DAYS: Final = 30
"""After so many days an app that was refused batches tries once more: its quota may have grown."""


class _LedgerEntry:
    """An entry (service, app) of the ledger; safe to use from any thread.

    Parameters
    ----------
    connection
        The store, open for writing.
    service
        Name of the task.
    app
        Stands for the credentials without giving them away.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, service: str, app: str) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = connection
        self._service = service
        self._app = app

    def close(self) -> None:
        """Let go of the store; what threads still report afterwards is dropped."""
        self._connection = None

    def _put(self, version: str, entry: dict[str, object]) -> None:
        if (connection := self._connection) is not None:
            _record(connection, self._service, version, {"item": self._app, **entry})


class LedgerBreakerStore(_LedgerEntry):
    """Keeps a breaker's state."""

    def load(self) -> BreakerState:
        """Return what was saved last, or a closed state."""
        if self._connection is None:
            return BreakerState()
        row = self._connection.execute(
            "SELECT epoch(not_before), error, TRY_CAST(result_hash AS INTEGER) FROM ledger "
            "WHERE task = ? AND item = ? AND version = 'breaker' AND status = 'parked'",
            [self._service, self._app],
        ).fetchone()
        return BreakerState(row[0], row[1] or "", row[2] or 1) if row else BreakerState()

    def save(self, state: BreakerState) -> None:
        """Keep the state durably before returning."""
        is_open = state.openings > 0
        entry: dict[str, object] = {
            "status": "parked" if is_open else "done",
            "error": state.reason or None,
            "not_before": datetime.fromtimestamp(state.not_before, UTC) if is_open else None,
            "result_hash": str(state.openings),
        }
        self._put("breaker", entry)


class LedgerBatchMemory(_LedgerEntry):
    """Remembers per app whether batches are allowed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, service: str, app: str) -> None:
        super().__init__(connection, service, app)
        row = connection.execute(
            "SELECT status = 'done' FROM ledger WHERE task = ? AND item = ? AND version = 'batches' "
            "AND (status = 'done' OR updated_at > now() - to_days(?))",
            [service, app, BATCHES_AGAIN_DAYS],
        ).fetchone()
        self._allowed: bool | None = row[0] if row else None

    def batches_allowed(self) -> bool | None:
        """Return what is known, None for nothing (any more)."""
        return self._allowed

    def remember(self, *, allowed: bool) -> None:
        """Keep it durably."""
        self._allowed = allowed
        self._put("batches", {"status": "done" if allowed else "skipped"})


def known_quota(connection: duckdb.DuckDBPyConnection, service: str, app: str) -> int | None:
    """Return after how many requests of a day the quota was last exceeded, None if it never was."""
    row = connection.execute(
        "SELECT TRY_CAST(result_hash AS INTEGER) FROM ledger "
        "WHERE task = ? AND item = ? AND version = 'quota'",
        [service, app],
    ).fetchone()
    return row[0] if row else None


def remember_quota(connection: duckdb.DuckDBPyConnection, service: str, app: str, requests: int) -> None:
    """Keep the number of requests of a day after which the quota was exceeded."""
    _record(connection, service, "quota", {"item": app, "status": "done", "result_hash": str(requests)})


def _record(
    connection: duckdb.DuckDBPyConnection, service: str, version: str, entry: dict[str, object]
) -> None:
    # A connection of its own: the caller is any thread, and the connection may be in a transaction.
    with second_connection(connection) as cursor:
        Ledger(cursor, service, version).record(pl.DataFrame([entry]))
