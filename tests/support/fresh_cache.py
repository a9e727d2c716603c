"""The first run that a user makes: nothing is compiled yet, neither for us nor for librosa."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from etl.store.database import read_store
from tests.support.command_line import ROOT, etl
from tests.support.tracks import write_track

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN_LIBROSA = (
    "import librosa, numpy as np; y = np.random.default_rng(0).normal(0, 0.1, 66150).astype(np.float32); "
    "librosa.estimate_tuning(y=y)"
)


def described_on_a_fresh_cache(folder: Path, workers: int, *, tracks: int = 4) -> int:
    """Describe tracks with an empty cache of compiled code, then use plain librosa with that cache, twice.

    Parameters
    ----------
    folder
        An empty folder, for the tracks, the store and the cache.
    workers
        Processes.
    tracks
        How many.

    Returns
    -------
    int
        How many have a description.

    Raises
    ------
    AssertionError
        If a process ends in any other way than with 0.
    """
    for seed in range(tracks):
        write_track(folder / "music" / f"{seed}.flac", seed)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    database = folder / "m.duckdb"
    run = etl(
        "library",
        "run",
        folder / "music",
        "-o",
        folder / "m.npz",
        "--db",
        database,
        "--workers",
        str(workers),
    )
    for command in (run, [sys.executable, "-c", _PLAIN_LIBROSA], [sys.executable, "-c", _PLAIN_LIBROSA]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    with read_store(database) as connection:
        ((described,),) = connection.sql("SELECT count(*) FROM sonic_features").fetchall()
    return int(described)
