"""Wall time, CPU time and memory of this process and its children, by stage."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from collections.abc import Iterator


def cpu_seconds() -> float:
    """CPU seconds used so far by this process and all its children, living and ended."""
    total = _own_cpu_seconds()
    if _has_children():
        import psutil  # noqa: PLC0415 - many a run starts no process

        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                total += sum(child.cpu_times()[:4])
    return total


def _own_cpu_seconds() -> float:
    """CPU seconds of this process and its children that have ended; those that live have just begun."""
    return sum(os.times()[:4])


def _has_children() -> bool:
    """Whether this process may have living children; Linux says so without a look at all processes."""
    try:
        tasks = list(Path("/proc/self/task").iterdir())
        return any((task / "children").read_text() for task in tasks)
    except OSError:
        return True


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
    _cpu_before: float = field(default_factory=_own_cpu_seconds)

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
