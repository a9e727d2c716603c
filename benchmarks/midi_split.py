"""Writing parts: against mido writing the same parts, and the whole run that copies and splits.

    python -m benchmarks.midi_split [FILES=4000] [ROUNDS=3]

``write_ratio``: all parts of the reference files that have several, in memory, one process; checked to be the
same bytes. ``run``: `etl midi run` with all stages, the command of the user, into a library on disk, against
the same run without copies and parts; the best of some rounds, each into a folder of its own (a file system
may be slow to make files where many were just deleted).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.timing import run
from etl.midi.analysis import survey
from etl.midi.reader import read_files
from etl.midi.split import split_file
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.midi_corpus import odd_files, songs, write_corpus
from tests.support.midi_oracle import mido_part


def in_memory(rounds: int) -> dict[str, float]:
    """Time the writing of all parts, by us and by mido."""
    batch = read_files([*songs(), *odd_files()], keep_all=True)
    parts = survey(batch).parts.select("file", "track", "channel", "program", "drum_score")
    several = [
        (int(str(file)), group.drop("file").rows())
        for (file,), group in parts.group_by("file", maintain_order=True)
        if group.height > 1
    ]
    split_file(batch, *several[0])  # compiles
    ours = []
    for _ in range(rounds):
        start = time.perf_counter()
        blobs = [bytes(part.blob) for file, rows in several for part in split_file(batch, file, rows)]
        ours.append(time.perf_counter() - start)
    start = time.perf_counter()
    theirs = [mido_part(batch, file, row[0], row[1]) for file, rows in several for row in rows]
    mido_seconds = time.perf_counter() - start
    if theirs != blobs:
        raise SystemExit("the parts differ")
    return {
        "files": len(several),
        "parts": len(blobs),
        "files_per_second": round(len(several) / min(ours)),
        "mido_files_per_second": round(len(several) / mido_seconds, 1),
        "write_ratio": round(mido_seconds / min(ours)),
    }


def whole_run(count: int, rounds: int) -> dict[str, object]:
    """Time the command with and without copies and parts."""
    figures: dict[str, object] = {"files": count}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name)
        write_corpus(top / "corpus", count)
        seconds: dict[str, list[float]] = {}
        for repeat in range(rounds):
            for stages in ("import,analyze", "import,analyze,sanitize,split"):
                folder = top / f"{repeat}-{stages.count(',')}"
                stored = ("--db", folder / "m.duckdb", "--library", folder / "library")
                took = run(etl("midi", "run", top / "corpus", "--stages", stages, *stored))
                seconds.setdefault(stages, []).append(took.wall_s)
        written = sum(path.is_file() for path in (top / f"0-{stages.count(',')}" / "library").rglob("*"))
    figures["files_written"] = written
    for stages, taken in seconds.items():
        figures[stages] = {
            "seconds": [round(one, 2) for one in taken],
            "files_per_second": round(count / min(taken)),
        }
    return figures


def main(count: int, rounds: int) -> None:
    """Measure and print."""
    show({"in memory": in_memory(rounds), "run": whole_run(count, rounds)})


if __name__ == "__main__":
    main(*sizes(4000, 3))
