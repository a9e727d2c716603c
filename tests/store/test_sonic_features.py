"""Descriptions in the store: which failures are final, and what takes the place of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from etl.store.database import open_store
from etl.store.ledger import Ledger
from etl.store.sonic_features import FEATURE_SCHEMA, OUTCOME_SCHEMA, SONIC_TASK, put_descriptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

BEAT = "2.beat"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give an empty store."""
    with open_store(tmp_path / "s.duckdb") as connection:
        yield connection


def put(store: duckdb.DuckDBPyConnection, *outcomes: tuple[str, str | None, bool, bool]) -> None:
    """Store what became of recordings, described ones with numbers of no meaning."""
    rows: list[dict[str, Any]] = [
        {name: 0 for name in FEATURE_SCHEMA if not name.startswith("vector")}
        | {name: [0.0] * 128 for name in FEATURE_SCHEMA if name.startswith("vector")}
        | {"content_hash": item, "mode": "beat", "fallback": None, "beat_times_s": []}
        | {"key_name": "C Major", "camelot": "8B"}
        for item, problem, *_ in outcomes
        if problem is None
    ]
    entries = pl.DataFrame(outcomes, OUTCOME_SCHEMA, orient="row")
    put_descriptions(pl.DataFrame(rows, FEATURE_SCHEMA), entries, version=BEAT, tries=3)(store)


def waiting(store: duckdb.DuckDBPyConnection, *items: str) -> list[str]:
    """Give the items that the next run would do."""
    return Ledger(store, SONIC_TASK, BEAT).missing(pl.DataFrame({"item": items}))["item"].to_list()


def test_what_costs_a_process_is_tried_thrice(store):
    """A crash parks the track for the next run, a third one fails it; a plain failure is final at once."""
    lost, plain = ("crashes", "crashed", True, True), ("refused", "no audio", False, True)
    for attempt in range(3):
        put(store, *([lost, plain] if attempt == 0 else [lost]))
        assert waiting(store, "crashes", "refused") == (["crashes"] if attempt < 2 else [])


def test_a_file_that_cannot_be_read_is_never_given_up(store):
    """Tracks of an unplugged disk wait for it, however often a run finds them missing."""
    for _ in range(5):
        put(store, ("away", "not decodable", False, False))
        assert waiting(store, "away") == ["away"]


def test_success_after_failures_is_done(store):
    """It stays done, and its error is gone."""
    put(store, ("a", "crashed", True, True))
    put(store, ("a", None, False, True))
    assert waiting(store, "a") == []
    assert store.sql("SELECT status, error, attempts FROM ledger").fetchall() == [("done", None, 2)]


def test_a_description_takes_the_place_of_earlier_ones(store):
    """Of the same version, and of older ones; another mode of this version stays."""
    put(store, ("a", None, False, True), ("b", None, False, True))
    store.execute("INSERT INTO sonic_features SELECT * REPLACE ('1.beat' AS version) FROM sonic_features")
    store.execute(
        "INSERT INTO sonic_features SELECT * REPLACE ('2.window' AS version) FROM sonic_features "
        "WHERE version = '2.beat'"
    )
    put(store, ("a", None, False, True))
    rows = store.sql("SELECT content_hash, version FROM sonic_features ORDER BY ALL").fetchall()
    assert rows == [
        ("a", "2.beat"), ("a", "2.window"),
        ("b", "1.beat"), ("b", "2.beat"), ("b", "2.window"),
    ]  # fmt: skip
