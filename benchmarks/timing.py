"""Run commands and measure them: wall and CPU seconds, and the peak memory of the whole process tree."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Measured:
    """What a command took; ``peak_bytes`` is the summed resident memory of its process tree."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str


def run(command: Sequence[str], *, cwd: str | None = None) -> Measured:
    """Run a command to its end and measure it; fails if it fails."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=cwd
    ) as process:
        watched = psutil.Process(process.pid)
        peak, cpu = 0, 0.0
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                tree = [watched, *watched.children(recursive=True)]
                peak = max(peak, sum(member.memory_info().rss for member in tree))
                times = [member.cpu_times() for member in tree]
                cpu = max(cpu, sum(t.user + t.system for t in times))
            time.sleep(0.1)
        wall = time.perf_counter() - start
        output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with code {process.returncode}")
    return Measured(wall, cpu, peak, output)


def python(code: str, *arguments: str) -> list[str]:
    """Command that runs Python code."""
    return [sys.executable, "-c", code, *arguments]


def etl(*arguments: str) -> list[str]:
    """Command that runs `etl`."""
    return [sys.executable, "-m", "etl", *arguments]
