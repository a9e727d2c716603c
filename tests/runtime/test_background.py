"""One thread that does jobs in the order they come."""

from __future__ import annotations

import threading

import pytest

from etl.runtime.work.background import Background


def test_jobs_are_done_in_order_and_all_by_the_end():
    """On one thread, which is not the caller's."""
    done: list[tuple[int, int]] = []
    with Background(waiting=3) as background:
        for number in range(50):
            background(lambda n: done.append((n, threading.get_ident())), number)
    assert [number for number, _ in done] == list(range(50))
    threads = {thread for _, thread in done}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_no_more_than_a_few_jobs_wait():
    """A call blocks until there is room."""
    gate = threading.Event()
    with Background(waiting=2) as background:
        background(wait_for, gate)
        background(nothing)
        caller = threading.Thread(target=background, args=(nothing,))
        caller.start()
        caller.join(0.2)
        assert caller.is_alive()
        gate.set()
        caller.join(30)
        assert not caller.is_alive()


def test_the_error_of_a_job_is_raised_at_the_end():
    """If no call came before."""
    with pytest.raises(OSError, match="disk full"), Background(waiting=2) as background:
        background(fail)


def test_after_the_callers_own_error_what_waits_is_not_done():
    """That error comes out, and the job at hand is waited for."""
    gate = threading.Event()
    done: list[int] = []

    def hand_over() -> None:
        with Background(waiting=9) as background:
            background(wait_for, gate)
            for number in range(5):
                background(done.append, number)
            threading.Timer(0.1, gate.set).start()
            raise KeyError("caller")

    with pytest.raises(KeyError, match="caller"):
        hand_over()
    assert gate.is_set()
    assert done == []


def wait_for(gate: threading.Event) -> None:
    """Wait until a gate opens."""
    assert gate.wait(30)


def nothing() -> None:
    """Do nothing."""


def fail() -> None:
    """Fail as a full disk does."""
    raise OSError("disk full")
