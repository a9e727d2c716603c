"""The whole run (walk, hash, parse, tags, analysis, store): files and notes a second, memory, second run.

python -m benchmarks.midi_run [FILES=6000] [ROUNDS=3]

Sizes and parts of the files are those of a real archive. Other numbers of files show how the run grows.

The command of the user, interpreter start included, in a process tree that is bound to one core with one
worker, and to all cores with a worker each; in turn, the best of each. Memory is the sum of the resident sets
of all processes, so pages that they share count several times.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import duckdb

from benchmarks.timing import Measured, run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.wild_midi import write_wild_corpus


def timed(corpus: Path, folder: Path, cores: list[int]) -> Measured:
    """Run the command on these cores."""
    stored = ("--db", folder / "m.duckdb", "--library", folder / "library")
    workers = ("--workers", str(len(cores)))
    return run(etl("midi", "run", corpus, "--stages", "import,analyze", *workers, *stored), cores=cores)


def notes_of(database: Path) -> int:
    """Count the notes of all files that were analyzed."""
    with duckdb.connect(str(database), read_only=True) as connection:
        ((notes,),) = connection.sql("SELECT sum(notes) FROM midi_analysis").fetchall()
    return int(notes)


def main(count: int, rounds: int) -> None:
    """Measure and print."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name)
        write_wild_corpus(top / "corpus", count)
        runs: dict[int, list[Measured]] = {}
        for _ in range(rounds):
            for number in sorted({1, len(cores)}):
                folder = top / f"w{number}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                runs.setdefault(number, []).append(timed(top / "corpus", folder, cores[:number]))
        again = min(timed(top / "corpus", top / f"w{len(cores)}", cores).wall_s for _ in range(rounds))
        notes = notes_of(top / f"w{len(cores)}" / "m.duckdb")
    best = {number: min(took.wall_s for took in done) for number, done in runs.items()}
    figures: dict[str, object] = {"files": count, "notes": notes, "cores": len(cores)}
    for number, done in runs.items():
        figures[f"seconds_{number}"] = [round(took.wall_s, 2) for took in done]
        figures[f"files_per_second_{number}"] = round(count / best[number])
        figures[f"notes_per_second_{number}"] = round(notes / best[number], -3)
        figures[f"microseconds_per_note_{number}"] = round(1e6 * best[number] / notes, 3)
        figures[f"peak_mb_{number}"] = max(took.peak_bytes for took in done) >> 20
    figures["speedup"] = round(best[1] / best[len(cores)], 2)
    figures["second_run_seconds"] = round(again, 3)
    figures["second_run_times_faster"] = round(best[len(cores)] / again, 1)
    show(figures)


if __name__ == "__main__":
    main(*sizes(6000, 3))
