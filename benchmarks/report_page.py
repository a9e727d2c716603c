"""`etl report page` on a store of Chordonomicon's size.

    python -m benchmarks.report_page [SONGS=680000] [ROUNDS=3]

The store is made once, of generated songs. The CPU time is the best of the rounds, that of the whole process.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from benchmarks.timing import run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate


def main(songs: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        source, store, page = folder / "songs.csv", folder / "music.duckdb", folder / "report.html"
        generate(songs, source)
        build = etl("build", "data3", source, "-o", folder / "out.csv", "--db", store)
        subprocess.run(build, check=True, capture_output=True)
        made = [run(etl("report", "page", "-o", page, "--db", store)) for _ in range(rounds)]
        best = min(made, key=lambda each: each.cpu_s)
        size = page.stat().st_size
    show({f"{songs:,} songs, a report page": f"CPU {best.cpu_s:.2f} s, {size / 1000:,.0f} kB"})


if __name__ == "__main__":
    main(*sizes(680_000, 3))
