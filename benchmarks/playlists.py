"""Lists: how good their choice and order are, and what the command takes.

    python -m benchmarks.playlists [EXACT=60] [FIFTY=100] [TRACKS=100000]

Orders of ten tracks are compared with the best there is, of fifty with going to the nearest next track each
time, of a hundred with what LKH finds; fifty of five hundred with the fifty nearest to the seed in their best
order. The command runs in a process of its own, interpreter start included. Seconds are processor seconds.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import numpy as np

from benchmarks.audio_likeness import fill
from etl.playlists.choose import choose
from etl.playlists.order_kernel import path_cost
from etl.playlists.rules import Rules
from tests.support.figures import show, sizes
from tests.support.transitions import (
    least_cost,
    library,
    lkh_values,
    nearest_next,
    nobody,
    with_free_beginning,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.playlists.choose import Choice

    Floats = NDArray[np.float32]

_COMMAND: Final = """
import sys, time
from etl.cli.main import run
try:
    run()
finally:
    peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
    print(time.process_time(), peak, file=sys.stderr)
"""


def order_all(edges: Floats, kicks: int | None = None) -> Choice:
    """Order a whole library."""
    size = len(edges)
    return choose(edges, np.zeros((size, size), np.float32), nobody(size), Rules(), kicks=kicks)


def against_all_orders(libraries: int) -> None:
    """Compare ten tracks with the best of all orders."""
    excess = []
    for seed in range(libraries):
        edges = library(10, seed)
        found = order_all(edges)
        excess.append((found.mean + found.dearest) / least_cost(edges) - 1)
    best = sum(each < 1e-6 for each in excess)
    what = f"10 tracks, {libraries} libraries, against all orders"
    show({what: f"mean excess {np.mean(excess):.2%} (goal 0.2), best in {best} (goal 54 of 60)"})


def against_greedy(libraries: int) -> None:
    """Compare fifty tracks with going to the nearest next one."""
    ratios, seconds = [], []
    for seed in range(libraries):
        edges = library(50, 1000 + seed)
        places = np.zeros((50, 50), np.float32)
        begun = time.process_time()
        found = order_all(edges)
        seconds.append(time.process_time() - begun)
        mean, dearest, _ = path_cost(np.array(nearest_next(edges, places)), edges, places)
        ratios.append((found.mean / mean, found.dearest / dearest))
    mean, dearest = np.mean(ratios, axis=0)
    what = f"50 tracks, {libraries} libraries, against the nearest next"
    milliseconds = 1000 * float(np.median(seconds))
    show(
        {
            what: f"mean {mean:.3f} (goal .95), dearest {dearest:.3f} (goal .80), "
            f"{milliseconds:.0f} ms (goal 30)"
        }
    )


def against_lkh() -> None:
    """Compare a hundred tracks with stored values: mean and dearest together, and the mean alone."""
    both, means = [], []
    for stored in lkh_values():
        edges = library(100, stored.seed)
        found = order_all(edges)
        both.append((found.mean + found.dearest) / stored.mean_and_dearest - 1)
        means.append(least_mean(edges) / stored.mean - 1)
    what = f"100 tracks, {len(both)} libraries, against LKH"
    figure = f"mean {np.mean(both):+.2%}, most {max(both):+.2%} (goal 2)"
    alone = f"mean {np.mean(means):+.2%}, most {max(means):+.2%}"
    show({what: figure, f"{what}, by the mean transition alone": alone})


def least_mean(edges: Floats) -> float:
    """Give the mean transition of a library ordered by that alone."""
    size = len(edges)
    more = with_free_beginning(edges)
    found = choose(more, np.zeros_like(more), nobody(size + 1), Rules(), first=size)
    return path_cost(found.order[1:], edges, np.zeros_like(edges))[0]


def against_nearest(libraries: int) -> None:
    """Compare fifty of five hundred with the fifty nearest to a seed, in their best order."""
    rows = []
    for seed in range(libraries):
        edges = library(500, 2000 + seed)
        unlike = np.clip(edges[0] / np.median(edges[0]) / 2, 0, 1).astype(np.float32)
        places = np.tile(unlike, (50, 1))
        joint = choose(edges, places, nobody(500), Rules())
        near = np.argsort(unlike, kind="stable")[:50]
        plain = order_all(np.ascontiguousarray(edges[np.ix_(near, near)]))
        rows.append(
            (joint.mean, joint.dearest, joint.place, plain.mean, plain.dearest, float(unlike[near].mean()))
        )
    mean, dearest, unlike_seed, near_mean, near_dearest, near_unlike = np.mean(rows, axis=0)
    farther = f"distance to the seed {unlike_seed / near_unlike - 1:+.1%} (goal at most +5)"
    figure = f"mean {mean:.3f} and {near_mean:.3f}, dearest {dearest:.3f} and {near_dearest:.3f}, {farther}"
    show({f"50 of 500, {libraries} libraries, and the 50 nearest in their best order": figure})


def command(database: Path, threads: int) -> tuple[float, float, str]:
    """Processor seconds, peak megabytes, and the hash of the list."""
    target = database.with_suffix(f".{threads}.json")
    call = ("playlist", "make", "--seed", "t000000777", "--force")
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *call, "-o", str(target), "--db", str(database)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict.fromkeys(names, str(threads))},
    )
    processor, kilobytes = done.stderr.split()[-2:]
    return float(processor), float(kilobytes) * 1024 / 1e6, hashlib.sha256(target.read_bytes()).hexdigest()


def permuted(database: Path) -> Path:
    """Copy a store with the rows of its tracks in another order."""
    other = database.with_name("permuted.duckdb")
    other.write_bytes(database.read_bytes())
    with duckdb.connect(str(other)) as connection:
        for table, key in (("files", "path"), ("tracks", "track_id"), ("sonic_features", "content_hash")):
            connection.execute(f"CREATE TEMP TABLE rows AS FROM {table} ORDER BY hash({key})")
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} FROM rows")
            connection.execute("DROP TABLE rows")
    return other


def commands(tracks: int) -> None:
    """Measure the command on a large library and a tenth of it; rows and threads must not change its list."""
    for size, goal in ((tracks, 2), (tracks // 10, 1)):
        with tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / "music.duckdb"
            fill(database, size)
            runs = [command(database, 2) for _ in range(3)]
            hashes = {run[2] for run in (*runs, command(database, 1), command(permuted(database), 2))}
        seconds, megabytes = min(run[0] for run in runs), max(run[1] for run in runs)
        same = "the same" if len(hashes) == 1 else "NOT the same"
        figure = f"{seconds:.2f} s (goal {goal}), {megabytes:.0f} MB (goal 400)"
        show({f"etl playlist make, {size:,} tracks": figure})
        show({f"its list by 1 thread, and with rows in another order, {size:,} tracks": same})


def main(exact: int, fifty: int, tracks: int) -> None:
    """Measure and print."""
    order_all(library(9, 0))  # compiled
    against_all_orders(exact)
    against_greedy(fifty)
    against_lkh()
    against_nearest(max(fifty // 10, 1))
    commands(tracks)


if __name__ == "__main__":
    main(*sizes(60, 100, 100_000))
