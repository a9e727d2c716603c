"""The whole run (walk, hash, parse, tags, analysis, store): files a second, scaling, memory, second run.

python -m benchmarks.midi_run [FILES] [REPEATS]

The command of the user, interpreter start included, in a process tree that is bound to one core with one
worker, and to all cores with a worker each; in turn, the best of each. Memory is the sum of the resident sets
of all processes, so pages that they share count several times.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.midi_corpus import write_corpus

_ROOT = Path(__file__).parents[1]


def resident(process: psutil.Process) -> int:
    """Resident bytes of a process and all below it."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total


def timed(corpus: Path, folder: Path, cores: list[int]) -> tuple[float, int]:
    """Run the command on these cores; give seconds and peak bytes."""
    words = ["midi", "run", str(corpus), "--stages", "import,analyze", "--workers", str(len(cores))]
    words += ["--db", str(folder / "m.duckdb"), "--library", str(folder / "library")]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    started = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "etl", *words], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    peaks, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.2):
            peaks.append(resident(process))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = os.waitstatus_to_exitcode(
        os.waitpid(process.pid, 0)[1]
    )  # with a time-out it would look now and then
    seconds = time.perf_counter() - started
    is_over.set()
    watcher.join()
    if code:
        raise SystemExit(f"the run ended with code {code}")
    return seconds, max(peaks)


def main() -> None:
    """Print the figures as JSON."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name)
        write_corpus(top / "corpus", count)
        runs: dict[int, list[tuple[float, int]]] = {}
        for _ in range(repeats):
            for number in sorted({1, len(cores)}):
                folder = top / f"w{number}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                runs.setdefault(number, []).append(timed(top / "corpus", folder, cores[:number]))
        again = min(timed(top / "corpus", top / f"w{len(cores)}", cores)[0] for _ in range(repeats))
    best = {number: min(seconds for seconds, _ in done) for number, done in runs.items()}
    figures: dict[str, object] = {"files": count, "cores": len(cores)}
    for number, done in runs.items():
        figures[f"seconds_{number}"] = [round(seconds, 2) for seconds, _ in done]
        figures[f"files_per_second_{number}"] = round(count / best[number])
        figures[f"peak_mb_{number}"] = max(peak for _, peak in done) >> 20
    figures["speedup"] = round(best[1] / best[len(cores)], 2)
    figures["second_run_seconds"] = round(again, 3)
    figures["second_run_times_faster"] = round(best[len(cores)] / again, 1)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
