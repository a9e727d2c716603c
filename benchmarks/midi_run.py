"""The whole run (walk, hash, parse, tags, analysis, store): files a second, scaling, memory, second run.

python -m benchmarks.midi_run [FILES]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.midi_corpus import write_corpus
from etl.pipelines.midi import run_midi
from etl.pipelines.midi_request import MidiRun, Stage
from etl.runtime.executor import default_workers
from etl.runtime.progress import Progress


def peak_memory(stop: threading.Event, peaks: list[int]) -> None:
    """Watch the resident memory of this process and its children."""
    own = psutil.Process()
    while not stop.wait(0.2):
        total = own.memory_info().rss
        for child in own.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.Error:
                continue
        peaks.append(total)


def timed(corpus: Path, folder: Path, workers: int) -> tuple[float, int, int]:
    """Run once; give seconds, files read and peak bytes."""
    request = MidiRun((corpus,), folder / "m.duckdb", folder / "library", frozenset({Stage.ANALYZE}), workers)
    stop, peaks = threading.Event(), [0]
    watcher = threading.Thread(target=peak_memory, args=(stop, peaks))
    watcher.start()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:workers])
    started = time.perf_counter()
    with Progress("files") as progress:
        summary = run_midi(request, progress)
    seconds = time.perf_counter() - started
    os.sched_setaffinity(0, cores)
    stop.set()
    watcher.join()
    return seconds, summary.read, max(peaks)


def main() -> None:
    """Print the figures as JSON."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    workers = default_workers()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name)
        write_corpus(top / "corpus", count)
        figures: dict[str, float] = {"files": count, "cores": workers}
        for number in sorted({1, workers}):
            (top / f"w{number}").mkdir()
            seconds, read, peak = timed(top / "corpus", top / f"w{number}", number)
            figures[f"seconds_{number}"] = round(seconds, 2)
            figures[f"files_per_second_{number}"] = round(read / seconds, 1)
            figures[f"peak_mb_{number}"] = round(peak / 2**20)
        again, _, _ = timed(top / "corpus", top / f"w{workers}", workers)
        figures["speedup"] = round(figures["seconds_1"] / figures[f"seconds_{workers}"], 2)
        figures["second_run_seconds"] = round(again, 2)
        figures["second_run_times_faster"] = round(figures[f"seconds_{workers}"] / again, 1)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
