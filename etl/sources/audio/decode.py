"""Decode any audio file to one mono signal at 22,050 Hz, block by block.

Conventions
-----------
A signal is float32, shape (n,), full scale ±1. Down-mixing is the plain mean of the channels and resampling
is soxr HQ, both as in ``librosa.load``, whichever library decodes; so the two decoders differ only by their
own rounding.

libsndfile reads first: it is the fastest, and the one librosa uses. What it cannot read (AAC and ALAC in MP4,
WMA, damaged streams) goes to FFmpeg's libraries through PyAV. PyAV rather than the ``ffmpeg`` program: it
installs with pip, so a machine with nothing but Python reads every format; it gives the decoder's own
samples, so that the down-mix stays ours; and it needs no pipe and no second process per file.

References
----------
.. [1] McFee et al., "librosa: Audio and music signal analysis in Python", SciPy 2015; ``librosa.load``.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import av
import av.error
import numpy as np
import soundfile as sf
import soxr

from etl.audio.signal import SAMPLE_RATE, DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MAX_SECONDS: Final = 2 * 60 * 60
"""Longer recordings are refused: the signal alone would take more than 630 MB."""

BLOCK_FRAMES: Final = 1 << 16
"""Frames that libsndfile decodes at a time, at the file's own rate."""

# A stream whose packets fail one after the other holds nothing more; FFmpeg itself would go on to the end.
_MAX_BAD_PACKETS: Final = 100

# Full scale of FFmpeg's integer sample formats.
_FULL_SCALE: Final = {"u8": 128.0, "s16": 32_768.0, "s32": 2_147_483_648.0, "s64": 2.0**63}


class Listener(Protocol):
    """Hears all channels at the rate of the file, before they are mixed down."""

    def begin(self, rate: int) -> None:
        """Forget what was heard, for a decoder begins, and expect samples at so many Hz."""

    def add(self, block: NDArray[np.float32]) -> None:
        """Take samples of shape (n, channels)."""


class Native(NamedTuple):
    """Mono blocks at the rate of the file."""

    rate: int
    blocks: Iterator[NDArray[np.float32]]


def decode(
    path: Path, *, max_seconds: float = MAX_SECONDS, listeners: Sequence[Listener] = ()
) -> NDArray[np.float32]:
    """Decode a file to mono at 22,050 Hz.

    Parameters
    ----------
    path
        Any file that libsndfile or FFmpeg reads.
    max_seconds
        Longest recording accepted.
    listeners
        Hear the samples as they are decoded.

    Returns
    -------
    ndarray
        The signal, shape (n,), float32; ``n`` is the native length times the ratio of rates, rounded up.

    Raises
    ------
    DecodeError
        If neither library finds audio, the signal is empty, too long, or holds non-finite samples.
    """
    try:
        signal = _collect(_soundfile(path, listeners), max_seconds)
    except sf.LibsndfileError as first:
        try:
            signal = _collect(_ffmpeg(path, listeners), max_seconds)
        except av.error.FFmpegError as error:
            # Report libsndfile's view too: FFmpeg's "Invalid data found" alone says little.
            raise DecodeError(f"not decodable: {_reason(error)}; libsndfile: {first.error_string}") from error
    if signal.size == 0:
        raise DecodeError("the file holds no audio samples")
    if not np.isfinite(signal).all():
        raise DecodeError("the signal holds samples that are not finite numbers")
    return signal


def _soundfile(path: Path, listeners: Sequence[Listener] = ()) -> Native:
    """Open a file with libsndfile."""
    file = sf.SoundFile(path)
    _begin(listeners, file.samplerate)

    def blocks() -> Iterator[NDArray[np.float32]]:
        with file:
            while True:
                block = file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
                if not len(block):
                    return
                _tell(listeners, block)
                yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)

    return Native(file.samplerate, blocks())


def _ffmpeg(path: Path, listeners: Sequence[Listener] = ()) -> Native:
    """Open a file with FFmpeg's libraries; packets that do not decode are skipped, as FFmpeg does."""
    # metadata_errors: tags are read elsewhere, and hostile text must not stop the audio.
    container = av.open(str(path), metadata_errors="ignore")
    if not container.streams.audio:
        container.close()
        raise DecodeError("the file holds no audio stream")
    stream = container.streams.audio[0]

    def frames() -> Iterator[av.AudioFrame]:
        bad = 0
        with container:
            for packet in container.demux(stream):
                try:
                    yield from packet.decode()
                    bad = 0
                except av.error.FFmpegError:
                    bad += 1
                    if bad == _MAX_BAD_PACKETS:
                        raise

    decoded = frames()
    first = next(decoded, None)
    if first is None:
        raise DecodeError("the audio stream holds no decodable packet")
    _begin(listeners, first.sample_rate)

    def blocks() -> Iterator[NDArray[np.float32]]:
        for frame in itertools.chain((first,), decoded):
            if frame.sample_rate != first.sample_rate:
                raise DecodeError(
                    f"the sample rate changes inside the file: {first.sample_rate}, {frame.sample_rate} Hz"
                )
            samples = _samples(frame)
            _tell(listeners, samples.T)
            yield samples.mean(axis=0)

    return Native(first.sample_rate, blocks())


def _begin(listeners: Sequence[Listener], rate: int) -> None:
    for listener in listeners:
        listener.begin(rate)


def _tell(listeners: Sequence[Listener], block: NDArray[np.float32]) -> None:
    for listener in listeners:
        listener.add(block)


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Give the samples of one FFmpeg frame as float32, (channels, n)."""
    samples = frame.to_ndarray()  # (channels, n) planar, (1, n * channels) packed
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    name = frame.format.name.removesuffix("p")
    if name in _FULL_SCALE:
        samples = samples.astype(np.float64) / _FULL_SCALE[name] - (name == "u8")
    return samples.astype(np.float32, copy=False)


def _collect(native: Native, max_seconds: float) -> NDArray[np.float32]:
    """Resample the blocks as they come and join them; memory is one signal, grown by doubling."""
    if native.rate <= 0:
        raise DecodeError(f"the file claims a sample rate of {native.rate} Hz")
    resampler = (
        None if native.rate == SAMPLE_RATE else soxr.ResampleStream(native.rate, SAMPLE_RATE, 1, quality="HQ")
    )
    signal = np.empty(SAMPLE_RATE * 60, dtype=np.float32)
    filled = taken = 0

    def append(block: NDArray[np.float32]) -> None:
        nonlocal signal, filled
        end = filled + len(block)
        if end > len(signal):
            # refcheck: no view of the buffer has left this function.
            signal.resize(max(end, len(signal) * 3 // 2), refcheck=False)
        signal[filled:end] = block
        filled = end

    for block in native.blocks:
        taken += len(block)
        # Before resampling: at a rate of a few hertz, as damage may claim, one block would be hours long.
        if taken > max_seconds * native.rate:
            raise DecodeError(f"longer than {max_seconds / 60:.0f} minutes")
        append(block if resampler is None else resampler.resample_chunk(block))
    if resampler is not None and taken:
        append(resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True))
    length = math.ceil(taken * (SAMPLE_RATE / native.rate))
    if filled < length:
        append(np.zeros(length - filled, dtype=np.float32))
    signal.resize(length, refcheck=False)
    return signal


def _reason(error: av.error.FFmpegError) -> str:
    """FFmpeg's own words, without the path that PyAV adds."""
    return error.strerror or type(error).__name__
