"""Tags and stream properties as the decoders tell them, for what no tag reader knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import av.error
import soundfile as sf

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADTS_SAMPLES: Final = 1024
"""Samples of an AAC frame, at the rate that its header names."""

_ADTS_RATES: Final = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)


def probe(path: Path | str, kind: str | None) -> tuple[Mapping[str, str], Mapping[str, float | None]]:
    """Read what FFmpeg's libraries, or else libsndfile, know of a file without decoding it.

    Parameters
    ----------
    path
        Any file.
    kind
        As :func:`etl.sources.audio.containers.sniff` tells it.

    Returns
    -------
    tuple
        Tags by FFmpeg's names, and ``duration`` in s, ``bitrate`` in kbit/s, ``samplerate`` in Hz and
        ``channels``; both are empty where there is no audio.
    """
    try:
        values, stream = _by_ffmpeg(path)
    except (av.error.FFmpegError, ValueError, UnicodeError):
        values, stream = {}, {}
    if not stream:
        try:
            info = sf.info(path)
        except (sf.LibsndfileError, TypeError):
            return {}, {}
        stream = {"duration": info.duration, "samplerate": info.samplerate, "channels": info.channels}
    if kind == "aac":
        stream["duration"] = _adts_seconds(Path(path)) or stream["duration"]
    return values, stream


def _by_ffmpeg(path: Path | str) -> tuple[dict[str, str], dict[str, Any]]:
    with av.open(str(path), metadata_errors="ignore") as container:
        stream = next(iter(container.streams.audio), None)
        # By its name alone FFmpeg takes any file for an MP3, of which it then knows no rate.
        if stream is None or stream.codec_context is None or not stream.rate:
            return {}, {}
        found = {**container.metadata, **stream.metadata}
        values = {name.lower().replace("album_artist", "albumartist"): text for name, text in found.items()}
        lengths = [
            float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None,
            container.duration / 1e6 if container.duration else None,
        ]
        return values, {
            "duration": next((each for each in lengths if each), None),
            "bitrate": (stream.bit_rate or container.bit_rate or 0) / 1000 or None,
            "samplerate": stream.rate,
            "channels": stream.channels or None,
        }


def _adts_seconds(path: Path) -> float:
    """Count the frames of raw AAC: its length stands nowhere, and FFmpeg's is an estimate."""
    data = path.read_bytes()
    place, seconds = 0, 0.0
    if data[:3] == b"ID3":
        place = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
    while place + 7 <= len(data) and data[place] == 0xFF and data[place + 1] & 0xF6 == 0xF0:
        rate = data[place + 2] >> 2 & 15
        length = (data[place + 3] & 3) << 11 | data[place + 4] << 3 | data[place + 5] >> 5
        if rate >= len(_ADTS_RATES) or length < 7:
            break
        seconds += _ADTS_SAMPLES * (1 + (data[place + 6] & 3)) / _ADTS_RATES[rate]
        place += length
    return seconds
