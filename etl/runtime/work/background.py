"""One thread that does jobs in the order they come."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Background:
    """One thread that does jobs in the order they come, a few behind at most.

    Leave the context before anything that the jobs use is closed: it waits for the job at hand. A job's error
    is raised at the next call, or on a clean exit.

    Parameters
    ----------
    waiting
        How many jobs may wait before a call blocks.
    """

    def __init__(self, *, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="etl-background")
        self._waiting = waiting
        self._jobs: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __call__(self, job: Callable[..., None], *arguments: object) -> None:
        """Hand over a job."""
        self._jobs.append(self._executor.submit(job, *arguments))
        self.wait(self._waiting)

    def wait(self, waiting: int = 0) -> None:
        """Wait until no more than ``waiting`` jobs are left."""
        while len(self._jobs) > waiting:
            self._jobs.popleft().result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self.wait()
