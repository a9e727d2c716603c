"""How many tracks a second one driver and one store take from a cluster, and what takes the time.

    python -m benchmarks.cluster_driver [TRACKS] [WORKERS]

The workers are not there: what they would answer, real descriptions in batches of ten, is there at once. So
the figure is what the driver can do: look at files, make batches, read answers, store them. The cost of
Dask's own scheduler comes on top and is measured by real batches on two workers that have nothing to do.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from etl.audio.features import Mode
from etl.pipelines.audio.describe import describe_file
from etl.pipelines.audio.recording import Recording
from etl.pipelines.audio.run import LibraryStage
from etl.runtime.work.cluster.address import Cluster
from etl.runtime.work.cluster.connection import Connection, connected
from etl.runtime.work.cluster.messages import Answer
from etl.runtime.work.crew import crew
from etl.runtime.work.outcome import Outcome
from etl.store.database import open_store
from tests.support.tracks import request, run, store_of, write_track

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS_EACH = 1.0


class _Future:
    """An answer that is there."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def add_done_callback(self, call: Any) -> None:
        call(self)

    def result(self, timeout: float) -> Any:  # noqa: ARG002 - that of Dask
        return self._answer

    def release(self) -> None:
        pass

    cancel = release


class _Client:
    """Workers that have done everything already."""

    def __init__(self, workers: int, row: dict[str, Any]) -> None:
        self._workers = workers
        self._row = row
        self.batches = 0

    def nthreads(self) -> dict[str, int]:
        return {f"worker-{number}": 1 for number in range(self._workers)}

    def run(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, _call: Any, _orders: Any, *work: Any, **_options: Any) -> _Future:
        if not work:  # versions
            return _Future(None)
        self.batches += 1
        outcomes = []
        for number, pickled in enumerate(work[1]):
            item = pickle.loads(pickled)  # noqa: S301 - our own
            row = {**self._row, "content_hash": item.content_hash} if isinstance(item, Recording) else None
            outcome = Outcome(None, row, seconds=_SECONDS_EACH)
            outcomes.append((number, pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)))
        return _Future(Answer(tuple(outcomes)))


def main(tracks: int = 20_000, workers: int = 1000) -> None:
    """Replay, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        music = Path(folder) / "music"
        first = write_track(music / "0.flac", 0)
        row = describe_file(Recording("", str(first), Mode.BEAT))
        run(music, LibraryStage.SCAN)
        content = first.read_bytes()
        for number in range(1, tracks):
            (music / f"{number}.flac").write_bytes(content)
        _pretend_known(store_of(music), music, tracks)
        client = _Client(workers, row)

        @contextmanager
        def replayed(cluster: Cluster) -> Iterator[Connection]:
            yield Connection(client, cluster)

        before = os.times()
        with patch("etl.pipelines.audio.describe_tracks.connected", replayed):
            options = request(music, LibraryStage.SONIC, cluster=Cluster.parse("tcp://replay:1"))
            run(music, LibraryStage.SONIC, cluster=options.cluster)
        after = os.times()
        cpu = after.user + after.system - before.user - before.system
        wall = after.elapsed - before.elapsed
    dask = _dask_seconds()
    each = cpu / tracks + dask / 10
    print(f"{tracks:,} tracks of {workers:,} workers in {client.batches:,} batches: {wall:.1f} s")
    print(f"driver and store, CPU: {1e6 * cpu / tracks:,.0f} us a track")
    print(f"Dask in the driver, CPU: {1e3 * dask:.1f} ms a batch, {1e5 * dask:,.0f} us a track")
    print(f"tracks/s on one core: {1 / each:,.0f}")


def _pretend_known(database: Path, music: Path, tracks: int) -> None:
    """Enter all files with contents of their own, as if they had been scanned and hashed."""
    with open_store(database) as connection:
        connection.execute(
            "INSERT INTO files BY NAME SELECT * REPLACE (? || '/' || track_id || '.flac' AS path, "
            "md5(track_id) AS content_hash, 1 AS audio_bytes) FROM (SELECT files.* EXCLUDE (track_id), "
            "n::VARCHAR AS track_id FROM files, range(1, ?) AS r(n))",
            [str(music), tracks],
        )


def _dask_seconds(batches: int = 300) -> float:
    """Measure the driver's CPU seconds for a batch on two workers, at nothing to do."""
    with (
        connected(Cluster.parse("local:2")) as joined,
        crew(
            workers=0, cluster=joined, versions_of="etl.pipelines.versions:of_all", batch_seconds=1e-9
        ) as members,
    ):
        job = "tests.support.tracks:store_of"
        list(members.map(job, [Path("a")] * 4, in_flight=3))
        before = os.times()
        done = sum(1 for _ in members.map(job, [Path("a")] * batches, in_flight=3))
        after = os.times()
    return (after.user + after.system - before.user - before.system) / done


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
