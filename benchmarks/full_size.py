"""A build of Chordonomicon's size: time per song against a smaller one, peak memory, CPU use.

    python -m benchmarks.full_size [SONGS=680000] [FEWER=100000]

Both builds write the CSV, the store and the NPZ.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from benchmarks.timing import run
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate


def main(songs: int, fewer: int) -> None:
    """Measure and print."""
    per_song = {}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        here = Path(folder)
        for count in (fewer, songs):
            source = here / f"{count}.csv"
            generate(count, source)
            outputs = ("-o", str(here / "out.csv"), "--db", str(here / f"{count}.duckdb"))
            took = run(etl("build", "data3", str(source), *outputs, "--npz", str(here / "out.npz")))
            per_song[count] = took.wall_s / count
            use = re.search(r"CPU use of all cores: (.*)", took.output)
            speed = f"{took.wall_s:.1f} s, {count / took.wall_s:,.0f} songs/s"
            memory = f"peak memory {took.peak_bytes / 2**30:.2f} GiB"
            show({f"{count:,} songs": f"{speed}, {memory}, CPU use {use[1] if use else 'unknown'}"})
    show({f"time per song at {songs:,} against {fewer:,} songs": f"{per_song[songs] / per_song[fewer]:.2f}"})


if __name__ == "__main__":
    main(*sizes(680_000, 100_000))
