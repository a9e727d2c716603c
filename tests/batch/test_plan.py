"""How items are shared out among requests, and how long that takes: worked out by hand from the limits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from etl.batch.plan import APPROACHES, Pace, Strategy, fewest_together, shared_out, strategy_for

NOON = 43_200.0
"""Seconds of a day that are over."""


@pytest.mark.parametrize(
    ("items", "strategy"),
    [
        (0, "sequential"), (100, "sequential"), (101, "batched"), (500, "batched"), (501, "checkpoints"),
        (5000, "checkpoints"), (5001, "staged"), (10**6, "staged"),
    ],
)  # fmt: skip
def test_more_items_are_gone_about_in_another_way(items: int, strategy: str) -> None:
    """As docs/batch.md has them."""
    assert strategy_for(items) == strategy


def test_what_the_strategies_are() -> None:
    """Whether categories go together, items between two checkpoints, all processors, items of a wave."""
    rows = {
        strategy: (way.by_category, way.checkpoint, way.parallel, way.wave)
        for strategy, way in APPROACHES.items()
    }
    assert rows == {
        Strategy.SEQUENTIAL: (False, 0, False, 0),
        Strategy.BATCHED: (True, 0, False, 0),
        Strategy.CHECKPOINTS: (True, 50, True, 0),
        Strategy.STAGED: (True, 500, True, 500),
    }


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 12))
def test_all_items_are_shared_out_once_among_as_few_requests_as_can_be(items: list[int], most: int) -> None:
    """Sizes differ by one at most, the larger first; groups stand together, in order of their first item."""
    parts = shared_out(items, most, lambda item: item)
    assert len(parts) == -(-len(items) // most)
    sizes = [len(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert not sizes or sizes[0] - sizes[-1] <= 1
    joined = [item for part in parts for item in part]
    assert joined == sorted(items, key=list(dict.fromkeys(items)).index)
    assert [item for part in shared_out(items, most) for item in part] == items


@pytest.mark.parametrize(
    ("pace", "calls", "days", "seconds"),
    [
        (Pace(12.0), 0, 0, 0.0),
        (Pace(12.0), 1, 1, 0.0),
        (Pace(12.0), 3, 1, 24.0),
        (Pace(12.0, now=NOON), 3601, 1, 43_200.0),
        (Pace(12.0, now=NOON), 3602, 2, 43_212.0),
        (Pace(12.0, 50), 50, 1, 588.0),
        (Pace(12.0, 50, now=NOON), 50, 1, 588.0),
        (Pace(12.0, 50, now=NOON), 51, 2, 43_200.0),
        (Pace(12.0, 50, now=NOON), 52, 2, 43_212.0),
        (Pace(12.0, 50, now=NOON), 100, 2, 43_788.0),
        (Pace(12.0, 50, now=NOON), 101, 3, 129_600.0),
        (Pace(12.0, 50, sent_today=20, now=NOON), 30, 1, 348.0),
        (Pace(12.0, 50, sent_today=20, now=NOON), 31, 2, 43_200.0),
        (Pace(12.0, 50, sent_today=70, now=NOON), 1, 2, 43_200.0),
        (Pace(12.0, 50, sent_today=50, now=7 * 86_400.0), 1, 2, 86_400.0),
    ],
)
def test_a_day_has_its_requests_and_the_next_begins_at_midnight(pace, calls, days, seconds) -> None:
    """The first of a day at once, each other an interval later; what was sent today counts."""
    assert (pace.days(calls), pace.seconds(calls)) == (days, seconds)


@pytest.mark.parametrize(
    ("items", "days", "pace", "usual", "together"),
    [
        (604, 1, Pace(12.0, 50), 5, 13), (604, 3, Pace(12.0, 50), 5, 5), (604, 1, Pace(12.0), 5, 5),
        (0, 1, Pace(12.0, 50), 5, 5), (10, 1, Pace(12.0, 50), 5, 1), (9999, 1, Pace(12.0, 50), 5, 50),
        (9999, 1, Pace(12.0, 50), 80, 80), (10, 1, Pace(12.0, 50, sent_today=50), 5, 50),
        (100, 2, Pace(12.0, 50, sent_today=50), 5, 2), (100, 1, Pace(12.0, 50, sent_today=25), 5, 4),
    ],
)  # fmt: skip
def test_as_few_items_go_together_as_end_in_time(items, days, pace, usual, together) -> None:
    """At most fifty, or what is usual where that is more; without a limit of the day what is usual."""
    assert fewest_together(items, days, pace, usual=usual) == together
