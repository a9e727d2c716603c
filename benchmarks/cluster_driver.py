"""How many tracks a second one driver and one store take from a cluster, and what takes the time.

    python -m benchmarks.cluster_driver [TRACKS] [WORKERS]

The workers are not there. What they would answer, real descriptions, comes when they would have it: each does
its batches one after the other, at a second of work a track, so that 1,000 offer 1,000 tracks a second. All
else is the real thing: the driver looks at files, makes batches, reads answers and stores them. Its CPU
seconds are told by the threads that spend them. The cost of Dask's own client and scheduler comes on top; it
is measured by real batches on two workers that have nothing to do.
"""

from __future__ import annotations

import heapq
import os
import pickle
import sys
import tempfile
import threading
import time
from collections import defaultdict
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
_THREADS = {
    "MainThread": "counting results and making rows of them",
    "etl-batches": "looking at files and making batches",
    "etl-work": "handing batches over and reading answers",
    "etl-store": "writing the store",
}
"""What the threads of a driver do."""


class _Future:
    """An answer that comes later."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._call: Any = None

    def add_done_callback(self, call: Any) -> None:
        self._call = call

    def arrive(self) -> None:
        while self._call is None:  # its sender is just about to say
            time.sleep(0)
        self._call(self)

    def result(self, timeout: float) -> Any:  # noqa: ARG002 - that of Dask
        return self._answer

    def release(self) -> None:
        pass

    cancel = release


class _Client:
    """Workers that do one batch after the other, and what they answer."""

    def __init__(self, workers: int, row: dict[str, Any]) -> None:
        self._row = row
        self._free = [0.0] * workers  # a heap of the times at which they are
        self._coming: list[tuple[float, int, _Future]] = []
        self._changed = threading.Condition()
        self.batches = 0
        self.cpu = 0.0  # seconds of what no driver does
        threading.Thread(target=self._deliver, name="bench-workers", daemon=True).start()

    def nthreads(self) -> dict[str, int]:
        return {f"worker-{number}": 1 for number in range(len(self._free))}

    def run(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, _call: Any, _orders: Any, *work: Any, **_options: Any) -> _Future:
        if not work:  # versions
            return _Future(None)
        before = time.thread_time()
        outcomes = []
        for number, pickled in enumerate(work[1]):
            item = pickle.loads(pickled)  # noqa: S301 - our own
            row = {**self._row, "content_hash": item.content_hash} if isinstance(item, Recording) else None
            outcome = Outcome(None, row, seconds=_SECONDS_EACH)
            outcomes.append((number, pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)))
        future = _Future(Answer(tuple(outcomes)))
        with self._changed:
            self.batches += 1
            due = max(time.monotonic(), self._free[0]) + _SECONDS_EACH * len(outcomes)
            heapq.heapreplace(self._free, due)
            heapq.heappush(self._coming, (due, self.batches, future))
            self._changed.notify()
            self.cpu += time.thread_time() - before
        return future

    def _deliver(self) -> None:
        while True:
            with self._changed:
                while not self._coming or (left := self._coming[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left if self._coming else None)
                future = heapq.heappop(self._coming)[2]
            future.arrive()


@contextmanager
def _cpu_by_thread() -> Iterator[dict[str, float]]:
    """Give the CPU seconds of Python's threads by name, this one's as that of the main thread."""
    seconds: dict[str, float] = defaultdict(float)
    own_run = threading.Thread.run

    def run(thread: threading.Thread) -> None:
        try:
            own_run(thread)
        finally:
            seconds[thread.name] += time.thread_time()

    before = time.thread_time()
    with patch.object(threading.Thread, "run", run):
        yield seconds
    seconds["MainThread"] = time.thread_time() - before


def main(tracks: int = 20_000, workers: int = 1000) -> None:
    """Replay, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        music = Path(folder) / "music"
        first = write_track(music / "0.flac", 0)
        row = describe_file(Recording("", str(first), Mode.BEAT))
        run(music, LibraryStage.SCAN)
        for number in range(1, tracks):
            (music / f"{number}.flac").hardlink_to(first)
        _pretend_known(store_of(music), music, tracks)
        client = _Client(workers, row)

        @contextmanager
        def replayed(cluster: Cluster) -> Iterator[Connection]:
            yield Connection(client, cluster)

        before = os.times()
        with patch("etl.pipelines.audio.describe_tracks.connected", replayed), _cpu_by_thread() as seconds:
            options = request(music, LibraryStage.SONIC, cluster=Cluster.parse("tcp://replay:1"))
            run(music, LibraryStage.SONIC, cluster=options.cluster)
        after = os.times()
        wall = after.elapsed - before.elapsed
        spent = {words: seconds[name] / tracks for name, words in _THREADS.items()}
        total = after.user + after.system - before.user - before.system
        others = total - sum(seconds[name] for name in (*_THREADS, "bench-workers"))
        simulated = client.cpu / tracks
        spent["handing batches over and reading answers"] -= simulated
        spent["threads that wait, DuckDB's own, the rest"] = others / tracks
    spent["Dask's client and scheduler"] = _dask_seconds() * client.batches / tracks
    each = sum(spent.values())
    most = max(spent, key=lambda what: spent[what])
    print(f"{tracks:,} tracks of {workers:,} workers, {client.batches:,} batches: {wall:.1f} s")
    print(f"tracks/s offered: {workers / _SECONDS_EACH:,.0f}")
    print(f"tracks/s taken: {tracks / wall:,.0f}")
    for what, cpu in sorted(spent.items(), key=lambda pair: -pair[1]):
        print(f"{what}, CPU us a track: {1e6 * cpu:,.0f}")
    print(f"all of it, CPU us a track: {1e6 * each:,.0f}")
    print(f"tracks/s on one core: {1 / each:,.0f}")
    print(f"bottleneck: {most}")


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
