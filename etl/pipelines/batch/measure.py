"""Hash and measure one file, the work of a process of its own: a hostile file costs no more than that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.audio.short_sounds import SOUND_VERSION, LevelMeter, measure
from etl.audio.signal import DecodeError
from etl.runtime.disk.hashing import content_hash
from etl.sources.audio.containers import sniff
from etl.sources.audio.decode import decode


@dataclass(frozen=True)
class SampleFile:
    """A file to be measured.

    Attributes
    ----------
    item
        Its position in the job.
    path
        Where it is.
    """

    item: int
    path: str


def measure_file(file: SampleFile) -> dict[str, Any]:
    """Give a row of ``batch_sounds``; what cannot be decoded has an ``error``.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    path = Path(file.path)
    row: dict[str, Any] = {"content_hash": content_hash(path), "version": SOUND_VERSION}
    with path.open("rb") as opened:
        row["format"] = sniff(opened)
    try:
        sound = decode(path, listeners=[LevelMeter])
    except DecodeError as error:
        kind = "corrupt" if row["format"] else "not audio"
        return row | {"error": f"{kind}: {error}"}
    (levels,) = (each for each in sound.listeners if isinstance(each, LevelMeter))
    found = measure(sound.signal)
    return row | {
        "duration_s": sound.seconds,
        "peak_dbfs": levels.peak_dbfs,
        "rms_dbfs": levels.rms_dbfs,
        "onsets": found.onsets,
        "centroid_hz": found.centroid_hz,
        "pitchedness": found.pitchedness,
    }
