"""The ledger: what is done is not done again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from etl.store.database import open_store, transaction
from etl.store.ledger import Ledger, done_items, record_outcomes


@pytest.fixture
def ledger(tmp_path):
    """Open an empty ledger."""
    with open_store(tmp_path / "music.duckdb") as connection:
        yield Ledger(connection, "task", "1")


def outcomes(status: str, *items: str, **columns: object) -> pl.DataFrame:
    """Make outcomes of one status."""
    return pl.DataFrame({"item": list(items)}).with_columns(
        status=pl.lit(status), **{name: pl.lit(value) for name, value in columns.items()}
    )


def todo(ledger: Ledger, **options: bool) -> list[str]:
    """Name what is to do of five items."""
    items = pl.DataFrame({"item": list("edcba"), "size": [5, 4, 3, 2, 1]})
    missing = ledger.missing(items, **options)
    assert missing.columns == ["item", "size"]
    return missing["item"].to_list()


def test_done_and_skipped_items_are_not_to_do_and_the_rest_keeps_its_order(ledger):
    """The order of the items is the caller's."""
    assert todo(ledger) == list("edcba")
    ledger.record(outcomes("done", "d"))
    ledger.record(outcomes("skipped", "b"))
    assert todo(ledger) == list("eca")


def test_failed_items_are_to_do_only_when_asked(ledger):
    """A failure is not tried for ever."""
    ledger.record(outcomes("failed", "a", error="bad"))
    assert "a" not in todo(ledger)
    assert "a" in todo(ledger, retry_failed=True)


def test_parked_items_are_to_do_once_their_time_has_come(ledger):
    """``not_before`` outlives the process."""
    now = datetime.now(UTC)
    ledger.record(outcomes("parked", "a", not_before=now + timedelta(hours=1)))
    ledger.record(outcomes("parked", "b", not_before=now - timedelta(hours=1)))
    assert "a" not in todo(ledger)
    assert "b" in todo(ledger)


def test_task_and_version_are_separate_ledgers(ledger):
    """Another analysis is new work."""
    ledger.record(outcomes("done", *"abcde"))
    assert todo(ledger) == []
    assert todo(Ledger(ledger.connection, "task", "2")) == list("edcba")
    assert todo(Ledger(ledger.connection, "other", "1")) == list("edcba")


def test_recording_again_counts_attempts_and_takes_the_last_outcome(ledger):
    """An item that fails and then succeeds has two attempts and no error."""
    ledger.record(outcomes("failed", "a", error="bad"))
    ledger.record(pl.concat([outcomes("failed", "a"), outcomes("done", "a")]))
    rows = ledger.connection.sql("SELECT item, status, attempts, error FROM ledger").fetchall()
    assert rows == [("a", "done", 2, None)]
    assert ledger.counts() == {"done": 1}


def test_outcomes_go_with_the_transaction_of_the_results(ledger):
    """A failure before the commit leaves the work to do."""
    with pytest.raises(RuntimeError), transaction(ledger.connection):  # noqa: PT012
        ledger.record(outcomes("done", "a"))
        raise RuntimeError
    assert todo(ledger) == list("edcba")


def test_no_outcomes_are_no_error(ledger):
    """An empty frame records nothing."""
    ledger.record(outcomes("done"))
    assert ledger.counts() == {}


def test_what_is_done_is_told_by_task_each_at_its_version(ledger):
    """Failed and parked items are not done, nor what an older analysis did; none that is not asked for."""
    other = Ledger(ledger.connection, "other", "7")
    ledger.record(pl.concat([outcomes("done", "a", "z"), outcomes("skipped", "b"), outcomes("failed", "c")]))
    Ledger(ledger.connection, "task", "7").record(outcomes("done", "d"))
    other.record(outcomes("done", "d"))
    items = pl.DataFrame({"item": list("abcd")})
    found = done_items(ledger.connection, {"task": "1", "other": "7", "third": "1"}, items)
    assert {task: sorted(done) for task, done in found.items()} == {
        "task": ["a", "b"],
        "other": ["d"],
        "third": [],
    }


def test_finished_is_all_that_is_not_to_do_now(ledger):
    """Failures are; what is parked is until its time has come."""
    now = datetime.now(UTC)
    ledger.record(pl.concat([outcomes("done", "a"), outcomes("failed", "b"), outcomes("skipped", "c")]))
    ledger.record(outcomes("parked", "d", not_before=now + timedelta(hours=1)))
    ledger.record(outcomes("parked", "e", not_before=now - timedelta(hours=1)))
    Ledger(ledger.connection, "other", "1").record(outcomes("done", "f"))
    assert ledger.finished() == set("abcd")


def test_an_outcome_keeps_its_hash_and_is_recorded_by_a_write(ledger):
    """A parked item that is done is parked no more."""
    ledger.record(outcomes("parked", "a", not_before=datetime.now(UTC) + timedelta(hours=1), error="busy"))
    record_outcomes("task", "1", outcomes("done", "a", result_hash="abc"))(ledger.connection)
    rows = ledger.connection.sql("SELECT status, error, not_before, result_hash, attempts FROM ledger")
    assert rows.fetchall() == [("done", None, None, "abc", 2)]
