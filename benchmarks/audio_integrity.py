"""Lossy coding in lossless containers: how often it is found, and how often it is seen where there is none.

    python -m benchmarks.audio_integrity [PIECES=28] [SEED=3]

Each piece is synthesised with the whole band of 44.1 kHz and stored in 16 bits: as it is, under hiss, through
a gentle low-pass filter as of tape or of dull instruments, through a converter from 48 kHz. Each of them once
more after an encoder.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import soundfile as sf
import soxr
from scipy import signal

from etl.audio.integrity import Inspection
from etl.pipelines.audio.describe import as_integrity
from etl.sources.audio.decode import decode
from etl.sources.audio.streams import by_ffmpeg
from tests.support import audio_pieces
from tests.support.audio_files import encode
from tests.support.figures import show, sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE: Final = 44_100
ENCODERS: Final = {
    "MP3 64 kbit/s": ("mp3", "libmp3lame", 64_000),
    "MP3 128 kbit/s": ("mp3", "libmp3lame", 128_000),
    "MP3 192 kbit/s": ("mp3", "libmp3lame", 192_000),
    "MP3 320 kbit/s": ("mp3", "libmp3lame", 320_000),
    "AAC 96 kbit/s": ("m4a", "aac", 96_000),
    "AAC 128 kbit/s": ("m4a", "aac", 128_000),
}


def masters(piece: audio_pieces.Piece, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Give a piece in each kind of sound, (2, n) at 44.1 kHz."""
    # Written for half the rate; played at this one, an octave higher and twice as fast, it fills the band.
    mono = audio_pieces.render(piece)
    side = np.roll(mono, 300) * 0.2
    plain = np.stack([0.8 * mono + side, 0.8 * mono - side])
    yield "as it is", plain
    yield "hiss", plain + rng.normal(0, 10 ** rng.uniform(-4, -3), plain.shape)
    corner = rng.uniform(4_000, 12_000)
    yield "dull", signal.lfilter(*signal.butter(int(rng.integers(1, 4)), corner, fs=RATE), plain)
    there = soxr.resample(plain.T, RATE, 48_000)
    yield "converted", soxr.resample(there, 48_000, RATE).T


def cutoff(path: Path, samples: Any) -> Any:
    """Store samples in 16 bits, decode them, and tell the cut-off."""
    sf.write(path, np.clip(samples, -1, 1).T, RATE, subtype="PCM_16")
    return as_integrity(decode(path, listeners=[Inspection]))["cutoff_hz"]


def main(count: int, seed: int) -> None:
    """Measure and print."""
    rng = np.random.default_rng(seed)
    found: Counter[tuple[str, str]] = Counter()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for piece in audio_pieces.pieces(count, seconds=30.0, seed=seed):
            for kind, samples in masters(piece, rng):
                total[kind] += 1
                found[kind, "not encoded"] += cutoff(folder / "true.flac", samples) is not None
                for encoder, (ending, codec, bit_rate) in ENCODERS.items():
                    path = folder / f"lossy.{ending}"
                    encode(path, samples.astype(np.float32), RATE, codec, bit_rate=bit_rate)
                    coded = np.concatenate([block for _, block in by_ffmpeg(path).blocks], axis=1)
                    found[kind, encoder] += cutoff(folder / "coded.flac", coded) is not None
    for encoder in ("not encoded", *ENCODERS):
        shares = ", ".join(f"{kind} {found[kind, encoder]} of {total[kind]}" for kind in total)
        show({f"called lossy, {encoder}": shares})


if __name__ == "__main__":
    main(*sizes(28, 3))
