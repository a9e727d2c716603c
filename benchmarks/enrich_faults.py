"""20,000 single look-ups with 5 % random faults: how many requests beyond the least possible.

    python -m benchmarks.enrich_faults [IDS=20000] [RATE=0.05]

Pauses between retries are shortened, for they measure nothing but patience.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.enrich_server import CREDENTIALS, server, stats, write_songs
from etl.chords.keys import KeyMethod
from etl.pipelines.data3 import Data3Build, build
from etl.pipelines.enrich.run import Enrichment, enrich
from etl.runtime.progress import Progress
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.services.spotify import Spotify
from tests.support.enrichment import Quiet


def main(ids: int, rate: float) -> None:
    """Measure and print."""
    # With one artist for five songs a song brings a little more than one id.
    songs = round(ids / 1.018)
    with (
        tempfile.TemporaryDirectory() as folder,
        server("--single-only", "--fault-rate", str(rate)) as url,
        Progress("songs") as progress,
    ):
        here = Path(folder)
        database = here / "music.duckdb"
        build(
            Data3Build(
                inputs=(write_songs(here / "songs.csv", songs),),
                output=here / "data3.csv",
                database=database,
                npz=None,
                method=KeyMethod.KRUMHANSL,
                limit=None,
                force=False,
                workers=2,
            ),
            progress,
        )
        patience = Patience(
            first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.001, longest_delay=0.01
        )
        start = time.perf_counter()
        state = enrich(
            Enrichment(database=database, command="etl enrich spotify", folder=here, patience=patience),
            Spotify(CREDENTIALS, ServiceSettings(url=url, per_second=5000)),
            Quiet(),
        )
        seconds = time.perf_counter() - start
        counts = stats(url)
    retries = sum(state.errors.values())
    least = state.ids + 1  # one batch that is refused
    print(f"{state.ids:,} ids: {state.answers}; faults met: {state.errors}")
    print(f"asked twice after success: {counts['repeated']:,}")
    print(
        f"requests {counts['requests']:,}; least {least:,} + {retries - 1:,} retries; "
        f"beyond that {counts['requests'] / (least + retries - 1) - 1:+.2%}"
    )
    print(f"{seconds:.0f} s, {state.ids / seconds:,.0f} ids/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, float(sys.argv[2]) if len(sys.argv) > 2 else 0.05)
