"""Looks into a store, at little cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etl.runtime.limits import LIMITS
from etl.store.connection import connect_store
from etl.store.journal import waiting_bursts

if TYPE_CHECKING:
    from pathlib import Path


def stored_rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Query a store that no run of this process has open, without this version's views; no burst waits."""
    assert not waiting_bursts(database)
    with connect_store(database, read_only=True, limits=LIMITS) as connection:
        return connection.execute(sql).fetchall()
