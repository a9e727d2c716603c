"""Seconds by stage, and the CPU use, of a run or of a part of it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from etl.runtime.watch.process_usage import cpu_seconds, own_cpu_seconds
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class StageTimes:
    """Adds up seconds by stage; starts when it is made. Any thread may add.

    Parameters
    ----------
    clock
        Seconds that never go backwards.

    Attributes
    ----------
    seconds
        Wall seconds by stage; stages that run on several threads or processes at once add up.

    Examples
    --------
    >>> times = StageTimes()
    >>> with times.timed("store"):
    ...     pass
    >>> list(times.seconds)
    ['store']
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._started = clock()
        self._cpu_before = own_cpu_seconds()
        self._lock = threading.Lock()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time of the block towards ``stage``."""
        self.add(stage, 0.0)  # so that a stage that works for long shows from its start
        start = self._clock()
        try:
            yield
        finally:
            self.add(stage, self._clock() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Count ``seconds`` of work towards ``stage``."""
        with self._lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @property
    def elapsed(self) -> float:
        """Wall seconds since the start."""
        return self._clock() - self._started

    @property
    def cpu(self) -> float:
        """CPU seconds since the start, children included."""
        return max(cpu_seconds() - self._cpu_before, 0.0)

    @property
    def cpu_use(self) -> float:
        """Average share of all cores in use since the start, 0-1."""
        return min(self.cpu / max(self.elapsed, 1e-9) / default_workers(), 1.0)
