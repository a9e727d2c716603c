"""Rates: exact distances, limits by minute and day, tokens and money, a record that outlives the process."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from etl.runtime.errors import EtlError, ExitCode
from etl.services.errors import ParkedError, StoppedError
from etl.services.politeness.rates import DAY, Cost, Limit, Rates, Unit, Window
from tests.support.open_files import has_open
from tests.support.permits import permits

if TYPE_CHECKING:
    from pathlib import Path

    from etl.services.politeness.rates import Permits

MIDNIGHT = 20_000 * DAY


def granted(gate: Permits, number: int, *, start: float = MIDNIGHT, cost: Cost | None = None) -> list[float]:
    """Ask for permits without a pause, on a clock that jumps; give the times at which they come."""
    now = start
    times: list[float] = []
    while len(times) < number:
        refused = gate.refusal(now, cost or Cost())
        if refused is None:
            times.append(now)
        else:
            now = max(refused.until, now + 1e-6)
    return times


def most_within(times: list[float], seconds: float) -> int:
    """Count the permits of the fullest window that is a hair shorter than this."""
    return max(sum(begin <= other < begin + seconds - 1e-5 for other in times) for begin in times)


@pytest.mark.parametrize("per_second", [5 / 60, 0.01, 0.9, 1.5, 3.0, 1000.0])
def test_fractions_of_a_request_per_second_are_exact_and_without_bursts(per_second: float) -> None:
    """200 permits keep the distance of the rate: no two are closer, and none comes later than it has to."""
    times = granted(permits(Rates(1 / per_second)), 200)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 1 / per_second - 1e-6
    assert 199 / (times[-1] - times[0]) >= 0.97 * per_second


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [(Limit(5, Window.MINUTE), 60.0), (Limit(7, Window.ROLLING_DAY), DAY)],
    ids=["minute", "rolling day"],
)
def test_no_window_holds_more_than_the_limit_allows(limit: Limit, seconds: float) -> None:
    """Whichever minute or day is looked at, and 97 % of what is allowed is given in the long run."""
    times = granted(permits(Rates(0.0, (limit,))), 60)
    assert most_within(times, seconds) == limit.most
    assert (times[-1] - times[0]) * 0.97 <= seconds * (60 // limit.most - (60 % limit.most == 0))


def test_utc_days_begin_at_midnight() -> None:
    """What is left of a day may be used until its end; the next day begins with all of it."""
    times = granted(permits(Rates(0.0, (Limit(3, Window.UTC_DAY),))), 7, start=MIDNIGHT + 80_000.0)
    days = [int(moment // DAY) - 20_000 for moment in times]
    assert days == [0, 0, 0, 1, 1, 1, 2]
    assert times[3] == MIDNIGHT + DAY


@pytest.mark.parametrize("unit", [Unit.TOKENS, Unit.MONEY])
def test_costs_count_by_what_a_request_costs(unit: Unit) -> None:
    """Three requests of 300 fit into 1,000 a minute; one of more than the limit goes alone."""
    gate = permits(Rates(0.0, (Limit(1000, Window.MINUTE, unit),)))
    times = granted(gate, 6, cost=Cost(**{unit: 300.0}))
    assert most_within(times, 60.0) == 3
    (big,) = granted(gate, 1, start=times[-1], cost=Cost(**{unit: 5000.0}))
    assert big == pytest.approx(times[-1] + 60)


def test_all_limits_hold_at_once() -> None:
    """The distance, the minute and the day; the tightest one decides at any time."""
    rates = Rates(1.0, (Limit(10, Window.MINUTE), Limit(25, Window.ROLLING_DAY)))
    times = granted(permits(rates), 60)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1.0 - 1e-6
    assert most_within(times, 60.0) == 10
    assert most_within(times, DAY) == 25
    assert rates.per_second == pytest.approx(10 / 60)
    assert rates.per_day == 25


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 90.0), min_size=30, max_size=60))
def test_requests_at_random_moments_never_exceed_the_limits(pauses: list[float]) -> None:
    """However the requests come, brute force over all windows finds none that is too full."""
    gate = permits(Rates(0.5, (Limit(4, Window.MINUTE),)))
    now = MIDNIGHT
    times: list[float] = []
    for pause in pauses:
        now += pause
        times += granted(gate, 1, start=now)
        now = times[-1]
    assert most_within(times, 60.0) <= 4
    assert all(later - earlier >= 0.5 - 1e-6 for earlier, later in pairwise(times))


def test_rates_hold_over_threads() -> None:
    """However many threads ask, no second sees more permits than allowed."""
    gate, stop, times = permits(Rates(1 / 20)), threading.Event(), []

    def work() -> None:
        for _ in range(8):
            gate.acquire(stop)
            times.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    assert all(later - earlier > 0.97 for earlier, later in zip(times, times[20:], strict=False))
    assert len(times) == 32


def test_record_of_requests_outlives_the_process(tmp_path: Path) -> None:
    """A daily limit used up in one run leaves nothing for the next, which parks instead of hanging."""
    stop, rates = threading.Event(), Rates(0.0, (Limit(100, Window.ROLLING_DAY),))
    with permits(rates, tmp_path / "new" / "limits.sqlite") as gate:
        for _ in range(100):
            gate.acquire(stop)
    with permits(rates, tmp_path / "new" / "limits.sqlite") as gate:
        assert gate.sent_last_day() == 100
        with pytest.raises(ParkedError, match="100 requests per rolling day") as caught:
            gate.acquire(stop, longest_wait=30.0)
        assert caught.value.not_before == pytest.approx(time.time() + DAY, abs=60)
        stop.set()
        with pytest.raises(StoppedError):
            gate.acquire(stop)


def test_accounts_do_not_use_up_the_limits_of_one_another(tmp_path: Path) -> None:
    """One file holds the records of all, each by itself."""
    rates = Rates(0.0, (Limit(1, Window.ROLLING_DAY),))
    with permits(rates, tmp_path / "limits.sqlite") as one:
        one.acquire(threading.Event())
        with permits(rates, tmp_path / "limits.sqlite", account="another") as other:
            assert other.refusal(time.time(), Cost()) is None
            assert one.refusal(time.time(), Cost()) is not None


def test_two_processes_share_the_rate(tmp_path: Path) -> None:
    """Two records of the same file, as two processes have, give the permits of one."""
    with (
        permits(Rates(1.0), tmp_path / "limits.sqlite") as one,
        permits(Rates(1.0), tmp_path / "limits.sqlite") as other,
    ):
        now = time.time()
        assert one.refusal(now, Cost()) is None
        refused = other.refusal(now + 0.5, Cost())
        assert refused is not None
        assert refused.until == pytest.approx(now + 1.0)


def test_record_that_another_process_holds_is_waited_for_and_not_replaced(tmp_path: Path) -> None:
    """A lock of a second costs a second, and what was recorded is still there."""
    path, rates = tmp_path / "limits.sqlite", Rates(0.0, (Limit(5, Window.ROLLING_DAY),))
    with permits(rates, path) as gate:
        gate.acquire(threading.Event())
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(1.0, holder.execute, ["COMMIT"])
    release.start()
    with permits(rates, path) as gate:
        gate.acquire(threading.Event())
        assert gate.sent_last_day() == 2
    release.join()
    holder.close()


def test_stamps_from_a_clock_that_was_ahead_hold_nothing_up() -> None:
    """When the clock is set back an hour, the next permit comes at once."""
    gate = permits(Rates(1.0, (Limit(5, Window.ROLLING_DAY),)))
    granted(gate, 5, start=MIDNIGHT + 3600)
    assert gate.refusal(MIDNIGHT, Cost()) is None


def test_spoilt_record_of_requests_is_made_anew(tmp_path: Path) -> None:
    """A record that is not a database does not stop a run."""
    path = tmp_path / "limits.sqlite"
    path.write_bytes(b"not a database" * 100)
    with permits(Rates(0.01), path) as gate:
        gate.acquire(threading.Event())
        assert gate.sent_last_day() == 1


def test_record_that_is_spoilt_while_it_is_used_is_named(tmp_path: Path) -> None:
    """Neither a permit without a record nor an error without words."""
    path = tmp_path / "limits.sqlite"
    with permits(Rates(), path) as gate:
        gate.acquire(threading.Event())
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE permits")
        for use in (lambda: gate.refusal(time.time(), Cost()), gate.sent_last_day, gate.sent_utc_day):
            with pytest.raises(EtlError, match="cannot use the record of requests"):
                use()


def test_slow_pace_is_kept_and_not_taken_for_a_used_up_limit() -> None:
    """A request in 100 seconds, or five a minute, wait for their turn; only a day is worth parking for."""
    for rates in (Rates(100.0), Rates(0.0, (Limit(1, Window.MINUTE),))):
        gate, clock = permits(rates), Clock()
        for _ in range(3):
            gate.acquire(clock, longest_wait=30.0, clock=clock.read)
        assert clock.now - MIDNIGHT == pytest.approx(2 * (rates.interval or 60.0), abs=0.1)


def test_record_that_stays_locked_is_neither_deleted_nor_in_the_way_for_good(tmp_path: Path) -> None:
    """Who finds it locked for seconds is told to try later; what it holds is still there afterwards."""
    path, rates = tmp_path / "limits.sqlite", Rates(0.0, (Limit(5, Window.ROLLING_DAY),))
    with permits(rates, path) as gate:
        gate.acquire(threading.Event())
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(EtlError, match="locked") as caught:
        permits(rates, path)
    assert caught.value.exit_code == ExitCode.PARKED
    holder.close()
    with permits(rates, path) as gate:
        assert gate.sent_last_day() == 1


def test_record_of_another_program_is_named_left_alone_and_not_kept_open(tmp_path: Path) -> None:
    """Its table has other columns: it is no record of requests, and no rubbish either."""
    path = tmp_path / "limits.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE permits (building TEXT)")
    before = path.read_bytes()[100:]  # after the header, which tells how changes are written
    with pytest.raises(EtlError, match="cannot use the record of requests") as caught:
        permits(Rates(1.0), path)
    assert caught.value.exit_code == ExitCode.CANNOT_WRITE
    assert not has_open(path)
    assert path.read_bytes()[100:] == before


def test_clock_that_is_set_back_while_a_run_waits_does_not_hold_it_up() -> None:
    """The wait is worked out anew by the clock as it is then."""
    gate, clock = permits(Rates(10.0)), Clock()
    gate.acquire(clock, clock=clock.read)
    clock.now -= 3600.0
    gate.acquire(clock, clock=clock.read)
    assert clock.now == pytest.approx(MIDNIGHT - 3600.0, abs=0.1)


class Clock(threading.Event):
    """A clock that jumps over every wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MIDNIGHT

    def read(self) -> float:
        """Give the time."""
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time pass."""
        self.now += (timeout or 0.0) + 1e-6
        return False
