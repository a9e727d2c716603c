"""The strategy `staged`: waves of the most urgent items go through all tasks before others begin."""

from __future__ import annotations

import pytest

from etl.batch.plan import Strategy
from etl.pipelines.batch.parked import BatchParkedError
from tests.pipelines.batch.conftest import Batch  # noqa: TC001


def test_the_most_urgent_items_have_all_their_answers_first(batch: Batch) -> None:
    """What the local engine is not sure of goes before what names say; a used-up day leaves whole items."""
    first, second = batch.task("mood"), batch.task("feeling")
    names = ["BD01", "BD02", "x1", "x2", "kick 3", "x3"]
    table = batch.rows(names)
    options = {
        "tasks": ("category", str(first), str(second)), "strategy": Strategy.STAGED, "batch_size": 1,
        "checkpoint_interval": 3,
    }  # fmt: skip
    batch.server.script = lambda _number, _items: None
    with pytest.raises(BatchParkedError):
        batch.run(table, settings={"per_day": 9}, **options)
    asked = [name for names in batch.server.batches for name in names]
    assert asked == ["x1", "x2", "x3"] * 3
    batch.clock.skip(86_400)
    batch.run(table, settings={"per_day": 9}, **options)
    assert set(batch.server.asked.values()) == {3}
    done = batch.query("SELECT count(*) FROM batch_results WHERE engine = 'model' AND status = 'done'")
    assert done == [(18,)]
