"""Run one function over many items on any executor, in order, with bounded work in flight."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING, TypeVar

from etl.runtime.work.signals import interrupts_held

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from multiprocessing.process import BaseProcess

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_executor(workers: int) -> Executor:
    """Threads, for work that spends its time in code that releases the interpreter lock."""
    return ThreadPoolExecutor(workers, thread_name_prefix="etl")


def process_executor(workers: int, preload: Sequence[str] = ()) -> ProcessPoolExecutor:
    """Fresh processes with one numerical thread each, for everything else.

    Where the system can fork they come from a server that has imported ``preload`` once for all of them and
    is started here, to be ready by the time there is work; elsewhere each imports for itself.

    Parameters
    ----------
    workers
        Processes.
    preload
        Modules to import before forking. They must start no threads (polars does).
    """
    one_numerical_thread()
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker
        )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    resource_tracker.ensure_running()  # starting it would end the hold
    with interrupts_held():
        forkserver.ensure_running()
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)


def one_numerical_thread() -> None:
    """Give the processes started from now on one numerical thread each, unless the user said otherwise."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    for variable in (*(f"{library}_NUM_THREADS" for library in libraries), "POLARS_MAX_THREADS"):
        os.environ.setdefault(variable, "1")


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    end_with_parent()


def end_with_parent() -> None:
    """Let a worker end when its parent has been killed: it would work on, or wait, for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def ordered_map(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, in_flight: int
) -> Generator[Result, None, None]:
    """Map ``function`` over ``items``, giving the results in order of the items.

    Parameters
    ----------
    executor
        Any ``concurrent.futures.Executor``.
    function, items
        What to run, and on what. Items are drawn only when there is room, so that a slow consumer slows
        the source.
    in_flight
        How many items may be submitted and not yet given out.

    Yields
    ------
    Result
        In order. On any error, and when the consumer stops early, what has not started is cancelled.
    """
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) >= in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
