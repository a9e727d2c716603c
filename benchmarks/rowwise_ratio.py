"""`etl build data3` against the same analysis one row at a time in pandas, in songs per second.

    python -m benchmarks.rowwise_ratio [SONGS=200000] [ROWWISE_SONGS=1000] [ROUNDS=3]

Both read generated songs from a CSV and write keys, numerals and fingerprints to a CSV, inside this process,
imports not counted. The row-wise side takes the first songs of the same file; its time per song does not
depend on how many. Rounds alternate, and the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd
import polars as pl

from benchmarks.timing import seconds
from etl.chords.keys import KeyMethod
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from tests.support import rowwise
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate


def main(songs: int, rowwise_songs: int, rounds: int) -> None:
    """Measure, check that both agree, and print."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        source, built, plain = (Path(folder) / name for name in ("in.csv", "data3.csv", "plain.csv"))
        generate(songs, source)
        request = Data3Build(
            inputs=(source,),
            output=built,
            database=None,
            method=KeyMethod.KRUMHANSL,
            force=True,
        )
        columnar, by_row = [], []
        for _ in range(rounds):
            built.unlink(missing_ok=True)
            columnar.append(songs / seconds(lambda: build(request)))
            by_row.append(rowwise_songs / seconds(lambda: _rowwise(source, plain, rowwise_songs)))
        _check(built, plain)
    fast, slow = statistics.median(columnar), statistics.median(by_row)
    show(
        {
            f"etl build data3, {songs:,} songs": f"{fast:,.0f} songs/s",
            f"pandas by row, {rowwise_songs:,} songs": f"{slow:,.0f} songs/s",
            "ratio, with the same results": f"{fast / slow:.0f}",
        }
    )


def _rowwise(source: Path, target: Path, songs: int) -> None:
    frame = pd.read_csv(source, dtype=str, nrows=songs)
    pd.concat([frame, rowwise.analyse(frame)], axis=1).to_csv(target, index=False)


def _check(built: Path, plain: Path) -> None:
    columns = ["id", "key", "roman_numerals", "harmonic_fingerprint"]
    expected = pl.read_csv(plain, columns=columns, infer_schema=False)
    found = pl.read_csv(built, columns=columns, infer_schema=False, n_rows=expected.height)
    if not found.equals(expected):
        sys.exit("the two analyses differ")


if __name__ == "__main__":
    main(*sizes(200_000, 1000, 3))
