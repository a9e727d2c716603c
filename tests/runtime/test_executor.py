"""Ordered mapping with bounded work in flight."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from etl.runtime.executor import (
    ordered_map,
    process_executor,
    thread_executor,
)
from etl.runtime.work.cores import default_workers
from etl.runtime.work.memory import without_cycle_collection

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_results_come_in_order_whatever_finishes_first():
    """Later items that are done sooner wait for earlier ones."""

    def work(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    with thread_executor(4) as executor:
        assert list(ordered_map(executor, work, range(40), in_flight=6)) == [n * n for n in range(40)]


@pytest.mark.parametrize("in_flight", [1, 3])
def test_items_are_drawn_only_when_there_is_room(in_flight):
    """A slow consumer slows the source: never more than ``in_flight`` items are out."""
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in range(20):
            drawn += 1
            yield number

    with thread_executor(2) as executor:
        for given, _ in enumerate(ordered_map(executor, str, items(), in_flight=in_flight)):
            assert drawn - given <= in_flight


def test_an_error_reaches_the_caller_and_cancels_what_has_not_started():
    """The results before the failing item are given, and no new work starts after it."""
    started = []
    gate = threading.Event()

    def work(number: int) -> int:
        started.append(number)
        if number == 2:
            raise ValueError("two")
        if number > 2:
            gate.wait(5)
        return number

    given = []
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(ValueError, match="two"):  # noqa: PT012
            for result in ordered_map(executor, work, range(100), in_flight=10):
                given.append(result)  # noqa: PERF402 (what came before the error matters)
        gate.set()
    assert given == [0, 1]
    assert len(started) <= 4


def test_an_error_of_the_source_cancels_what_has_not_started():
    """A source that fails ends the mapping with its own error."""

    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("source")

    with thread_executor(2) as executor, pytest.raises(OSError, match="source"):
        list(ordered_map(executor, str, items(), in_flight=10))


def test_consumer_that_stops_early_cancels_the_rest():
    """Closing the iterator leaves nothing running that had not started."""
    started: list[int] = []
    with thread_executor(1) as executor:
        results = ordered_map(executor, started.append, range(100), in_flight=50)
        next(results)
        results.close()
    assert len(started) < 50


def test_no_items_give_no_results():
    """Nothing in, nothing out."""
    with thread_executor(1) as executor:
        assert list(ordered_map(executor, str, [], in_flight=2)) == []


def test_processes_have_one_numerical_thread_each():
    """Spawned processes do not fight over the cores."""
    with process_executor(1) as executor:
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        assert list(ordered_map(executor, _environment, variables, in_flight=3)) == ["1"] * 3


def _environment(name: str) -> str | None:
    import os

    return os.environ.get(name)


def test_default_workers_are_the_cores_of_this_process():
    """At least one."""
    assert default_workers() >= 1


def test_cycle_collection_is_paused_and_comes_back():
    """Also after an error; where it was off before, it stays off."""
    with suppress(ValueError), without_cycle_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
