"""An item that costs its process costs no other item."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from etl.runtime.errors import EtlError
from etl.runtime.work.crew import Crew, crew
from etl.runtime.work.outcome import Outcome, ProblemKind
from tests.runtime.crew_jobs import POISON, Stubborn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

JOBS = "tests.runtime.crew_jobs"


def by_item(outcomes: Any) -> dict[Any, Outcome[Any, Any]]:
    """Index outcomes."""
    return {outcome.item: outcome for outcome in outcomes}


@pytest.mark.parametrize(("workers", "ordered"), [(1, True), (3, False)])
def test_bad_items_fail_alone_with_a_reason(workers: int, ordered: bool):
    """Crash, exit, time-out and exceptions each give a reason; all other items succeed."""
    good = [f"item {number}" for number in range(8)]
    lost = {
        "crash": (ProblemKind.CRASH, "the worker process crashed (SIGSEGV)"),
        "kill": (ProblemKind.CRASH, "the worker process crashed (SIGKILL)"),
        "exit": (ProblemKind.CRASH, "the worker process ended with code 3"),
        "quit": (ProblemKind.CRASH, "the worker process ended with code 4"),
        "hang": (ProblemKind.TIMEOUT, "took longer than 3 s"),
        "stop": (ProblemKind.TIMEOUT, "took longer than 3 s"),
    }
    failed = {
        "refuse": "no audio here\nTry another file.",
        "raise": "ValueError: bad value",
        "pickle": "PicklingError: not the pipe's",
    }
    items = [*good[:4], *lost, *failed, *good[4:]]
    with crew(workers=workers, look_seconds=0.05) as members:
        outcomes = members.map(f"{JOBS}:misbehave", items, in_flight=5, seconds=3.0, ordered=ordered)
        told = by_item(outcomes)
    assert list(told) == items if ordered else set(told) == set(items)
    assert {item: told[item].unwrap() for item in good} == {item: item.upper() for item in good}
    problems = {item: outcome.problem for item, outcome in told.items() if outcome.problem}
    assert {item: (p.kind, p.text) for item, p in problems.items() if p.is_lost} == lost
    assert {item: p.text for item, p in problems.items() if not p.is_lost} == failed
    assert told["hang"].seconds >= 3.0
    with pytest.raises(EtlError, match="SIGSEGV"):
        told["crash"].unwrap()


def test_an_item_that_takes_too_much_memory_fails_alone():
    """Its process is killed long before the system has to; the next item has a new one."""
    with crew(workers=1, look_seconds=0.02) as members:
        outcomes = members.map(f"{JOBS}:misbehave", ["a", "grow", "b"], in_flight=3, memory=400_000_000)
        first, grown, last = outcomes
    assert (first.unwrap(), last.unwrap()) == ("A", "B")
    assert grown.problem is not None
    assert grown.problem.kind is ProblemKind.MEMORY
    assert grown.problem.text == "needed more than 400 MB of memory"
    assert grown.peak_bytes > 400_000_000
    assert last.peak_bytes < 400_000_000


def test_what_cannot_be_pickled_is_an_error_of_its_item():
    """Items, results and exceptions, on the way there or back; the process lives on."""
    with crew(workers=1) as members:
        items: list[Any] = ["a", "lock", "stubborn", "arguments", threading.Lock(), Stubborn(), "b"]
        outcomes = list(members.map(f"{JOBS}:misbehave", items, in_flight=3))
        (before,) = members.map(f"{JOBS}:process_id", [1], in_flight=1)
        assert outcomes[-1].unwrap() == "B"
        texts = [outcome.problem.text if outcome.problem else None for outcome in outcomes]
        assert texts[0] is texts[6] is None
        assert "cannot pickle" in (texts[1] or "")
        assert texts[2] == texts[5] == "ValueError: stubborn"
        assert texts[3] == "TwoArgumentsError: one and two"
        assert "cannot pickle" in (texts[4] or "")
        with pytest.raises(RuntimeError, match="TwoArgumentsError: one and two"):
            outcomes[3].unwrap()
        (after,) = members.map(f"{JOBS}:process_id", [1], in_flight=1)
        assert before.unwrap() == after.unwrap()


def test_an_exception_brings_the_traceback_of_its_process():
    """As a note, which is printed below it."""
    with crew(workers=1) as members:
        (outcome,) = members.map(f"{JOBS}:misbehave", ["raise"], in_flight=1)
    with pytest.raises(ValueError, match="bad value") as raised:
        outcome.unwrap()
    assert "in misbehave" in "".join(raised.value.__notes__)


def divided(
    items: Sequence[tuple[int, ...]], job: str = "double_all", *, workers: int = 2, seconds: float = 60.0
) -> list[tuple[tuple[int, ...], list[int] | None]]:
    """Double all numbers, one at a time where need be."""
    with crew(workers=workers, look_seconds=0.05) as members:
        outcomes = members.map(
            f"{JOBS}:{job}",
            items,
            in_flight=5,
            seconds=seconds,
            divide=lambda numbers: [(number,) for number in numbers],
        )
        return [(outcome.item, outcome.result) for outcome in outcomes]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_item_that_kills_is_divided_and_its_other_pieces_succeed(workers: int):
    """In order; all other items stay whole, those in flight beside it too."""
    items = [tuple(range(start, start + 5)) for start in range(0, 60, 5)]
    expected: list[tuple[tuple[int, ...], list[int] | None]] = []
    for item in items:
        pieces = [(number,) for number in item] if POISON in item else [item]
        expected += [(p, None if p == (POISON,) else [2 * number for number in p]) for p in pieces]
    assert divided(items, workers=workers) == expected


def test_an_item_that_hangs_is_divided_too():
    """Each piece has the whole time."""
    expected = [((1, 2), [2, 4]), ((12,), [24]), ((POISON,), None), ((3,), [6])]
    assert divided([(1, 2), (12, POISON), (3,)], "double_slowly", seconds=1.0) == expected


def test_the_last_item_may_kill_too():
    """There is nothing after it to notice the death."""
    assert divided([(1,), (2,), (POISON,)]) == [((1,), [2]), ((2,), [4]), ((POISON,), None)]


def test_an_item_is_not_blamed_for_a_process_that_died_before_it():
    """As when the system takes the memory of one that waits."""
    with crew(workers=1) as members:
        processes = []
        for outcome in members.map(f"{JOBS}:process_id", range(3), in_flight=1):
            processes.append(outcome.unwrap())
            waiting = psutil.Process(processes[-1])
            waiting.kill()
            psutil.wait_procs([waiting], timeout=10)
    assert len(set(processes)) == 3


def test_processes_that_die_as_they_start_end_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No item is to blame, and trying for ever would help nobody."""
    (tmp_path / "stillborn.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with crew(workers=2) as members, pytest.raises(EtlError, match=r"do not start: .* code 7") as raised:
        list(members.map("stillborn:job", range(3), in_flight=2))
    assert "import stillborn" in raised.value.hint


def test_processes_that_do_not_get_ready_end_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An import that hangs has its own time-out; the time of an item begins after it."""
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(1.5)\ndef job(item): return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    impatient = crew(workers=1, look_seconds=0.05, start_seconds=0.3)
    with impatient as members, pytest.raises(EtlError, match="do not start"):
        list(members.map("sleepy:job", [1], in_flight=1))
    with crew(workers=1, look_seconds=0.05) as members:
        assert [o.unwrap() for o in members.map("sleepy:job", [1], in_flight=1, seconds=1.0)] == [1]


def test_a_job_that_cannot_be_imported_says_why():
    """With the reason that the process gives."""
    with crew(workers=1) as members, pytest.raises(EtlError, match="No module named 'not_there'"):
        list(members.map("not_there:job", [1], in_flight=1))


def test_memory_of_a_process_is_told_with_each_item(members: Crew):
    """Largest so far, in bytes."""
    peaks = [outcome.peak_bytes for outcome in members.map(f"{JOBS}:double", range(5), in_flight=2)]
    assert all(5e6 < peak < 5e9 for peak in peaks)


@pytest.fixture
def members() -> Any:
    """Two processes."""
    with crew(workers=2) as called:
        yield called
