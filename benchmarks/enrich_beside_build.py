"""`etl build data3` alone, and while `etl enrich spotify` runs beside it on another store.

    python -m benchmarks.enrich_beside_build [SONGS=100000] [ROUNDS=3] [PER_SECOND=3]

Rounds alternate; the ratio is that of the medians of whole processes.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.timing import run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate
from tests.support.spotify_process import environment, server, write_songs


def main(songs: int, rounds: int, per_second: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, server("--single-only") as url:
        here = Path(folder)
        generate(songs, here / "in.csv")
        setup = environment(url, here / "enriched.duckdb", per_second=per_second)
        write_songs(here / "songs.csv", 100_000)
        enriched = etl("build", "data3", str(here / "songs.csv"), "-o", str(here / "e.csv"))
        subprocess.run(enriched, check=True, env=setup, capture_output=True)
        command = etl(
            *("build", "data3", str(here / "in.csv"), "-o", str(here / "out.csv")),
            *("--db", str(here / "built.duckdb"), "--force"),
        )
        run(command)  # warm caches
        alone, beside = [], []
        for _ in range(rounds):
            alone.append(run(command).wall_s)
            other = subprocess.Popen(
                etl("enrich", "spotify"), env=setup, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            beside.append(run(command).wall_s)
            if other.poll() is not None:
                raise SystemExit("the enrichment ended before the build; give it more songs")
            os.kill(other.pid, signal.SIGTERM)
            other.wait()
        quiet, busy = statistics.median(alone), statistics.median(beside)
        took = f"{quiet:.2f} s alone, {busy:.2f} s beside, ratio {busy / quiet:.3f}"
        show({f"build of {songs:,} songs beside an enrichment at {per_second} requests/s": took})


if __name__ == "__main__":
    main(*sizes(100_000, 3, 3))
