"""Scans of ten thousand short files, against tinytag alone and against a bare walk.

python -m benchmarks.audio_scan [FILES=10000]
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import psutil
import soundfile as sf
import tinytag

from benchmarks.timing import seconds
from etl.pipelines.audio.scan import scan
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.work.cores import default_workers
from etl.store.bursts import BurstWriter, writing
from tests.support.figures import show, sizes


def make_files(folder: Path, count: int) -> None:
    """Write tagged one-second files, half MP3 and half FLAC, a hundred to a folder."""
    sources = []
    for suffix in ("mp3", "flac"):
        path = folder / f"source.{suffix}"
        sf.write(path, np.random.default_rng(1).normal(0, 0.1, 22_050), 22_050)
        tags: Any = mutagen.File(path, easy=True)
        if tags.tags is None:
            tags.add_tags()
        tags["title"], tags["artist"], tags["album"] = "A title of a song", "An artist", "An album"
        tags["date"], tags["tracknumber"], tags["genre"] = "1999", "4/12", "Rock"
        tags.save()
        sources.append(path.read_bytes())
        path.unlink()
    for number in range(count):
        place = folder / f"{number // 100:03d}"
        place.mkdir(exist_ok=True)
        kind = number % 2
        (place / f"{number:05d}.{('mp3', 'flac')[kind]}").write_bytes(sources[kind])


def walk(folder: str) -> list[tuple[str, int, int]]:
    """List all files with size and time, and nothing more."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                found += walk(entry.path)
            else:
                status = entry.stat()
                found.append((entry.path, status.st_size, status.st_mtime_ns))
    return found


def scan_and_store(store: BurstWriter, watch: Watch, folder: Path) -> None:
    """Scan until all that was found is on the disk."""
    scan(store, watch, [folder], workers=default_workers())
    store.flush()


def main(count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "music"
        folder.mkdir()
        make_files(folder, count)
        paths = [path for path, _, _ in walk(str(folder))]
        alone = min(seconds(lambda: [tinytag.TinyTag.get(path) for path in paths]) for _ in range(3))
        bare = min(seconds(lambda: walk(str(folder))) for _ in range(5))
        first, again, grown = [], [], []
        for attempt in range(3):
            with (
                Watch("benchmark", [Stage("scan", "files")]) as watch,
                writing(Path(name) / f"{attempt}.duckdb", "benchmark", {}) as store,
            ):
                before = psutil.Process().memory_info().rss
                first.append(seconds(lambda: scan_and_store(store, watch, folder)))
                grown.append((psutil.Process().memory_info().rss - before) / 2**20)
                again += [seconds(lambda: scan_and_store(store, watch, folder)) for _ in range(3)]
    show(
        {
            f"tinytag alone, {count:,} files": f"{alone:.3f} s",
            "first scan": f"{min(first):.3f} s, {min(first) / alone:.2f} times (goal 1.8)",
            "bare walk": f"{bare:.3f} s",
            "unchanged scan": f"{min(again):.3f} s, {min(again) / bare:.2f} times (goal 3)",
            "memory growth in three first scans": f"{', '.join(f'{value:.0f}' for value in grown)} MB",
        }
    )


if __name__ == "__main__":
    main(*sizes(10_000))
