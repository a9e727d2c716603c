"""A process pool that outlives its processes: one that dies or hangs costs the item it was at, no more."""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import ProcessPoolExecutor
    from types import TracebackType

Item = TypeVar("Item")
Result = TypeVar("Result")

_STILLBORN_HINT: Final = "Check the installation and the free memory; what was finished is kept."


class ProcessPool:
    """Worker processes, started when there is work; those that the system kills or that crash are replaced.

    Parameters
    ----------
    workers
        Processes.
    preload
        Modules to import once for all of them, as in :func:`etl.runtime.executor.process_executor`.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        self.workers = workers
        self._preload = preload
        self._executor: ProcessPoolExecutor | None = None

    def start(self) -> ProcessPoolExecutor:
        """Start, if that is still to do; it goes on beside what the caller does."""
        if self._executor is None:
            from etl.runtime.executor import process_executor  # noqa: PLC0415 - often there is no work

            self._executor = process_executor(self.workers, self._preload)
        return self._executor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def _kill(self) -> None:
        """Kill all processes, and do not wait: one that hangs in a system call ends when that does."""
        executor, self._executor = self._executor, None
        if executor is not None:
            for process in list((executor._processes or {}).values()):  # noqa: SLF001 - public from Python 3.14
                process.kill()
            executor.shutdown(wait=False, cancel_futures=True)

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        in_flight: int,
        seconds: float,
        divide: Callable[[Item], Sequence[Item]],
        lost: Callable[[Item, str], Result],
    ) -> Generator[Result]:
        """Map ``function`` over ``items``, giving the results in order of the items.

        Where a process dies nobody knows over which item, so those in flight are tried again one at a time,
        and the one that kills again is divided and its pieces are tried. So it goes where one takes too long.

        Parameters
        ----------
        function, items
            As in :func:`etl.runtime.executor.ordered_map`.
        in_flight
            How many items may be submitted and not yet given out.
        seconds
            Longest time for an item from when it is the next to be given out.
        divide
            Cut an item into its smallest pieces.
        lost
            The result of a piece that kills every process or takes too long, and which of the two.

        Yields
        ------
        Result
            One for each item, or one for each of its pieces.

        Raises
        ------
        EtlError
            If processes die without any work.
        """
        pending: deque[tuple[Item, Future[Result]]] = deque()
        alone = partial(self._alone, function, seconds=seconds, divide=divide, lost=lost)
        try:
            for item in items:
                pending.append((item, self._submit(function, item)))
                if len(pending) >= in_flight:
                    yield from self._next(pending, seconds, alone)
            while pending:
                yield from self._next(pending, seconds, alone)
        finally:
            for _, future in pending:
                future.cancel()

    def _submit(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        try:
            return self.start().submit(function, item)
        except BrokenExecutor as error:
            failed: Future[Result] = Future()
            failed.set_exception(error)
            return failed

    def _next(
        self,
        pending: deque[tuple[Item, Future[Result]]],
        seconds: float,
        alone: Callable[[Item], Iterator[Result]],
    ) -> Iterator[Result]:
        """Give the result of the first item; after a death, of all that are pending."""
        first = pending[0][1]
        try:
            result = first.result(seconds)
        except (BrokenExecutor, TimeoutError):
            if first.done() and not isinstance(first.exception(), BrokenExecutor):
                raise  # the function's own time-out
            self._replace()
            while pending:
                item, future = pending.popleft()
                if future.done() and not future.cancelled() and future.exception() is None:
                    yield future.result()
                else:
                    yield from alone(item)
        else:
            pending.popleft()
            yield result

    def _alone(
        self,
        function: Callable[[Item], Result],
        item: Item,
        *,
        seconds: float,
        divide: Callable[[Item], Sequence[Item]],
        lost: Callable[[Item, str], Result],
    ) -> Iterator[Result]:
        """Try an item with nothing beside it, then its pieces."""
        future = self._submit(function, item)
        try:
            result = future.result(seconds)
        except (BrokenExecutor, TimeoutError) as error:
            is_death = isinstance(error, BrokenExecutor)
            if future.done() and not is_death:
                raise
            self._replace()
            pieces = divide(item)
            if len(pieces) < 2:
                yield lost(item, "killed or crashed" if is_death else f"too slow: more than {seconds:.0f} s")
                return
            for piece in pieces:
                yield from self._alone(function, piece, seconds=seconds, divide=divide, lost=lost)
        else:
            yield result

    def _replace(self) -> None:
        """Start new processes in place of the broken ones."""
        self._kill()
        try:
            self.start().submit(_nothing).result()
        except BrokenExecutor as error:
            raise EtlError("worker processes do not start.", _STILLBORN_HINT) from error


def _nothing(*_: Any) -> None:
    """Do nothing, in a worker, to show that it lives."""
