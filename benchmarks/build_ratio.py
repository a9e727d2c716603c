"""`etl build data3` against polars copying the finished CSV.

    python -m benchmarks.build_ratio [SONGS=200000] [ROUNDS=3]

Whole processes are timed, interpreter start and flush to disk included; the copy is timed without and with a
flush. Rounds alternate, and the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.generate import generate
from benchmarks.timing import Measured, etl, python, run

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
        print(f"{songs:,} generated songs, data3.csv of {size / 1e6:,.0f} MB, {rounds} rounds")
        commands = {
            "polars copy": python(_COPY.format(sync=None), finished, copy),
            "polars copy, flushed": python(_COPY.format(sync="'all'"), finished, copy),
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
                times[name].append(run(command))
        base = statistics.median(m.wall_s for m in times["polars copy"])
        for name, measured in times.items():
            wall = statistics.median(m.wall_s for m in measured)
            cpu = statistics.median(m.cpu_s for m in measured)
            peak = max(m.peak_bytes for m in measured)
            use = f"CPU {cpu:6.2f} s  peak {peak / 2**20:6.0f} MiB"
            print(f"{name:26} {wall:6.2f} s  {use}  ratio {wall / base:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
