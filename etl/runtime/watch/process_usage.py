"""CPU time and memory of this process and its children."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def cpu_seconds() -> float:
    """CPU seconds used so far by this process and all its children, living and ended."""
    total = own_cpu_seconds()
    if _has_children():
        import psutil  # noqa: PLC0415 - many a run starts no process

        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                total += sum(child.cpu_times()[:4])
    return total


def own_cpu_seconds() -> float:
    """CPU seconds of this process and its children that have ended; those that live have just begun."""
    return sum(os.times()[:4])


def _has_children() -> bool:
    """Whether this process may have living children; Linux says so without a look at all processes."""
    try:
        tasks = list(Path("/proc/self/task").iterdir())
        return any((task / "children").read_text() for task in tasks)
    except OSError:
        return True


def peak_bytes() -> int:
    """Most memory that this process, or any one of its children that have ended, has held at once."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        import psutil  # noqa: PLC0415

        return int(getattr(psutil.Process().memory_info(), "peak_wset", 0))
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
