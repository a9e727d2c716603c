"""Kill a MIDI run with SIGKILL ten times, run it again, and compare with a run left alone.

Compared are all rows of all MIDI tables (but for the runs that first and last saw a path), the ledger, and
the library with the hash of every file. The kills are spread at random over as long as the whole run took.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import duckdb

from tests.support.command_line import environment, etl
from tests.support.empty_store import empty_store

if TYPE_CHECKING:
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


def command(folder: Path, corpus: Path, stages: str) -> list[str]:
    """Words of the run."""
    stored = ("--db", folder / "m.duckdb", "--library", folder / "library")
    return etl("midi", "run", corpus, "--stages", stages, *stored)


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
    started = time.perf_counter()
    subprocess.run(command(top / "whole", corpus, stages), env=environment(), check=True, capture_output=True)
    seconds = time.perf_counter() - started
    chance = random.Random(seed)
    moments, finished = [], 0
    for _ in range(kills):
        process = subprocess.Popen(
            command(top / "killed", corpus, stages), env=environment(), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        moments.append(chance.uniform(0.3, max(1.0, seconds / 3)))
        try:
            process.wait(timeout=moments[-1])
            finished += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    subprocess.run(
        command(top / "killed", corpus, stages), env=environment(), check=True, capture_output=True
    )
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
