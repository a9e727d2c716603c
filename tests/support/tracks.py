"""A small library of tagged tracks on the disk, and runs over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mutagen
import numpy as np
import soundfile as sf

from etl.audio.features import Mode
from etl.exports.normalization import Normalization
from etl.exports.sonic import load_artifacts
from etl.pipelines.audio.artifacts import ArtifactsRequest, make_artifacts
from etl.pipelines.audio.run import LibraryRequest, LibraryResult, LibraryStage, run_library
from etl.runtime.watch.status_file import running

if TYPE_CHECKING:
    from pathlib import Path

    from etl.exports.sonic import Artifacts

SCAN_AND_SONIC = (LibraryStage.SCAN, LibraryStage.SONIC)


def write_track(path: Path, seed: int, seconds: float = 3.0) -> Path:
    """Write clicks and tones that differ by seed, tagged."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * 22_050)) / 22_050
    signal = 0.2 * np.sin(2 * np.pi * 110 * 2 ** (seed % 12 / 12) * time_s)
    for beat in np.arange(0.1, seconds - 0.1, 60 / (90 + seed % 60)):
        first = int(beat * 22_050)
        signal[first : first + 800] += rng.normal(0, 0.3, 800) * np.linspace(1, 0, 800)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, np.clip(signal, -1, 1).astype(np.float32), 22_050)
    file: Any = mutagen.File(path)
    file["title"], file["artist"] = f"Song {seed}", f"Artist {seed % 3}"
    file.save()
    return path


def store_of(folder: Path) -> Path:
    """Where the store of a folder of music is."""
    return folder.parent / "store.duckdb"


def request(
    folder: Path,
    *stages: LibraryStage,
    sources: tuple[Path, ...] | None = None,
    output: Path | None = None,
    mode: Mode = Mode.BEAT,
    **options: Any,
) -> LibraryRequest:
    """Ask for a scan and descriptions, or other stages, over a folder."""
    return LibraryRequest(
        sources=sources or (folder,),
        stages=stages or SCAN_AND_SONIC,
        artifacts=ArtifactsRequest(output or folder.parent / "out.npz", mode=mode),
        **{"workers": 0, **options},
    )


def run(folder: Path, *stages: LibraryStage, **options: Any) -> LibraryResult:
    """Run over a folder and the store beside it."""
    return run_library(store_of(folder), request(folder, *stages, **options))


def described_so_far(database: Path) -> int:
    """How many recordings a run has described, as `etl status` hears of it."""
    stages = [stage for found in running(database) for stage in found.snapshot.stages]
    return sum(stage.done for stage in stages if stage.name == "sonic")


def matrices(database: Path, output: Path, **options: Any) -> Artifacts:
    """Write matrices, not normalized unless asked for, and load them."""
    chosen = {"normalization": Normalization.NONE, **options}
    made = make_artifacts(database, ArtifactsRequest(output, **chosen))
    loaded = load_artifacts(output)
    assert (made.output, made.tracks) == (output, len(loaded.track_ids))
    assert made.features == len(loaded.feature_names)
    return loaded
