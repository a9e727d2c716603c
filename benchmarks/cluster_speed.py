"""What a cluster costs and gains: two workers against one, against two processes here, and a batch alone.

    python -m benchmarks.cluster_speed [TRACKS=60] [SECONDS=12] [ROUNDS=2]

Scheduler and workers are those of `dask scheduler` and `dask worker`, one core each, on this machine; the
rounds take turns, and the best of each counts. Where other programs want the cores too, wall times say
little, so that two figures are told that load stretches alike: the share of their time that workers spend in
the work (twice that of two over that of one is the gain on free cores), and CPU seconds.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psutil
import soundfile as sf

from etl.pipelines.audio import describe_tracks
from etl.pipelines.audio.describe_tracks import _Outcomes
from etl.pipelines.audio.run import LibraryStage
from etl.runtime.work.cluster.address import Cluster
from etl.runtime.work.cluster.connection import connected
from etl.runtime.work.crew import crew
from etl.store.database import read_store
from tests.support import audio_pieces
from tests.support.dask_cluster import commanded, free_port
from tests.support.figures import show, sizes
from tests.support.tracks import run, store_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_BATCHES = 300


class _Measured:
    """A run over the same tracks: how long, how much of it in the work, and what came of it."""

    def __init__(self, music: Path, members: int, **options: Any) -> None:
        own_add, own_load = _Outcomes.add, vars(describe_tracks)["_load"]
        busy, first = 0.0, 0.0

        def add(outcomes: _Outcomes, outcome: Any) -> None:
            nonlocal busy
            own_add(outcomes, outcome)
            busy += outcome.seconds

        def load(*arguments: Any) -> None:
            nonlocal first
            own_load(*arguments)
            first = time.monotonic()

        store_of(music).unlink(missing_ok=True)
        run(music, LibraryStage.SCAN)
        with patch.object(_Outcomes, "add", add), patch.object(describe_tracks, "_load", load):
            run(music, LibraryStage.SONIC, **options)
        self.wall = time.monotonic() - first
        self.share = busy / (members * self.wall)
        with read_store(store_of(music)) as connection:
            self.rows = connection.sql("SELECT * FROM sonic_features ORDER BY content_hash").fetchall()


def _cpu(processes: Iterable[psutil.Process]) -> float:
    """Give the CPU seconds of processes and of theirs."""
    every = {each.pid: each for top in processes for each in (top, *top.children(recursive=True))}
    return sum(sum(each.cpu_times()[:2]) for each in every.values())


def _batch(address: str, tops: list[psutil.Process]) -> dict[str, str]:
    """Measure batches with nothing to do: one at a time for the time, all at once for CPU seconds."""
    with (
        connected(Cluster.parse(address)) as joined,
        crew(
            workers=0, cluster=joined, versions_of="etl.pipelines.versions:of_all", batch_seconds=1e-9
        ) as members,
    ):
        job = "tests.runtime.crew_jobs:double"
        list(members.map(job, range(20), in_flight=3))
        took = []
        for number in range(50):
            start = time.perf_counter()
            list(members.map(job, [number], in_flight=1))
            took.append(time.perf_counter() - start)
        before, own = _cpu(tops), psutil.Process().cpu_times()
        list(members.map(job, range(_BATCHES), in_flight=3))
        after, now = _cpu(tops), psutil.Process().cpu_times()
        driver = now.user + now.system - own.user - own.system
    return {
        "from hand to hand, ms, best of 50": f"{1e3 * min(took):.1f}",
        "CPU ms in the driver": f"{1e3 * driver / _BATCHES:.1f}",
        "CPU ms in scheduler, worker and its processes": f"{1e3 * (after - before) / _BATCHES:.1f}",
    }


def main(tracks: int, length: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        music = folder / "music"
        music.mkdir()
        rendered = [audio_pieces.render(piece) for piece in audio_pieces.pieces(12, seconds=length + 5.0)]
        for number in range(tracks):
            part = rendered[number % len(rendered)][number * 441 :][: 22_050 * length]
            sf.write(music / f"{number:03d}.flac", part, 22_050)
        alone = "--host 127.0.0.1 --no-dashboard --dashboard-address 127.0.0.1:0"
        addresses = {}
        for workers in (1, 2):
            port = free_port()
            addresses[workers] = f"tcp://127.0.0.1:{port}"
            lines = [f"dask scheduler --port {port} {alone}"]
            lines += [f"dask worker {addresses[workers]} --nthreads 1 {alone}"] * workers
            processes = stack.enter_context(commanded(lines, folder))
            if workers == 1:
                tops = [psutil.Process(each.pid) for each in processes]
        variants: dict[str, tuple[int, dict[str, Any]]] = {
            "two processes here": (2, {"workers": 2}),
            "one worker": (1, {"cluster": Cluster.parse(addresses[1])}),
            "two workers": (2, {"cluster": Cluster.parse(addresses[2])}),
        }
        found: dict[str, list[_Measured]] = {name: [] for name in variants}
        for _ in range(rounds):
            for variant, (members, options) in variants.items():
                found[variant].append(_Measured(music, members, **options))
        batch = _batch(addresses[1], tops)
    wall = {name: min(each.wall for each in runs) for name, runs in found.items()}
    share = {name: max(each.share for each in runs) for name, runs in found.items()}
    show({"seconds, best": {name: f"{seconds:.1f}" for name, seconds in wall.items()}})
    show({"share of it in the work": {name: f"{100 * each:.0f} %" for name, each in share.items()}})
    over_processes = wall["two workers"] / wall["two processes here"]
    show(
        {
            "two workers over one, by wall time": f"{wall['one worker'] / wall['two workers']:.2f}",
            "two workers over one, by share": f"{2 * share['two workers'] / share['one worker']:.2f}",
            "two workers' seconds over two processes'": f"{over_processes:.2f}",
            "same rows in all runs": len({str(each.rows) for runs in found.values() for each in runs}) == 1,
            "a batch": batch,
        }
    )


if __name__ == "__main__":
    main(*sizes(60, 12, 2))
