"""Wall time, CPU time and memory of this process and its children, by stage."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from etl.runtime.executor import default_workers

if TYPE_CHECKING:
    from collections.abc import Iterator


def cpu_seconds() -> float:
    """CPU seconds used so far by this process and all its children, living and ended."""
    own = psutil.Process()
    times = own.cpu_times()
    total: float = times.user + times.system + times.children_user + times.children_system
    for child in own.children(recursive=True):
        with suppress(psutil.Error):
            used = child.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


@dataclass
class Meter:
    """Seconds by stage, and the CPU use of the whole run.

    Attributes
    ----------
    seconds
        Wall seconds by stage; stages that run on several threads at once add up.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)
    _cpu_before: float = field(default_factory=cpu_seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block towards ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count ``seconds`` towards ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @property
    def elapsed(self) -> float:
        """Wall seconds since the start."""
        return time.perf_counter() - self._started

    @property
    def cpu(self) -> float:
        """CPU seconds since the start."""
        return cpu_seconds() - self._cpu_before

    @property
    def cpu_use(self) -> float:
        """Average share of all cores in use since the start, 0-1."""
        return self.cpu / max(self.elapsed, 1e-9) / default_workers()
