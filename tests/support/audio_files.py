"""Audio files of any container and codec that FFmpeg's libraries write, and damage to them."""

from __future__ import annotations

import logging
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import av.logging
import numpy as np
import soundfile as sf

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1"}

FORMATS: Final = {
    "mp3": ("mp3", "libmp3lame", {}),
    "mp3 without xing": ("mp3", "libmp3lame", {"write_xing": "0"}),
    "mp2": ("mp2", "mp2", {}),
    "aac in m4a": ("m4a", "aac", {}),
    "aac, index first": ("m4a", "aac", {"movflags": "faststart"}),
    "alac": ("m4a", "alac", {}),
    "ac3 in mp4": ("mp4", "ac3", {}),
    "raw aac": ("aac", "aac", {}),
    "opus": ("opus", "libopus", {}),
    "ogg flac": ("oga", "flac", {}),
    "flac": ("flac", "flac", {}),
    "wav": ("wav", "pcm_s16le", {}),
    "wav 24": ("wav", "pcm_s24le", {}),
    "rf64": ("wav", "pcm_s16le", {"rf64": "always"}),
    "adpcm": ("wav", "adpcm_ms", {}),
    "aiff": ("aiff", "pcm_s16be", {}),
    "wma": ("wma", "wmav2", {}),
    "wavpack": ("wv", "wavpack", {}),
    "tta": ("tta", "tta", {}),
    "mka": ("mka", "flac", {}),
    "webm": ("webm", "libopus", {}),
    "ac3": ("ac3", "ac3", {}),
    "eac3": ("eac3", "eac3", {}),
    "caf": ("caf", "pcm_s16be", {}),
    "alac in caf": ("caf", "alac", {}),
    "au": ("au", "pcm_s16be", {}),
    "w64": ("w64", "pcm_s16le", {}),
}
"""Ending, codec and options of the container, by name."""

CODECS: Final = {
    "mp3": "libmp3lame",
    "mp2": "mp2",
    "flac": "flac",
    "m4a": "aac",
    "alac.m4a": "alac",
    "opus": "libopus",
    "wav": "pcm_s16le",
    "w64": "pcm_s16le",
    "aiff": "pcm_s16be",
    "caf": "pcm_s16le",
    "wma": "wmav2",
    "aac": "aac",
    "wv": "wavpack",
    "tta": "tta",
    "mka": "ac3",
    "webm": "libopus",
    "ac3": "ac3",
    "ogg": "vorbis",
}
"""The codec that each ending stands for in tests of containers."""

GARBAGE: Final = b"\x5a\x13garbage" * 20_000

av.logging.set_level(None)
logging.getLogger("libav").setLevel(logging.CRITICAL)


def noisy_tones(seconds: float, rate: int, channels: int, seed: int = 1) -> NDArray[np.float32]:
    """Give a tone a channel over noise, (channels, n)."""
    return _noisy_tones(seconds, rate, channels, seed).copy()


@lru_cache(maxsize=16)
def _noisy_tones(seconds: float, rate: int, channels: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    rows = [
        0.3 * np.sin(2 * np.pi * (220 + 55 * row) * time) + 0.05 * rng.normal(size=len(time))
        for row in range(channels)
    ]
    return np.stack(rows).astype(np.float32)


def encode(
    path: Path,
    samples: NDArray[np.float32],
    rate: int,
    codec: str,
    *,
    bit_rate: int = 128_000,
    options: dict[str, str] | None = None,
    settings: dict[str, str] | None = None,
) -> Path:
    """Write samples, (channels, n), with FFmpeg's libraries.

    Parameters
    ----------
    path
        Its ending decides the container.
    samples, rate, codec, bit_rate
        What to write, and how.
    options, settings
        Of the container, and of the encoder.

    Raises
    ------
    av.error.FFmpegError
        If the codec knows no such rate or channels.
    """
    layout = LAYOUTS[len(samples)]
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=settings or {})
        stream.layout, stream.bit_rate = layout, bit_rate
        sample_format = stream.codec_context.codec.audio_formats[0].name
        if codec == "wavpack":
            sample_format = "s16p"
        stream.format = sample_format
        resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
        for first in range(0, samples.shape[1], 4096):
            part = np.ascontiguousarray(samples[:, first : first + 4096])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def write_audio(
    path: Path,
    ending: str,
    *,
    codec: str | None = None,
    seed: int = 0,
    seconds: float = 1.0,
    channels: int = 2,
) -> Path:
    """Write a short recording, another one for each seed."""
    path.write_bytes(_recording(path.suffix, codec or CODECS[ending], seed, seconds, channels))
    return path


@lru_cache(maxsize=64)
def _recording(suffix: str, codec: str, seed: int, seconds: float, channels: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recording{suffix}"
        _write_recording(path, codec, seed, seconds, channels)
        return path.read_bytes()


def _write_recording(path: Path, codec: str, seed: int, seconds: float, channels: int) -> None:
    rate = 48_000 if codec == "libopus" else 44_100
    samples = noisy_tones(seconds, rate, channels, seed)
    if codec == "vorbis":
        with sf.SoundFile(path, "w", rate, channels, format="OGG", subtype="VORBIS") as file:
            for first in range(0, samples.shape[1], 1 << 16):  # more at once overflows libsndfile's stack
                file.write(samples[:, first : first + (1 << 16)].T)
    else:
        encode(path, samples, rate, codec)
