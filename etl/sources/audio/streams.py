"""Open a recording with libsndfile or FFmpeg's libraries, and give all of its channels block by block.

Conventions
-----------
A block is a rate in Hz and float32 samples of shape (channels, n), full scale ±1. Rate and channels may
change from block to block: links of a chained Ogg need not agree.

PyAV rather than the ``ffmpeg`` program: it installs with pip, so a machine with nothing but Python reads
every format; it gives the decoder's own samples, so that the down-mix stays ours; and it needs no pipe and no
second process per file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final, TypeAlias

import av
import av.error
import numpy as np
import soundfile as sf

from etl.audio.signal import DecodeError
from etl.sources.audio.headers import flac_info
from etl.sources.audio.ogg_chain import ogg_chain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from numpy.typing import NDArray

    Block: TypeAlias = tuple[int, NDArray[np.float32]]

BLOCK_FRAMES: Final = 1 << 16
"""Frames in a block, at the file's own rate; a few more from FFmpeg, whose packets are not divided."""

# A stream in which so many packets in a row do not decode, minutes of them, holds nothing more.
_MAX_BAD_PACKETS: Final = 10_000

# Full scale of FFmpeg's integer sample formats.
_FULL_SCALE: Final = {"u8": 128.0, "s16": 32_768.0, "s32": 2_147_483_648.0, "s64": 2.0**63}


# Codecs by FFmpeg's names, which some follow by a version or a byte order.
_LOSSLESS: Final = (
    *(
        "pcm_s",
        "pcm_u",
        "pcm_f",
        "flac",
        "alac",
        "wavpack",
        "ape",
        "tta",
        "tak",
        "dsd",
        "dst",
        "mlp",
        "truehd",
    ),
    *("wmalossless", "shorten", "mp4als"),
)


@dataclass
class Stream:
    """A recording as one decoder reads it.

    Attributes
    ----------
    blocks
        To be taken once; the two last attributes are known when all have been taken.
    is_lossless
        Whether the codec keeps samples as they were.
    damaged
        Packets that did not decode and were left out.
    checksum_matches
        Whether the samples are those that a FLAC was made from; None where that cannot be told.
    """

    blocks: Iterator[Block]
    is_lossless: bool = False
    damaged: int = 0
    checksum_matches: bool | None = None


def by_libsndfile(path: Path) -> Stream:
    """Open a file with libsndfile.

    Raises
    ------
    DecodeError
        If it is not one of libsndfile's formats; in the midst of the blocks, if it is damaged.
    """
    try:
        file = sf.SoundFile(path)
    except sf.LibsndfileError as error:
        raise DecodeError(f"libsndfile: {error.error_string}") from error
    flac = flac_info(path) if file.format == "FLAC" else None

    def blocks() -> Iterator[Block]:
        checksum = hashlib.md5(usedforsecurity=False)
        with file:
            while True:
                try:
                    block = file.read(BLOCK_FRAMES, "float32" if flac is None else "int32", always_2d=True)
                except sf.LibsndfileError as error:
                    stream.checksum_matches = False if flac is not None and any(flac.md5) else None
                    raise DecodeError(f"libsndfile: {error.error_string}") from error
                if not len(block):
                    break
                if flac is not None:
                    checksum.update(_packed(block >> (32 - flac.bits), -(-flac.bits // 8)))
                    block = block.astype(np.float32) * np.float32(2.0**-31)
                yield file.samplerate, np.ascontiguousarray(block.T)
        if flac is not None and any(flac.md5):
            stream.checksum_matches = checksum.digest() == flac.md5

    stream = Stream(blocks(), is_lossless=file.subtype.startswith(("PCM", "FLOAT", "DOUBLE", "ALAC")))
    return stream


def by_ffmpeg(path: Path) -> Stream:
    """Open a file with FFmpeg's libraries; packets that do not decode are left out, as FFmpeg does.

    Raises
    ------
    DecodeError
        If there is no audio stream; at the end of the blocks, if no packet of it decodes.
    """
    container = _opened(str(path))
    codec = container.streams.audio[0].codec_context.name
    stream = Stream(iter(()), is_lossless=codec.startswith(_LOSSLESS))
    links = ogg_chain(path).links if container.format.name == "ogg" else ()
    if len(links) > 1:
        container.close()
        stream.blocks = _gathered(_of_links(path, links, stream))
    else:
        stream.blocks = _gathered(_frames(container, stream))
    return stream


def _opened(source: str | BytesIO) -> InputContainer:
    try:
        # metadata_errors: tags are read elsewhere, and hostile text must not stop the audio.
        container = av.open(source, "r", metadata_errors="ignore")
    except av.error.FFmpegError as error:
        raise DecodeError(f"FFmpeg: {_reason(error)}") from error
    codecs: list[object] = [stream.codec_context for stream in container.streams.audio[:1]]
    if not any(codecs):
        container.close()
        raise DecodeError(f"FFmpeg: {'no decoder for the audio stream' if codecs else 'no audio stream'}")
    return container


def _of_links(path: Path, links: Sequence[tuple[int, int]], stream: Stream) -> Iterator[av.AudioFrame]:
    """Give the frames of the links of a chained Ogg, one link after the other."""
    with path.open("rb") as file:
        for start, stop in links:
            file.seek(start)
            try:
                yield from _frames(_opened(BytesIO(file.read(stop - start))), stream)
            except DecodeError:
                stream.damaged += 1  # a link of text or a picture, or all of it damaged


def _frames(container: InputContainer, stream: Stream) -> Iterator[av.AudioFrame]:
    bad_in_a_row = 0
    failure = None
    is_any = False
    with container:
        packets = container.demux(container.streams.audio[0])
        while bad_in_a_row < _MAX_BAD_PACKETS:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                # The container ends in something else: cut, or garbage behind it.
                stream.damaged += 1
                failure = error
                break
            if packet is None:
                break
            try:
                for frame in packet.decode():
                    is_any = True
                    yield frame
                bad_in_a_row = 0
            except av.error.FFmpegError as error:
                bad_in_a_row += 1
                stream.damaged += 1
                failure = error
    if not is_any:
        reason = "the audio stream is empty" if failure is None else _reason(failure)
        raise DecodeError(f"FFmpeg: {reason}") from failure


def _gathered(frames: Iterator[av.AudioFrame]) -> Iterator[Block]:
    """Join FFmpeg's frames, of a thousand samples or so, to blocks."""
    parts: list[NDArray[np.float32]] = []
    kind, count = (0, 0), 0
    for frame in frames:
        samples = _samples(frame)
        if parts and (count >= BLOCK_FRAMES or kind != (frame.sample_rate, len(samples))):
            yield kind[0], np.concatenate(parts, axis=1)
            parts, count = [], 0
        kind = (frame.sample_rate, len(samples))
        parts.append(samples)
        count += samples.shape[1]
    if parts:
        yield kind[0], np.concatenate(parts, axis=1)


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Give the samples of an FFmpeg frame, (channels, n)."""
    samples = frame.to_ndarray()  # (channels, n) planar, (1, n * channels) packed
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    name = frame.format.name.removesuffix("p")
    if name in _FULL_SCALE:
        samples = samples.astype(np.float64) / _FULL_SCALE[name] - (name == "u8")
    return samples.astype(np.float32, copy=False)


def _packed(samples: NDArray[np.int32], width: int) -> bytes:
    """Give samples as a FLAC's checksum takes them: little-endian, ``width`` bytes each."""
    if width == 2:
        return samples.astype("<i2").tobytes()
    whole = np.ascontiguousarray(samples, dtype="<i4").view(np.uint8).reshape(-1, 4)
    return whole[:, :width].tobytes()


def _reason(error: av.error.FFmpegError) -> str:
    """FFmpeg's own words, without the path that PyAV adds."""
    return error.strerror or type(error).__name__
