"""What is known about an account of a service: together, parked or not, and how it came out of the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from etl.services.politeness.breaker import Breaker
from etl.services.politeness.gate import QUOTA_KEY
from etl.services.state import MemoryState
from etl.store import service_state
from etl.store.database import open_store

if TYPE_CHECKING:
    from pathlib import Path


def test_values_of_one_account_come_together(tmp_path: Path) -> None:
    """By key; other accounts and services know nothing of them."""
    with open_store(tmp_path / "music.duckdb") as connection:
        for key, value in (("quota", 7), ("batches", {"allowed": True, "at": None})):
            service_state.put("spotify", "app", key, value)(connection)
        known = service_state.values(connection, "spotify", "app")
        assert known == {"quota": 7, "batches": {"allowed": True, "at": None}}
        assert service_state.values(connection, "spotify", "another") == {}
        assert service_state.values(connection, "another", "app") == {}


def test_only_services_parked_until_later_are_named(tmp_path: Path) -> None:
    """A time that has passed, and a closed breaker, park nothing."""
    with open_store(tmp_path / "music.duckdb") as connection:
        for service, seconds in (("one", 3600.0), ("two", -3600.0)):
            breaker = {"not_before": time.time() + seconds, "reason": "429", "openings": 1}
            service_state.put(service, "app", "breaker", breaker)(connection)
        service_state.put("three", "app", "breaker", {"not_before": 0.0, "reason": "", "openings": 0})(
            connection
        )
        (parked,) = service_state.parked_services(connection)
    assert parked.service == "one"
    assert parked.not_before.timestamp() == pytest.approx(time.time() + 3600, abs=60)


def test_state_of_an_older_store_moves_out_of_the_ledger(tmp_path: Path) -> None:
    """Parking, refused batches and quota hold on; the ledger keeps what is work."""
    path = tmp_path / "music.duckdb"
    with open_store(path) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = 42")
        connection.execute(
            "INSERT INTO ledger BY NAME "
            "SELECT 'spotify' AS task, 'app' AS item, 'breaker' AS version, 'parked' AS status, "
            "1 AS attempts, '429 too many' AS error, now() + INTERVAL 1 HOUR AS not_before, "
            "'2' AS result_hash, now() AS updated_at "
            "UNION ALL BY NAME SELECT 'spotify' AS task, 'app' AS item, 'batches' AS version, "
            "'skipped' AS status, 1 AS attempts, now() AS updated_at "
            "UNION ALL BY NAME SELECT 'spotify' AS task, 'app' AS item, 'quota' AS version, "
            "'done' AS status, 1 AS attempts, '1234' AS result_hash, now() AS updated_at "
            "UNION ALL BY NAME SELECT 'data3' AS task, 'songs.csv' AS item, '1' AS version, "
            "'done' AS status, 1 AS attempts, now() AS updated_at"
        )
    with open_store(path) as connection:
        known = service_state.values(connection, "spotify", "app")
        tasks = connection.execute("SELECT task FROM ledger").fetchall()
    assert tasks == [("data3",)]
    until = Breaker("Spotify", MemoryState(**known)).parked_until()
    assert until == pytest.approx(time.time() + 3600, abs=60)
    assert known["breaker"]["openings"] == 2
    assert known["batches"]["allowed"] is False
    assert known["batches"]["at"] == pytest.approx(time.time(), abs=60)
    assert known[QUOTA_KEY] == 1234
