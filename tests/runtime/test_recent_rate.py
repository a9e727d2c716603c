"""Rates from recent work."""

from __future__ import annotations

import math

from hypothesis import given, strategies as st

from etl.runtime.watch.recent_rate import RecentRate

STEPS = st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**12)), max_size=60)


def _observed(*steps: tuple[float, int]) -> RecentRate:
    rate = RecentRate()
    for now, count in steps:
        rate.observe(now, count)
    return rate


@given(STEPS, st.floats(0, 1e6))
def test_a_rate_is_unknown_or_a_positive_number(steps, later):
    """Whatever comes, and whenever it is asked for."""
    rate, now, count = RecentRate(), 0.0, 0
    for seconds, more in steps:
        now, count = now + seconds, count + more
        rate.observe(now, count)
        found = rate.per_second(now + later)
        assert found is None or (found > 0 and math.isfinite(found))


def test_nothing_done_has_no_rate():
    """However long it takes."""
    rate = _observed(*((float(second), 0) for second in range(300)))
    assert rate.per_second(300) is None


def test_waiting_before_the_first_result_does_not_count():
    """A run that compiles for 214 s and then does two tracks a second does two tracks a second."""
    rate = _observed((213.9, 0), *((214 + second / 2, second + 1) for second in range(10)))
    assert rate.per_second(218.5) == 2


def test_bursts_do_not_make_the_rate_swing():
    """Between two commits of 500 items every five seconds it stays at 100 a second."""
    rate = RecentRate()
    found = set()
    for tenth in range(10, 2000):
        rate.observe(tenth / 10, 500 * (tenth // 50))
        found.add(rate.per_second(tenth / 10))
    assert found == {None, 100.0}


def test_a_run_that_is_stuck_slows_down():
    """A pause that is longer than any before it lowers the rate."""
    rate = _observed((0, 1), (1, 2), (2, 3), (3, 4))
    assert rate.per_second(4) == 1
    assert rate.per_second(7) == 0.5
    assert rate.per_second(301) == 0.01


def test_old_work_is_forgotten():
    """After a quick start the rate is that of the last half minute."""
    rate = _observed(*((float(second), 1000 * second) for second in range(1, 100)))
    for second in range(100, 200):
        rate.observe(float(second), 99_000 + second - 99)
    assert rate.per_second(199) == 1


def test_a_count_that_is_put_right_begins_anew():
    """Fewer than before is no negative rate."""
    rate = _observed((0, 10), (1, 20), (2, 5), (3, 6))
    assert rate.per_second(3) == 1
