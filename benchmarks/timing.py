"""Measure commands and functions: wall and CPU seconds, and the peak memory of a whole process tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Measured:
    """What a command took.

    ``cpu_s`` is that of the process and of the children it waited for; ``peak_bytes`` is the summed resident
    memory of its process tree, so pages that processes share count several times.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str


def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cores: Collection[int] | None = None
) -> Measured:
    """Run a command to its end, bound to ``cores`` if given, and measure it; exits if it fails."""
    peak, is_over = 0, threading.Event()

    def watch(process: psutil.Process) -> None:
        nonlocal peak
        while not is_over.wait(_LOOK_SECONDS):
            with contextlib.suppress(psutil.Error):
                tree = [process, *process.children(recursive=True)]
                peak = max(peak, sum(_resident(member) for member in tree))

    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=env)
        if cores is not None:
            os.sched_setaffinity(process.pid, cores)
        watcher = threading.Thread(target=watch, args=(psutil.Process(process.pid),))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)  # a wait with a time-out would look only now and then
        wall = time.perf_counter() - start
        is_over.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with code {process.returncode}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak, printed)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile
        return 0


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
