"""Tags and stream properties as the decoders tell them, for what no tag reader knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import av
import av.error
import soundfile as sf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PCM: Final = re.compile(r"pcm_[suf](\d+)")


def probe(path: Path | str) -> tuple[Mapping[str, str], Mapping[str, float | None]]:
    """Read what FFmpeg's libraries, or else libsndfile, know of a file without decoding it.

    Parameters
    ----------
    path
        Any file.

    Returns
    -------
    tuple
        Tags by FFmpeg's names, and ``duration`` in s, ``bitrate`` in kbit/s, ``samplerate`` in Hz,
        ``channels`` and ``bitdepth``; both are empty where there is no audio.
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
    return values, stream


def _by_ffmpeg(path: Path | str) -> tuple[dict[str, str], dict[str, Any]]:
    with av.open(str(path), "r", metadata_errors="ignore") as container:
        stream: Any = next(iter(container.streams.audio), None)
        # By its name alone FFmpeg takes any file for an MP3, of which it then knows no rate.
        if stream is None or stream.codec_context is None or not stream.rate:
            return {}, {}
        found = {**container.metadata, **stream.metadata}
        depth = _PCM.match(stream.codec_context.name)
        values = {name.lower(): text for name, text in found.items()}
        lengths = [
            float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None,
            container.duration / 1e6 if container.duration else None,
        ]
        return values, {
            "duration": next((each for each in lengths if each), None),
            "bitrate": (stream.bit_rate or container.bit_rate or 0) / 1000 or None,
            "samplerate": stream.rate,
            "channels": stream.channels or None,
            "bitdepth": int(depth[1]) if depth else None,
        }
