"""A crew does the same job over many items, whoever its members are."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from etl.runtime.errors import EtlError
from etl.runtime.work.crew import Crew, CrewKind, crew
from etl.runtime.work.outcome import ProblemKind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

JOBS = "tests.runtime.crew_jobs"
ISOLATED = [CrewKind.THREADS, CrewKind.PROCESSES]


@pytest.fixture(params=list(CrewKind))
def members(request: pytest.FixtureRequest) -> Iterator[Crew]:
    """Call two members of each kind."""
    with crew(workers=2, kind=request.param) as called:
        yield called


@pytest.fixture(scope="module")
def crews() -> Iterator[dict[CrewKind, Crew]]:
    """Call a crew of each kind, for many small jobs."""
    with (
        crew(workers=3, kind=CrewKind.INLINE) as inline,
        crew(workers=3, kind=CrewKind.THREADS) as threads,
        crew(workers=3, kind=CrewKind.PROCESSES) as processes,
    ):
        yield {CrewKind.INLINE: inline, CrewKind.THREADS: threads, CrewKind.PROCESSES: processes}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(st.integers(0, 99), max_size=30), in_flight=st.integers(1, 9), ordered=st.booleans())
def test_all_kinds_give_the_same_outcomes(
    crews: dict[CrewKind, Crew], items: list[int], in_flight: int, ordered: bool
):
    """One outcome an item, results and failures alike; in order where that is asked for."""
    expected = [(n, None if n % 2 else n // 2, f"ValueError: {n} is odd" if n % 2 else None) for n in items]
    for kind, members in crews.items():
        outcomes = members.map(f"{JOBS}:odd_fails", items, in_flight=in_flight, ordered=ordered)
        told = [(o.item, o.result, o.problem.text if o.problem else None) for o in outcomes]
        assert (told if ordered else sorted(told, key=str)) == (
            expected if ordered else sorted(expected, key=str)
        ), kind


def test_no_items_give_no_outcomes(members: Crew):
    """Nothing in, nothing out, and the job is not even imported."""
    assert list(members.map("there.is.no:such", [], in_flight=2)) == []


def test_no_workers_are_the_calling_thread():
    """Whatever the kind."""
    with crew(workers=0) as members:
        (outcome,) = members.map(f"{JOBS}:process_id", [1], in_flight=1)
    assert outcome.result == os.getpid()


def test_what_is_shared_reaches_every_item(members: Crew):
    """And each job its own."""
    for shared in (100, 200):
        outcomes = members.map(f"{JOBS}:add", range(5), in_flight=3, shared=shared)
        assert [outcome.unwrap() for outcome in outcomes] == [shared + n for n in range(5)]


def test_threads_share_the_object_itself():
    """Queues and locks need no pickling there."""
    lock = threading.Lock()
    with crew(workers=2, kind=CrewKind.THREADS) as members:
        (outcome,) = members.map("operator:is_", [lock], in_flight=1, shared=lock)
    assert outcome.unwrap() is True


@pytest.mark.parametrize(
    ("item", "error", "text"),
    [
        ("raise", ValueError, "ValueError: bad value"),
        ("refuse", EtlError, "no audio here\nTry another file."),
        ("late", TimeoutError, "TimeoutError: its own"),
        ("panic", BaseException, "BaseException: native code panics"),
        ("disk", OSError, "OSError: [Errno 28] No space left on device: 'song.mid'"),
    ],
)
def test_an_exception_is_an_outcome_and_unwrapped_it_is_raised(
    members: Crew, item: str, error: type[BaseException], text: str
):
    """The caller chooses: told in a report, or raised as it was."""
    first, bad, last = members.map(f"{JOBS}:misbehave", ["a", item, "b"], in_flight=3)
    assert (first.unwrap(), last.unwrap()) == ("A", "B")
    assert bad.problem is not None
    assert (bad.problem.kind, bad.problem.text, bad.problem.is_lost) == (ProblemKind.ERROR, text, False)
    with pytest.raises(error) as raised:
        bad.unwrap()
    assert type(raised.value) is error
    if isinstance(raised.value, OSError) and item == "disk":
        assert (raised.value.errno, raised.value.filename) == (28, "song.mid")
    if isinstance(raised.value, EtlError):
        assert raised.value.hint == "Try another file."


@pytest.mark.parametrize("kind", ISOLATED)
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("in_flight", [1, 3])
def test_items_are_drawn_only_when_there_is_room(kind: CrewKind, ordered: bool, in_flight: int):
    """A slow consumer slows the source: never more than ``in_flight`` items are out."""
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in range(20):
            drawn += 1
            yield number

    with crew(workers=2, kind=kind) as members:
        outcomes = members.map(f"{JOBS}:double", items(), in_flight=in_flight, ordered=ordered)
        for given_out, _ in enumerate(outcomes):
            time.sleep(0.005)
            assert drawn - given_out <= in_flight
    assert drawn == 20


def test_an_item_that_takes_long_holds_up_order_and_nothing_else():
    """In order, which is the rule, those behind it wait; out of order, they come first."""
    orders: tuple[dict[str, Any], ...] = ({}, {"ordered": False})
    for order in orders:
        gate = threading.Event()
        items = [(0, gate), (1, None), (2, None)]
        with crew(workers=2, kind=CrewKind.THREADS) as members:
            outcomes = members.map(f"{JOBS}:wait_for", items, in_flight=3, **order)
            if not order:
                threading.Timer(0.1, gate.set).start()
                assert [outcome.result for outcome in outcomes] == [0, 1, 2]
            else:
                assert [next(outcomes).result for _ in range(2)] == [1, 2]
                gate.set()
                assert next(outcomes).result == 0


@pytest.mark.parametrize("kind", ISOLATED)
@pytest.mark.parametrize("ordered", [True, False])
def test_a_slow_source_delays_no_outcome(kind: CrewKind, ordered: bool):
    """What is ready is given while the source is waited for."""
    is_taken = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert is_taken.wait(30)
        yield 2

    with crew(workers=2, kind=kind) as members:
        outcomes = members.map(f"{JOBS}:double", items(), in_flight=5, ordered=ordered)
        assert next(outcomes).result == 2
        is_taken.set()
        assert next(outcomes).result == 4


@pytest.mark.parametrize("kind", ISOLATED)
def test_the_caller_is_heard_while_all_members_are_busy(kind: CrewKind):
    """Between outcomes come calls, on the thread that takes them, in which finished work can be stored."""
    calls = []

    def note() -> None:
        calls.append(threading.current_thread())

    with crew(workers=2, kind=kind, look_seconds=0.05) as members:
        outcomes = list(members.map(f"{JOBS}:sleep", [0.0, 1.0], in_flight=2, idle=note))
    assert [outcome.result for outcome in outcomes] == [0.0, 1.0]
    assert len(calls) >= 5
    assert set(calls) == {threading.current_thread()}


def test_an_error_of_the_source_comes_after_the_outcomes_of_what_it_gave(members: Crew):
    """It is raised as it is."""

    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("source")

    outcomes = members.map(f"{JOBS}:double", items(), in_flight=10)
    given_out = []
    with pytest.raises(OSError, match="source"):  # noqa: PT012
        for outcome in outcomes:
            given_out.append(outcome.result)  # noqa: PERF401 (what came before the error matters)
    assert given_out == [0, 2, 4]


def test_a_consumer_that_stops_early_closes_the_source(members: Crew):
    """Nothing more is drawn, and its own ``finally`` has run."""
    events = []

    def items() -> Iterator[int]:
        try:
            for number in range(1000):
                events.append(number)
                yield number
        finally:
            events.append(-1)

    source = items()  # which is still in use here: it is closed, not dropped
    outcomes = members.map(f"{JOBS}:double", source, in_flight=3)
    next(outcomes)
    outcomes.close()
    assert events[-1] == -1
    assert len(events) < 10


def test_threads_at_work_are_waited_for():
    """However long they take: what they use may be closed afterwards."""
    ended: list[int] = []
    is_begun = threading.Event()

    def work() -> None:
        is_begun.set()
        time.sleep(1.2)  # longer than processes are waited for
        ended.append(1)

    with crew(workers=1, kind=CrewKind.THREADS) as members:
        outcomes = members.map("operator:call", [int, work, work, work], in_flight=4)
        next(outcomes)
        assert is_begun.wait(30)
    assert ended == [1]


@pytest.mark.parametrize("kind", list(CrewKind))
def test_stop_ends_the_work_and_gives_what_is_ready(kind: CrewKind):
    """Drawing stops; what has been finished is not lost."""
    stop = threading.Event()
    with crew(workers=2, kind=kind, stop=stop, look_seconds=0.05) as members:
        given_out = []
        for outcome in members.map(f"{JOBS}:double", iter(range(10**9)), in_flight=5):
            given_out.append(outcome.result)
            if len(given_out) == 10:
                stop.set()
    assert given_out == [2 * number for number in range(len(given_out))]
    assert 10 <= len(given_out) <= 16


def test_a_second_job_has_to_wait_for_the_first(members: Crew):
    """One that was left is another matter."""
    first = members.map(f"{JOBS}:double", range(9), in_flight=2)
    next(first)
    with pytest.raises(RuntimeError, match="one job at a time"):
        members.map(f"{JOBS}:double", range(9), in_flight=2)
    first.close()
    assert [o.result for o in members.map(f"{JOBS}:double", range(3), in_flight=2)] == [0, 2, 4]


def test_a_job_that_cannot_be_found_is_an_error(members: Crew):
    """Not one of each item."""
    outcomes: Generator[Any] = members.map(f"{JOBS}:no_such_function", range(3), in_flight=2)
    with pytest.raises((AttributeError, EtlError), match="no_such_function"):
        next(outcomes)
