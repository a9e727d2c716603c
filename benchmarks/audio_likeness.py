"""Likeness of recordings: hubs and like styles among rendered pieces, and the command on a large library.

    python -m benchmarks.audio_likeness [PIECES=140] [TRACKS=100000]

A style is not a genre, and rendered pieces differ by few sounds: the shares compare recipes with one another
and say nothing about music at large. The command runs in a process of its own, interpreter start included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.audio.features import TIMBRE, Mode, version_of
from etl.audio.sonic import describe
from etl.music.likeness import distances_from, likeness_space, similar
from etl.store.database import open_store
from tests.support import audio_pieces
from tests.support.figures import show, sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOP = 10
_CHUNK = 20_000
_COMMAND = """
import sys, time
from etl.cli.main import run
try:
    run()
finally:
    peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
    print(time.process_time(), peak, file=sys.stderr)
"""


def report(name: str, lists: NDArray[np.int64], styles: NDArray[np.str_]) -> None:
    """Print the worst hub, and how often the first of a list is of the same style."""
    counts = np.bincount(lists.ravel(), minlength=len(styles))
    first = float(np.mean(styles[lists[:, 0]] == styles))
    show({name: f"worst hub in {counts.max()} of {len(styles)} lists of ten, same style first {first:.2f}"})


def recipes(count: int) -> None:
    """Compare distances over all components with mutual proximity over those that are not of pitch."""
    pieces = list(audio_pieces.pieces(count, seconds=20.0, seed=4))
    vectors = np.stack([describe(audio_pieces.render(piece)).vectors[0] for piece in pieces])
    styles = np.array([piece.style for piece in pieces])
    order = [f"{number:06d}" for number in range(count)]
    for name, parts in (("all components", range(vectors.shape[1])), ("without pitch", TIMBRE)):
        space = likeness_space(np.ascontiguousarray(vectors[:, list(parts)], dtype=np.float32), order)
        rows = range(count)
        nearest = np.stack([np.argsort(distances_from(space, row))[1 : _TOP + 1] for row in rows])
        mutual = np.stack([similar(space, [row], _TOP)[0] for row in rows])
        report(f"{name}, distance", nearest, styles)
        report(f"{name}, mutual proximity", mutual, styles)


def fill(database: Path, count: int) -> None:
    """Make a library of so many described tracks, whose vectors lie around twelve directions."""
    rng = np.random.default_rng(0)
    directions, units = rng.normal(0, 1, (12, 128)), 10 ** rng.uniform(-1, 3, 128)
    numbers = dict.fromkeys(
        ("bpm_confidence", "bpm_half_confidence", "bpm_double_confidence", "key_correlation",
         "key_confidence", "rms_db", "crest_db", "dynamic_range_db"), 0.5,
    )  # fmt: skip
    with open_store(database) as connection:
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            around = rng.normal(0, 1, (size, 12)) * np.exp(rng.normal(0, 0.3, (size, 1)))
            vectors = pl.Series(
                ((around @ directions + rng.normal(0, 1, (size, 128))) * units).astype(np.float32),
                dtype=pl.Array(pl.Float32, 128),
            )
            track = pl.int_range(start, start + size, eager=True)
            hashes = [rng.bytes(16).hex() for _ in range(size)]
            ids = pl.select(pl.lit("t") + track.cast(pl.String).str.zfill(9)).to_series()
            frames = {
                "files": pl.DataFrame({"track_id": ids, "content_hash": hashes}).with_columns(
                    path="/music/" + ids + ".flac", kind=pl.lit("flac"), size_bytes=1, mtime_ns=1,
                    first_seen=pl.lit(0).cast(pl.Datetime("us", "UTC")),
                ),
                "tracks": pl.DataFrame({"track_id": ids}).with_columns(
                    title="Song " + ids, artist="Artist " + (track % 5000).cast(pl.String)
                ),
                "sonic_features": pl.DataFrame({"content_hash": hashes}).with_columns(
                    **{name: pl.lit(value) for name, value in numbers.items()},
                    version=pl.lit(version_of(Mode.BEAT)), mode=pl.lit("beat"), bpm=120.0, key=0,
                    duration_s=pl.Series(rng.uniform(120, 400, size)), beat_times_s=pl.lit([0.5]),
                    **{f"vector_{part}": vectors for part in ("whole", "start", "middle", "end")},
                ),
            }  # fmt: skip
            for table, frame in frames.items():
                connection.register("rows_to_insert", frame.to_arrow())
                connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_insert")


def command(database: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak megabytes of the command, read by itself where it ends."""
    arguments = ["etl", "library", "similar", "t000000777", "--db", str(database)]
    call = [sys.executable, "-c", _COMMAND, *arguments[1:]]
    start = time.perf_counter()
    done = subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    processor, kilobytes = done.stderr.split()[-2:]
    return seconds, float(processor), float(kilobytes) * 1024 / 1e6


def main(pieces: int, tracks: int) -> None:
    """Measure and print."""
    recipes(pieces)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "music.duckdb"
        fill(database, tracks)
        runs = [command(database) for _ in range(5)]
    seconds, processor = (min(run[at] for run in runs) for at in (0, 1))
    megabytes = max(run[2] for run in runs)
    figure = f"{seconds:.2f} s (goal 1), {processor:.2f} s of processors, {megabytes:.0f} MB (goal 400)"
    show({f"etl library similar, {tracks:,} tracks": figure})


if __name__ == "__main__":
    main(*sizes(140, 100_000))
