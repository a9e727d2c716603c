"""A process pool that outlives its processes."""

from __future__ import annotations

import os
import signal
import time

import pytest

from etl.runtime import pool as pool_module
from etl.runtime.errors import EtlError
from etl.runtime.pool import ProcessPool

POISON = 13


def double(numbers: tuple[int, ...]) -> list[int]:
    """Double numbers; the poisonous one kills its process as the system would."""
    if POISON in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return [2 * number for number in numbers]


def slow(numbers: tuple[int, ...]) -> list[int]:
    """Double numbers; over the poisonous one the process hangs."""
    if POISON in numbers:
        time.sleep(3600)
    return [2 * number for number in numbers]


def run(items, *, workers=2, in_flight=5, function=double, seconds=60.0):
    """Double all items, in pieces where need be."""
    with ProcessPool(workers) as pool:
        return list(
            pool.map(
                function,
                items,
                in_flight=in_flight,
                seconds=seconds,
                divide=lambda numbers: [(number,) for number in numbers],
                lost=lambda numbers, _: [-number for number in numbers],
            )
        )


def flat(results):
    """Join the results of pieces."""
    return [number for result in results for number in result]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_item_that_kills_its_process_costs_itself_only(workers):
    """All others give their results, in order, though the pool broke while they were in flight."""
    items = [tuple(range(start, start + 5)) for start in range(0, 60, 5)]
    expected = [-number if number == POISON else 2 * number for number in range(60)]
    assert flat(run(items, workers=workers)) == expected


def test_an_item_that_hangs_costs_itself_only():
    """Its process is killed when its time is up; all others give their results, in order."""
    items = [tuple(range(start, start + 2)) for start in range(8, 20, 2)]
    expected = [-number if number == POISON else 2 * number for number in range(8, 20)]
    assert flat(run(items, function=slow, seconds=2.0)) == expected


def late(numbers: tuple[int, ...]) -> list[int]:
    """Raise a time-out of its own."""
    raise TimeoutError(f"not the pool's: {numbers}")


def test_a_time_out_of_the_function_itself_is_its_error():
    """It is raised, not taken for a process that hangs."""
    with pytest.raises(TimeoutError, match="not the pool's"):
        run([(1,)], function=late)


def test_without_deaths_items_stay_whole_and_in_order():
    """Nothing is divided that need not be."""
    items = [(number, number + 1) for number in range(100, 140, 2)]
    assert run(items) == [[2 * a, 2 * b] for a, b in items]


def test_the_last_item_may_kill_too():
    """There is nothing after it to notice the death."""
    assert run([(1,), (2,), (POISON,)]) == [[2], [4], [-POISON]]


def test_processes_that_cannot_start_end_the_run(monkeypatch):
    """Where processes die without work, no item is to blame."""
    monkeypatch.setattr(pool_module, "_nothing", double_poison)
    with pytest.raises(EtlError, match="do not start"):
        run([(POISON,)])


def double_poison() -> None:
    """Die at once."""
    os.kill(os.getpid(), signal.SIGKILL)
