"""Collections for Rekordbox as its XML import reads them: tags, tempo, key and beat grid.

References
----------
.. [1] Pioneer DJ, "Rekordbox XML format list", 2012: elements and attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

import numpy as np

import etl
from etl.runtime.disk.files import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TOLERANCE_S: Final = 0.02
"""How far a beat may be from the grid before another tempo begins: what listeners start to notice."""

_MIN_BEATS: Final = 8
"""Beats that a tempo lasts at least."""

_KINDS: Final = {
    "mp3": "MP3 File", "flac": "FLAC File", "wav": "WAV File", "aiff": "AIFF File", "m4a": "M4A File",
    "mp4": "M4A File", "aac": "AAC File", "ogg": "OGG File",
}  # fmt: skip
_NOT_XML: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])


def write_rekordbox(tracks: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write a collection.

    Parameters
    ----------
    tracks
        Rows of view ``library``.
    path
        The XML.

    Returns
    -------
    int
        How many tracks it has.
    """
    root = ET.Element("DJ_PLAYLISTS", Version="1.0.0")
    ET.SubElement(root, "PRODUCT", Name="music-etl", Version=etl.__version__, Company="")
    collection = ET.SubElement(root, "COLLECTION")
    for number, track in enumerate(tracks, start=1):
        collection.append(_track(number, track))
    collection.set("Entries", str(len(collection)))
    ET.SubElement(ET.SubElement(root, "PLAYLISTS"), "NODE", Type="0", Name="ROOT", Count="0")
    ET.indent(root)
    with atomic_file(path) as file:
        file.write(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    return len(collection)


class Tempo(NamedTuple):
    """A tempo of a grid, and where it begins."""

    first_s: float
    """Its first beat."""
    bpm: float
    beat: int
    """Number of that beat in its bar, the first of the track being 1."""


def beat_grid(beats: NDArray[np.float64], meter: int = 4) -> list[Tempo]:
    """Describe beats by tempi that hold as long as they fit.

    Parameters
    ----------
    beats
        Seconds, ascending.
    meter
        Beats in a bar.

    Returns
    -------
    list
        Tempi in order; empty for fewer than two beats.
    """
    if len(beats) < 2:
        return []
    grid = []
    start = 0
    while start < len(beats) - 1:
        stop = _end_of_tempo(beats, start)
        offset, period = _line(beats[start:stop])
        grid.append(Tempo(max(offset, 0.0), 60.0 / period, start % meter + 1))
        start = stop
    return grid


def _end_of_tempo(beats: NDArray[np.float64], start: int) -> int:
    """Find the longest run of beats on one line, by doubling and halving; a rest too short joins it."""
    count = len(beats) - start
    if count <= 2 * _MIN_BEATS or _fits(beats[start:]):
        return len(beats)
    fits, fails = min(_MIN_BEATS, count), count
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if _fits(beats[start : start + middle]):
            fits = middle
        else:
            fails = middle
    return start + fits if count - fits >= _MIN_BEATS else len(beats)


def _fits(beats: NDArray[np.float64]) -> bool:
    offset, period = _line(beats)
    return bool(np.abs(beats - offset - period * np.arange(len(beats))).max() <= TOLERANCE_S)


def _line(beats: NDArray[np.float64]) -> tuple[float, float]:
    """Fit a straight line through beats: the time of the first, and from one to the next."""
    period, offset = np.polyfit(np.arange(len(beats)), beats, 1)
    return float(offset), float(period)


def _track(number: int, track: Mapping[str, Any]) -> ET.Element:
    said = {
        "TrackID": number,
        "Name": track["title"],
        "Artist": track["artist"],
        "Album": track["album"],
        "Composer": track["composer"],
        "Genre": track["genre"],
        "Label": track["label"],
        "Kind": _KINDS.get(track["kind"] or ""),
        "Size": track["size_bytes"],
        "TotalTime": None if track["duration_s"] is None else round(track["duration_s"]),
        "DiscNumber": track["disc_number"],
        "TrackNumber": track["track_number"],
        "Year": track["year"],
        "AverageBpm": None if track["bpm"] is None else f"{track['bpm']:.2f}",
        "BitRate": None if track["bitrate_kbps"] is None else round(track["bitrate_kbps"]),
        "SampleRate": track["sample_rate_hz"],
        "Tonality": _tonality(track["key_name"]),
        "Location": "file://localhost/" + quote(track["path"].replace("\\", "/").lstrip("/"), safe="/:"),
    }
    element = ET.Element(
        "TRACK", {name: str(value).translate(_NOT_XML) for name, value in said.items() if value is not None}
    )
    meter = track["meter"] or 4
    for first, bpm, beat in beat_grid(np.asarray(track["beat_times_s"], dtype=np.float64), meter):
        ET.SubElement(
            element, "TEMPO", Inizio=f"{first:.3f}", Bpm=f"{bpm:.2f}", Metro=f"{meter}/4", Battito=str(beat)
        )
    return element


def _tonality(key_name: str | None) -> str | None:
    if key_name is None:
        return None
    tonic, mode = key_name.split()
    return tonic if mode == "Major" else f"{tonic}m"
