"""`etl --help` against an empty Python process: medians of ten runs each.

python -m benchmarks.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def _median_s(command: list[str]) -> float:
    times = []
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    bare = _median_s([sys.executable, "-c", "pass"])
    helped = _median_s([sys.executable, "-m", "etl", "--help"])
    print(f"python -c pass {bare:.3f} s, etl --help {helped:.3f} s, difference {helped - bare:.3f} s")
