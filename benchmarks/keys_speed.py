"""What the trained key finder costs: `etl build data3` by both methods, and with section keys.

    python -m benchmarks.keys_speed [SONGS=200000] [ROUNDS=5]

Whole processes are timed. Each round runs them all; a ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.timing import Measured, run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate


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
        for name, base in (("trained", "krumhansl"), ("store, section keys", "store")):
            wall, cpu = (
                statistics.median(
                    getattr(m, figure) / getattr(b, figure)
                    for m, b in zip(times[name], times[base], strict=True)
                )
                for figure in ("wall_s", "cpu_s")
            )
            spent = ", ".join(
                f"{statistics.median(m.cpu_s for m in times[n]):.2f} s CPU ({n})" for n in (base, name)
            )
            ratios = f"wall {wall:.2f}, CPU {cpu:.2f} of the time"
            show({f"{songs:,} songs, {name} against {base}": f"{ratios}; {spent}"})


if __name__ == "__main__":
    main(*sizes(200_000, 5))
