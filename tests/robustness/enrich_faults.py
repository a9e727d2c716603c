"""Single look-ups with random faults: how many requests beyond the least possible.

    python -m tests.robustness.enrich_faults [IDS=20000] [FAULTS_PER_CENT=5]

Pauses between retries are shortened, for they measure nothing but patience.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from etl.chords.keys import KeyMethod
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.services.spotify import Spotify
from tests.support.figures import show, sizes
from tests.support.spotify_process import CREDENTIALS, server, stats, write_songs


def main(ids: int, per_cent: int) -> None:
    """Measure and print."""
    # With one artist for five songs a song brings a little more than one id.
    songs = round(ids / 1.018)
    with (
        tempfile.TemporaryDirectory() as folder,
        server("--single-only", "--fault-rate", str(per_cent / 100)) as url,
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
            )
        )
        patience = Patience(
            first_pause=0.001, longest_pause=0.01, jitter=0.0, first_delay=0.001, longest_delay=0.01
        )
        start = time.perf_counter()
        result = enrich(
            Enrichment(
                database=database,
                command="etl enrich spotify",
                folder=here,
                patience=patience,
                limits_file=here / "limits.sqlite",
            ),
            Spotify(CREDENTIALS, ServiceSettings(url=url, per_second=5000)),
        )
        seconds = time.perf_counter() - start
        counts = stats(url)
    retries = sum(result.errors.values())
    least = result.ids + 1  # one batch that is refused
    beyond = counts["requests"] / (least + retries - 1) - 1
    show(
        {
            "ids": f"{result.ids:,}, {result.answers}",
            "faults met": result.errors,
            "asked twice after success": counts["repeated"],
            "requests": f"{counts['requests']:,}; {least:,} at least, {retries - 1:,} retries, {beyond:+.2%}",
            "look-ups": f"{result.ids / seconds:,.0f} ids/s ({seconds:.0f} s)",
        }
    )


if __name__ == "__main__":
    main(*sizes(20_000, 5))
