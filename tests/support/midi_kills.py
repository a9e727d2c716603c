"""Kill a MIDI run with SIGKILL ten times, run it again, and compare with a run left alone.

Compared are all rows of all MIDI tables (but for the runs that first and last saw a path), the ledger, and
the library with the hash of every file. The kills are spread at random over as long as the whole run took.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from tests.support.empty_store import empty_store
from tests.support.forked import forked_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_QUERIES = {
    "midi_paths": "SELECT * EXCLUDE (first_run, last_run) FROM midi_paths ORDER BY ALL",
    "midi_files": "FROM midi_files ORDER BY ALL",
    "midi_tracks": "FROM midi_tracks ORDER BY ALL",
    "midi_tags": "FROM midi_tags ORDER BY ALL",
    "midi_analysis": "FROM midi_analysis ORDER BY ALL",
    **{
        f"midi_{name}": f"FROM midi_{name} ORDER BY ALL"
        for name in ("texts", "tempos", "metres", "key_signatures", "signatures", "near")
    },
    "midi_part_analysis": "FROM midi_part_analysis ORDER BY ALL",
    "midi_library": "SELECT * EXCLUDE (mtime_ns) FROM midi_library ORDER BY ALL",
    "ledger": "SELECT task, item, version, status FROM ledger ORDER BY ALL",
}


MODULES = ("etl.cli.midi", "etl.pipelines.midi.run", "etl.pipelines.midi.preload", "duckdb")
"""What copies of a process have loaded that run: most of what a short run takes, and nothing with threads."""

_COMMAND = """
import json, os, sys
from etl.cli.main import run
sys.argv = ["etl", *json.loads(os.environ["WORDS"])]
run()
"""


@contextmanager
def midi_runs(folder: Path) -> Iterator[Callable[..., bool]]:
    """Give what runs `etl midi run` with these words, killed after so many seconds; whether it ended first.

    A script for that is written to the folder.
    """
    script = folder / "command.py"
    script.write_text(_COMMAND)
    with forked_runs(*MODULES) as runs:

        def run(*words: str | Path, kill_after: float | None = None) -> bool:
            spoken = json.dumps(["midi", "run", *map(str, words)])
            (ended,) = runs(script, {"WORDS": spoken}, kill_after=kill_after)
            if ended.code not in {0, -signal.SIGKILL}:
                raise AssertionError(ended)
            return ended.code == 0

        yield run


def words(folder: Path, corpus: Path, stages: str) -> list[str | Path]:
    """Words of the run."""
    stored = ("--db", folder / "m.duckdb", "--library", folder / "library")
    return [corpus, "--stages", stages, *stored]


def tables(folder: Path) -> dict[str, str]:
    """Hash of the rows of each table."""
    with duckdb.connect(str(folder / "m.duckdb"), read_only=True) as connection:
        return {
            name: hashlib.sha256(repr(connection.execute(query).fetchall()).encode()).hexdigest()
            for name, query in _QUERIES.items()
        }


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def compare(top: Path, corpus: Path, stages: str, *, kills: int, seed: int = 6) -> dict[str, object]:
    """Run once undisturbed and once with kills; give what was done and whether the ends are equal."""
    for name in ("whole", "killed"):
        (top / name).mkdir()
        empty_store(top / name / "m.duckdb")
    chance = random.Random(seed)
    moments, finished = [], 0
    with midi_runs(top) as run:
        started = time.perf_counter()
        run(*words(top / "whole", corpus, stages))
        seconds = time.perf_counter() - started
        for _ in range(kills):
            moments.append(chance.uniform(0.1, max(0.5, seconds / 2)))
            finished += run(*words(top / "killed", corpus, stages), kill_after=moments[-1])
        run(*words(top / "killed", corpus, stages))
    whole, killed = tables(top / "whole"), tables(top / "killed")
    names = [str(path) for path in (top / "killed").rglob("*")]
    return {
        "seconds_left_alone": round(seconds, 1),
        "killed_after_seconds": [round(moment, 2) for moment in moments],
        "ended_before_the_kill": finished,
        "tables_equal": {name: whole[name] == killed[name] for name in whole},
        "library_equal": tree(top / "whole" / "library") == tree(top / "killed" / "library"),
        "temporary_files": [name for name in names if ".tmp" in name or "incoming" in name or ".wal" in name],
    }
