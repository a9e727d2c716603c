"""Long-lived worker processes; a bad item takes down none but its own.

An executor of the standard library breaks as a whole when one of its processes dies, and cannot give up on a
call that hangs. Here each worker is watched by itself: a crash in native code, a time-out or too much
memory ends that worker and that item with a reason, another worker takes its place, and the rest goes on.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import psutil

from etl.runtime.errors import EtlError
from etl.runtime.executor import end_with_parent, one_numerical_thread
from etl.runtime.work.signals import interrupts_held

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.context import SpawnProcess

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOOK_SECONDS: Final = 0.25
_START_SECONDS: Final = 120.0

# Workers that die before they run would die again and again.
_MAX_STILLBORN: Final = 3
_STILLBORN_HINT: Final = "Check the installation: `python -c 'import etl.audio.sonic'` should say nothing."

_NOTHING: Final = object()


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """What became of one item.

    Attributes
    ----------
    item
        The item.
    result
        What the function returned, or None.
    problem
        Why there is no result: the function's error, a crash, a time-out, too much memory.
    seconds
        How long it took.
    peak_bytes
        Largest memory of the worker so far.
    is_lost
        Whether the worker was lost over it (crash, time-out, memory), which another time may go well.
    """

    item: Item
    result: Result | None
    problem: str | None
    seconds: float
    peak_bytes: int
    is_lost: bool = False


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection[Any, Any]
    item: Any = None
    since: float = 0.0
    peak: int = 0
    is_up: bool = False
    is_lost: bool = False


def run_isolated(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    timeout_seconds: float,
    memory_bytes: int,
) -> Generator[list[Outcome[Item, Result]], None, None]:
    """Run a function over items in worker processes; outcomes come as they are ready.

    Parameters
    ----------
    function
        Picklable by reference. Its ``EtlError`` is an expected failure, told in its own words; any other
        exception is told with its type.
    items
        Drawn as workers become free.
    workers
        Processes, each with one numerical thread.
    timeout_seconds
        Longest time for one item.
    memory_bytes
        Largest resident memory of a worker.

    Yields
    ------
    list of Outcome
        What has ended since the last look, at least four times a second, so often nothing: the caller can
        commit, draw or stop while all workers are busy. In all, one outcome for each item.

    Raises
    ------
    EtlError
        If workers die before they can take any item.
    """
    one_numerical_thread()
    source = iter(items)
    crew: list[_Worker] = []
    stillborn = 0
    try:
        crew.extend(_hire(function, item) for item in itertools.islice(source, workers))
        while crew:
            ready = wait([worker.pipe for worker in crew], timeout=_LOOK_SECONDS)
            ended: list[Outcome[Item, Result]] = []
            for position, worker in enumerate(crew):
                outcome = _look(worker, timeout_seconds, memory_bytes, heard=worker.pipe in ready)
                if outcome is None:
                    continue
                stillborn = 0 if worker.is_up else stillborn + 1
                if stillborn >= _MAX_STILLBORN:
                    raise EtlError(f"worker processes do not start: {outcome.problem}.", _STILLBORN_HINT)
                crew[position] = _next(worker, function, source)
                ended.append(outcome)
            crew = [worker for worker in crew if worker.item is not _NOTHING]
            yield ended
    finally:
        for worker in crew:
            _dismiss(worker)


def _next(worker: _Worker, function: Callable[[Any], Any], source: Iterator[Any]) -> _Worker:
    """Give the next item to a worker, or to a new one if this one is lost; without an item, let it go."""
    item = next(source, _NOTHING)
    if item is _NOTHING or worker.is_lost:
        _dismiss(worker)
        worker.item = _NOTHING
        return worker if item is _NOTHING else _hire(function, item)
    _give(worker, item)
    return worker


def _hire(function: Callable[[Any], Any], item: Any) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function), daemon=True)
    resource_tracker.ensure_running()  # starting it would end the hold
    with interrupts_held():
        process.start()
    theirs.close()
    worker = _Worker(process, ours)
    _give(worker, item)
    return worker


def _give(worker: _Worker, item: Any) -> None:
    worker.item, worker.since = item, time.monotonic()
    with suppress(OSError):  # a dead worker shows when it is listened to
        worker.pipe.send(item)


def _dismiss(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _look(
    worker: _Worker, timeout_seconds: float, memory_bytes: int, *, heard: bool
) -> Outcome[Any, Any] | None:
    """Take a worker's answer, or its end; None while it is at work."""
    if heard:
        return _received(worker)
    if time.monotonic() - worker.since > timeout_seconds + (0 if worker.is_up else _START_SECONDS):
        return _lost(worker, f"took longer than {timeout_seconds:.0f} s")
    with suppress(psutil.Error):
        worker.peak = max(worker.peak, psutil.Process(worker.process.pid).memory_info().rss)
    if worker.peak > memory_bytes:
        return _lost(worker, f"needed more than {memory_bytes / 1e6:.0f} MB of memory")
    return None


def _received(worker: _Worker) -> Outcome[Any, Any] | None:
    try:
        answer = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(5.0)
        return _lost(worker, f"the worker process {_death(worker.process.exitcode)}")
    if not worker.is_up:  # the first message only says that it runs
        worker.is_up, worker.since = True, time.monotonic()
        return None
    result, problem, peak = answer
    worker.peak = max(worker.peak, peak)
    return Outcome(worker.item, result, problem, time.monotonic() - worker.since, worker.peak)


def _lost(worker: _Worker, problem: str) -> Outcome[Any, Any]:
    worker.is_lost = True
    return Outcome(worker.item, None, problem, time.monotonic() - worker.since, worker.peak, is_lost=True)


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"crashed ({signal.Signals(-exit_code).name})"
    return f"ended with code {exit_code}"


def _serve(pipe: Connection[Any, Any], function: Callable[[Any], Any]) -> None:
    """Answer items until the pipe closes; runs in the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    end_with_parent()
    # Native decoders write warnings to standard error, through whatever the parent shows there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    own = psutil.Process()
    pipe.send(None)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        result, problem = None, None
        try:
            result = function(item)
        except EtlError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 -- whatever one item raises must not end the worker
            problem = f"{type(error).__name__}: {error}"
        try:
            pipe.send((result, problem, own.memory_info().rss))
        except (BrokenPipeError, OSError):
            return
