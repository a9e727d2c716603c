"""Short recordings in every container, most of them written with FFmpeg's encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
import soundfile as sf

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CODECS: Final = {
    "mp3": ("mp3", "libmp3lame"),
    "mp2": ("mp2", "mp2"),
    "flac": ("flac", "flac"),
    "m4a": ("ipod", "aac"),
    "alac.m4a": ("ipod", "alac"),
    "opus": ("ogg", "libopus"),
    "wav": ("wav", "pcm_s16le"),
    "w64": ("w64", "pcm_s16le"),
    "aiff": ("aiff", "pcm_s16be"),
    "caf": ("caf", "pcm_s16le"),
    "wma": ("asf", "wmav2"),
    "aac": ("adts", "aac"),
    "wv": ("wv", "wavpack"),
    "tta": ("tta", "tta"),
    "mka": ("matroska", "ac3"),
    "webm": ("webm", "libopus"),
    "ac3": ("ac3", "ac3"),
}
"""Container and codec by the ending that a file has."""

ENDINGS: Final = (*CODECS, "ogg")
"""All that can be written; libsndfile has the encoder for Vorbis."""


def write_audio(
    path: Path,
    ending: str,
    *,
    seed: int = 0,
    seconds: float = 1.0,
    rate: int = 44_100,
    layout: str = "stereo",
) -> Path:
    """Encode tones and noise that differ by seed."""
    if ending == "ogg":
        return _write_vorbis(path, seed, seconds, rate)
    container, codec = CODECS[ending]
    if codec == "libopus":
        rate = 48_000
    signal = _signal(av.AudioLayout(layout).nb_channels, seed, seconds, rate)
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout, bit_rate=128_000)
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(signal, format="fltp", layout=layout)
        frame.sample_rate = rate
        for source in (frame, None):
            for part in resampler.resample(source):
                output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return path


def _signal(channels: int, seed: int, seconds: float, rate: int) -> NDArray[np.float32]:
    time_s = np.arange(int(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * (220 + 30 * seed) * time_s)
    noise = np.random.default_rng(seed).normal(0, 0.02, (channels, len(time_s)))
    return (tone + noise).astype(np.float32)


def _write_vorbis(path: Path, seed: int, seconds: float, rate: int) -> Path:
    signal = _signal(2, seed, seconds, rate).T
    with sf.SoundFile(path, "w", rate, 2, format="OGG", subtype="VORBIS") as file:
        for first in range(0, len(signal), 1 << 16):  # more at once overflows libsndfile's stack
            file.write(signal[first : first + (1 << 16)])
    return path
