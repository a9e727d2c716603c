"""`etl build data3` against polars copying the finished CSV.

    python -m benchmarks.build_ratio [SONGS=200000] [ROUNDS=3]

Whole processes are timed, interpreter start and flush to disk included; the copy is timed without and with a
flush. Rounds alternate, and the ratio is that of the medians.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import Measured, run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate

_COPY = """
import sys, polars as pl
pl.scan_csv(sys.argv[1], infer_schema=False).sink_csv(sys.argv[2], sync_on_close={sync})
"""


def main(songs: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        here = Path(folder)
        source, finished, copy = (str(here / name) for name in ("in.csv", "data3.csv", "copy.csv"))
        generate(songs, Path(source))
        run(etl("build", "data3", source, "-o", finished, "--no-db"))  # warm caches, and make the file
        size = Path(finished).stat().st_size
        commands = {
            "polars copy": [sys.executable, "-c", _COPY.format(sync=None), finished, copy],
            "polars copy, flushed": [sys.executable, "-c", _COPY.format(sync="'all'"), finished, copy],
            "build, CSV only": etl("build", "data3", source, "-o", str(here / "a.csv"), "--no-db"),
            "build, CSV + store + NPZ": etl(
                *("build", "data3", source, "-o", str(here / "b.csv"), "--force"),
                *("--db", str(here / "b.duckdb"), "--npz", str(here / "b.npz")),
            ),
        }
        times: dict[str, list[Measured]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                for stale in (Path(copy), *here.glob("[ab].*")):  # each writes new files
                    stale.unlink(missing_ok=True)
                os.sync()  # nobody pays for what others left to the disk
                times[name].append(run(command))
        base = statistics.median(m.wall_s for m in times["polars copy"])
        for name, measured in times.items():
            wall = statistics.median(m.wall_s for m in measured)
            cpu = statistics.median(m.cpu_s for m in measured)
            peak = max(m.peak_bytes for m in measured)
            took = f"{wall:.2f} s, {wall / base:.2f} times the copy"
            used = f"CPU {cpu:.2f} s, peak {peak / 2**20:.0f} MiB"
            show({f"{songs:,} songs ({size / 1e6:,.0f} MB), {name}": f"{took}, {used}"})


if __name__ == "__main__":
    main(*sizes(200_000, 3))
