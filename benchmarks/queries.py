"""Each named query about songs, on a store of Chordonomicon's size.

    python -m benchmarks.queries [SONGS=680000] [ROUNDS=3]

The store is made once, of generated songs. Wall time is the best of the rounds, on all cores, with the CPU
time of that round.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from etl.store.database import read_store
from etl.store.queries import named_queries, named_query
from etl.store.statements import select
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate

_GIVEN: dict[str, list[dict[str, str]]] = {
    "progressions": [
        {},
        {"n": "1"},
        {"n": "8"},
        {"by": "genre"},
        {"by": "section"},
        {"n": "8", "by": "section"},
        {"section": "chorus"},
        {"genre": "jazz"},
    ],
    "similar-songs": [{"id": "gen5"}],
    "songs-with-progression": [
        {"progression": "I V vi IV"},
        {"progression": "I"},
        {"progression": "I IV I V I IV I V"},
        {"progression": "I V vi IV", "genre": "jazz"},
    ],
}
"""What queries are asked with; the others as they are."""

_NO_SONGS = ("library-", "midi-")  # other tables, which are empty here


def main(songs: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        source, store = Path(folder) / "songs.csv", Path(folder) / "music.duckdb"
        generate(songs, source)
        build = etl("build", "data3", str(source), "-o", str(source.with_name("out.csv")), "--db", str(store))
        subprocess.run(build, check=True, capture_output=True)
        for name in named_queries():
            for given in [] if name.startswith(_NO_SONGS) else _GIVEN.get(name, [{}]):
                wall, cpu = min(_asked(store, name, given) for _ in range(rounds))
                asked = ", ".join([name, *(f"{key}={value}" for key, value in given.items())])
                show({f"{songs:,} songs, {asked}": f"{wall:.2f} s, CPU {cpu:.2f} s"})


def _asked(store: Path, name: str, given: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one query, the opening of the store included."""
    query = named_query(name)
    wall, cpu = time.perf_counter(), time.process_time()
    with read_store(store) as connection:
        select(connection, query.sql, query.bind(given)).pl()
        return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main(*sizes(680_000, 3))
