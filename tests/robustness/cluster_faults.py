"""Describe a library on a cluster while files, workers and the driver die, and compare with one machine.

    python -m tests.robustness.cluster_faults [FILES=60] [SECONDS=12] [TIMEOUT=5]

Two files more kill what reads them: one by a native crash (SIGSEGV in libsndfile's place), one by a call that
never returns and holds the interpreter. The workers are those of `dask worker`, one core each.

1. `whole`: this machine, two processes.
2. `lost`: the cluster; when half is described, one worker and what watches it get a SIGKILL.
3. `killed`: the cluster; when half is described, the driver gets a SIGKILL, and is started again.

All three must describe the same, to the byte, and refuse the two files for the same reasons; what was
described before the kill must not be described again. It prints what the runs took.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import soundfile as sf

from etl.pipelines.audio.artifacts import ArtifactsRequest
from etl.pipelines.audio.run import LibraryRequest, LibraryStage, run_library
from etl.runtime.limits import LIMITS
from etl.runtime.watch.renderers import renderers
from etl.runtime.work.cluster.address import Cluster
from etl.store.database import open_store
from tests.support import audio_pieces
from tests.support.dask_cluster import commanded, free_port
from tests.support.figures import show, sizes
from tests.support.tracks import described_so_far

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAULTS = """
import ctypes, os, soundfile

opened = soundfile.SoundFile.__init__

def fails(self, file, *more, **named):
    name = os.path.basename(os.fspath(file)) if isinstance(file, (str, os.PathLike)) else ""
    if name == "crash.flac":
        ctypes.string_at(0)
    if name == "hang.flac":
        ctypes.PyDLL(None).pause()
    opened(self, file, *more, **named)

soundfile.SoundFile.__init__ = fails
"""
_LIMIT = 600.0


def run(database: Path, music: Path, seconds: float, address: str | None) -> None:
    """Describe all: what the driver does, in a process of its own."""
    request = LibraryRequest(
        sources=(music,),
        stages=(LibraryStage.SCAN, LibraryStage.SONIC, LibraryStage.ARTIFACTS),
        artifacts=ArtifactsRequest(database.with_suffix(".npz")),
        workers=2,
        limits=replace(LIMITS, track_s=seconds),
        cluster=Cluster.parse(address) if address else None,
    )
    run_library(database, request, renderers(database))


def results(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Give descriptions, refusals and the attempts of each."""
    with open_store(database) as connection:
        return {
            name: connection.execute(sql).fetchall()
            for name, sql in {
                "described": "SELECT * FROM sonic_features ORDER BY content_hash",
                "refused": "SELECT source, category, reason FROM rejects ORDER BY ALL",
                "done": "SELECT item, attempts, updated_at::VARCHAR FROM ledger "
                "WHERE task = 'sonic' AND status = 'done' ORDER BY ALL",
            }.items()
        }


@contextmanager
def driver(*words: object, faults: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start `run` in a process whose own processes are faulty."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.robustness.cluster_faults", "run", *map(str, words)],
        env=_environment(faults),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(_LIMIT)


def _environment(faults: Path) -> dict[str, str]:
    paths = [str(faults), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": ":".join(paths)}


def until_described(database: Path, tracks: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a run has described so many; it must not have ended by then."""
    while described_so_far(database) < tracks:
        if process.poll() is not None:
            raise SystemExit("a run was over before it could be disturbed: give more files")
        time.sleep(0.02)


def finished(process: subprocess.Popen[bytes]) -> float:
    """Wait for a driver; gives the seconds that it took from now."""
    start = time.monotonic()
    if process.wait(_LIMIT):
        raise SystemExit(f"a run ended with {process.returncode}")
    return time.monotonic() - start


def main(count: int, length: int, timeout: int) -> None:
    """Run all, compare and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        music, faults = folder / "music", folder / "faults"
        for made in (music, faults):
            made.mkdir()
        (faults / "sitecustomize.py").write_text(_FAULTS)
        rendered = [audio_pieces.render(piece) for piece in audio_pieces.pieces(12, seconds=length + 5.0)]
        names = [f"{number:03d}.flac" for number in range(count)] + ["crash.flac", "hang.flac"]
        for number, each in enumerate(names):
            part = rendered[number % len(rendered)][number * 441 :][: 22_050 * length]
            sf.write(music / each, part, 22_050)
        whole, lost, killed = (folder / f"{name}.duckdb" for name in ("whole", "lost", "killed"))
        port = free_port()
        address = f"tcp://127.0.0.1:{port}"
        alone = "--host 127.0.0.1 --no-dashboard --dashboard-address 127.0.0.1:0"
        lines = [
            f"dask scheduler --port {port} {alone}",
            f"dask worker {address} --nthreads 1 {alone}",
            f"dask worker {address} --nthreads 1 {alone}",
        ]
        took = {}
        with driver(whole, music, timeout, faults=faults) as process:
            took["one machine, two processes"] = finished(process)
        with commanded(lines, folder, _environment(faults)) as processes:
            with driver(killed, music, timeout, address, faults=faults) as process:
                until_described(killed, count // 2, process)
                process.send_signal(signal.SIGKILL)
            before = results(killed)["done"]
            with driver(killed, music, timeout, address, faults=faults) as process:
                took["driver killed, the rest"] = finished(process)
            with driver(lost, music, timeout, address, faults=faults) as process:
                until_described(lost, count // 2, process)
                victims = [psutil.Process(processes[1].pid)]
                victims += victims[0].children(recursive=False)
                for victim in victims:
                    victim.kill()
                took["worker killed, the rest"] = finished(process)
        found = {path.stem: results(path) for path in (whole, lost, killed)}
        digests = {
            path.stem: hashlib.sha256(path.with_suffix(".npz").read_bytes()).hexdigest()
            for path in (whole, lost, killed)
        }
    same = {
        "descriptions": len({str(each["described"]) for each in found.values()}) == 1,
        "matrices": len(set(digests.values())) == 1,
        "reasons": len({str(each["refused"]) for each in found.values()}) == 1,
    }
    after = found["killed"]["done"]
    again = [row for row in before if row not in after] + [row for row in after if row[1] > 1]
    for source, _, reason in found["lost"]["refused"]:
        show({f"refused, {Path(source).name}": reason})
    show(
        {
            "described of the good files": ", ".join(
                f"{len(each['described'])} ({run})" for run, each in found.items()
            ),
            "seconds": {run: f"{seconds:.1f}" for run, seconds in took.items()},
            "the same in all three": same,
            "in the store when the driver was killed": len(before),
            "of these described again": len(again),
        }
    )
    complete = all(len(each["described"]) == count and len(each["refused"]) == 2 for each in found.values())
    if again or not before or not complete or not all(same.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), next(iter(sys.argv[5:]), None))
    else:
        main(*sizes(60, 12, 5))
