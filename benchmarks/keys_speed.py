"""What the trained key finder costs: `etl build data3` by both methods, and with section keys.

    python -m benchmarks.keys_speed [SONGS=200000] [ROUNDS=3]

Whole processes are timed. Rounds alternate, and the ratios are those of the medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.generate import generate
from benchmarks.timing import Measured, etl, run


def main(songs: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        here = Path(folder)
        source = str(here / "in.csv")
        generate(songs, Path(source))
        csv_only = ("build", "data3", source, "-o", str(here / "a.csv"), "--no-db")
        with_store = ("build", "data3", source, "-o", str(here / "b.csv"), "--force", "--db")
        commands = {
            "krumhansl": etl(*csv_only, "--key-method", "krumhansl"),
            "trained": etl(*csv_only, "--key-method", "trained"),
            "store": etl(*with_store, str(here / "b.duckdb")),
            "store, section keys": etl(*with_store, str(here / "b.duckdb"), "--section-keys"),
        }
        run(commands["trained"])  # warm caches
        times: dict[str, list[Measured]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                for stale in here.glob("b.duckdb*"):
                    stale.unlink()
                times[name].append(run(command))
        print(f"{songs:,} generated songs, {rounds} rounds")
        for name, base in (
            *((method, "krumhansl") for method in ("krumhansl", "trained")),
            *((store, "store") for store in ("store", "store, section keys")),
        ):
            wall, cpu = (
                statistics.median(getattr(m, figure) for m in times[name]) for figure in ("wall_s", "cpu_s")
            )
            to_base, cpu_to_base = (
                value / statistics.median(getattr(m, figure) for m in times[base])
                for value, figure in ((wall, "wall_s"), (cpu, "cpu_s"))
            )
            print(
                f"{name:20} {wall:6.2f} s  CPU {cpu:6.2f} s  "
                f"to {base}: wall {to_base:.2f}, CPU {cpu_to_base:.2f}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
