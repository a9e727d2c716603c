"""The whole run (walk, hash, parse, tags, analysis, store): files a second, scaling, memory, second run.

python -m benchmarks.midi_run [FILES=20000] [ROUNDS=3]

The command of the user, interpreter start included, in a process tree that is bound to one core with one
worker, and to all cores with a worker each; in turn, the best of each. Memory is the sum of the resident sets
of all processes, so pages that they share count several times.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.timing import Measured, run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.midi_corpus import write_corpus


def timed(corpus: Path, folder: Path, cores: list[int]) -> Measured:
    """Run the command on these cores."""
    stored = ("--db", folder / "m.duckdb", "--library", folder / "library")
    workers = ("--workers", str(len(cores)))
    return run(etl("midi", "run", corpus, "--stages", "import,analyze", *workers, *stored), cores=cores)


def main(count: int, rounds: int) -> None:
    """Measure and print."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name)
        write_corpus(top / "corpus", count)
        runs: dict[int, list[Measured]] = {}
        for _ in range(rounds):
            for number in sorted({1, len(cores)}):
                folder = top / f"w{number}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                runs.setdefault(number, []).append(timed(top / "corpus", folder, cores[:number]))
        again = min(timed(top / "corpus", top / f"w{len(cores)}", cores).wall_s for _ in range(rounds))
    best = {number: min(took.wall_s for took in done) for number, done in runs.items()}
    figures: dict[str, object] = {"files": count, "cores": len(cores)}
    for number, done in runs.items():
        figures[f"seconds_{number}"] = [round(took.wall_s, 2) for took in done]
        figures[f"files_per_second_{number}"] = round(count / best[number])
        figures[f"peak_mb_{number}"] = max(took.peak_bytes for took in done) >> 20
    figures["speedup"] = round(best[1] / best[len(cores)], 2)
    figures["second_run_seconds"] = round(again, 3)
    figures["second_run_times_faster"] = round(best[len(cores)] / again, 1)
    show(figures)


if __name__ == "__main__":
    main(*sizes(20_000, 3))
