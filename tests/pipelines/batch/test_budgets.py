"""Budgets of a minute, a UTC day and money, on a clock that server and limits share."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from etl.pipelines.batch.parked import BatchParkedError
from etl.runtime.errors import EtlError, ExitCode
from tests.pipelines.batch.conftest import Batch, write_samples
from tests.support.virtual_clock import MIDNIGHT

DAY = 86_400.0


def test_the_fewest_requests_three_days_and_no_limit_is_passed(batch: Batch) -> None:
    """5 a request, 5 a minute, 5 a UTC day; `tests/robustness/batch_days.py` does it with 604 files."""
    table = batch.rows([*(f"kick {number}" for number in range(58)), "no 1", "no 2"])
    result = batch.run(
        table, where="name LIKE 'kick%'", batch_size=5, wait=True,
        settings={"per_minute": 5.0, "per_day": 5},
    )  # fmt: skip
    arrivals = batch.server.arrivals
    assert Counter(int((at - MIDNIGHT) // DAY) for at in arrivals) == {0: 5, 1: 5, 2: 2}
    assert all(later - earlier >= 12.0 for earlier, later in pairwise(arrivals))
    assert set(batch.server.asked.values()) == {1}
    asked = result.stages[-1]
    assert (asked.done, asked.skipped, asked.failed, asked.open) == (58, 2, 0, 0)


def test_what_is_filtered_or_corrupt_has_its_reason_and_no_request(batch: Batch) -> None:
    """Each item is in one state, and says why."""
    folder = batch.folder / "samples"
    write_samples(folder, 3)
    (folder / "note.txt").write_text("not a sample", encoding="utf-8")
    (folder / "text.wav").write_text("not a sample either", encoding="utf-8")
    (folder / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    batch.run(folder, tasks=("vibe",), pattern="*.WAV", where="name <> 'kick_0000.wav'")
    reasons = Counter(
        reason.split(":")[0]
        for (reason,) in batch.query("SELECT reason FROM batch_items WHERE status = 'skipped'")
    )
    assert reasons == {"filtered": 2, "corrupt": 1, "not audio": 1}
    assert batch.server.batches == [["kick_0001.wav", "kick_0002.wav"]]


def test_a_used_up_day_parks_the_run_and_says_when_to_come_back(batch: Batch) -> None:
    """Without --wait it ends with 75; on the next day the same command continues."""
    table = batch.rows([f"n{index}" for index in range(12)])
    with pytest.raises(BatchParkedError, match="UTC day") as caught:
        batch.run(table, batch_size=3, settings={"per_day": 2})
    assert caught.value.exit_code == ExitCode.PARKED
    assert caught.value.not_before == pytest.approx(MIDNIGHT + DAY)
    assert "2026-01-02 00:00:00 UTC" in str(caught.value)
    batch.clock.skip(DAY)
    assert batch.run(table, batch_size=3, settings={"per_day": 2}).stages[-1].open == 0
    assert len(batch.server.arrivals) == 4


def test_overnight_spreads_the_requests_of_a_day(batch: Batch) -> None:
    """With 24 a day one goes each hour."""
    batch.run(
        batch.rows([f"n{index}" for index in range(5)]),
        batch_size=1,
        settings={"per_day": 24, "overnight": True},
    )
    arrivals = batch.server.arrivals
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert gaps == pytest.approx([3600.0] * 4, abs=1.0)


def test_max_cost_is_a_bound_on_what_may_be_spent(batch: Batch) -> None:
    """The run ends before the request that could pass it; what was answered stays."""
    table = batch.rows([f"n{index}" for index in range(20)])
    prices = {"prompt_price": 10.0, "completion_price": 10.0}
    with pytest.raises(EtlError, match="budget") as caught:
        batch.run(table, batch_size=5, settings=prices, max_cost=0.013)
    assert caught.value.exit_code == ExitCode.PARKED
    done = sum(state == "done" for state in batch.states().values())
    assert 0 < done < 20
    assert batch.query("SELECT sum(cost) <= 0.013 FROM batch_outcomes") == [(True,)]
