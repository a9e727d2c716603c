"""What the header of a recording says of its length, to compare with what can be decoded.

Where there is no such header (raw AAC, MP3 without a Xing or VBRI frame) or it only repeats the size of the
file, nothing is said: an estimate from the bit rate would call whole files short.

References
----------
.. [1] RFC 9639 (FLAC, STREAMINFO), EBU Tech 3306 (RF64, ``ds64``), Apple "AIFF
   1.3" (``COMM``), Microsoft "ASF specification" 3.2 (File Properties Object), G. Bouvigne "MP3 info tag
   revision 1", 1999 (Xing, Info), Fraunhofer "VBRI header".
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import av
import av.error

from etl.sources.audio.spans import between_tags

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_BY_FFMPEG: Final = frozenset({"m4a", "wv", "ape", "mpc", "tta", "tak", "dsf", "dff", "mka", "au"})
"""Kinds of which FFmpeg tells the length of the header, and not an estimate from the size of the file."""

_MOST_BYTES: Final = 1 << 16
"""Where a header is looked for, behind tags."""

_FLAC_START: Final = b"fLaC\0\0\0\x22"
"""The mark, and the head of a STREAMINFO of 34 bytes."""

_PCM_FORMATS: Final = (1, 3, 0xFFFE)
"""Integers, floats, and either with a map of the channels."""

_ASF_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


class FlacInfo(NamedTuple):
    """The STREAMINFO of a FLAC."""

    frames: int
    """Samples of each channel; 0 where the encoder did not know."""
    rate: int
    bits: int
    md5: bytes
    """Of the samples; 16 zeros where the encoder did not compute it."""


def declared_seconds(path: Path, kind: str | None) -> float | None:
    """Give the length that the header of a file declares; None where it declares none.

    Parameters
    ----------
    path
        The file.
    kind
        As :func:`etl.sources.audio.containers.sniff` tells it.
    """
    if kind in _BY_FFMPEG:
        return _by_ffmpeg(path)
    reader = {"mp3": _mp3, "flac": _flac, "wav": _wav, "aiff": _aiff, "wma": _asf}.get(kind or "")
    if reader is None:
        return None
    try:
        with path.open("rb") as file:
            _skip_tags(file)
            seconds = reader(file)
    except (OSError, struct.error, ValueError, ZeroDivisionError, OverflowError):
        return None
    return seconds or None


def flac_info(path: Path) -> FlacInfo | None:
    """Read the STREAMINFO of a FLAC file; None where it has none."""
    with path.open("rb") as file:
        _skip_tags(file)
        head = file.read(42)
    if head[:4] != b"fLaC" or head[4] & 0x7F or len(head) < 42:
        return None
    packed = int.from_bytes(head[18:26], "big")
    return FlacInfo(packed & (1 << 36) - 1, packed >> 44, (packed >> 36 & 31) + 1, head[26:42])


def _skip_tags(file: BinaryIO) -> None:
    """Go to what stands behind the tags at the start."""
    file.seek(between_tags(file).first)


def _by_ffmpeg(path: Path) -> float | None:
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is not None and stream.duration and stream.time_base:
                return float(stream.duration * stream.time_base)
            # Of a container with pictures that may be their length.
            is_alone = len(container.streams) == 1
            return container.duration / 1e6 if container.duration and is_alone else None
    except av.error.FFmpegError:
        return None


def _flac(file: BinaryIO) -> float:
    """Sum what the streams of a file declare: joined FLACs are one behind the other."""
    seconds, start = 0.0, file.tell()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while start >= 0:
            packed = int.from_bytes(data[start + 18 : start + 26], "big")
            seconds += (packed & (1 << 36) - 1) / (packed >> 44)
            start = data.find(_FLAC_START, start + 42)
    return seconds


def _mp3(file: BinaryIO) -> float | None:
    """Frames that a Xing, Info or VBRI frame counts, without the encoder's delay and padding."""
    data = file.read(_MOST_BYTES)
    start = next((i for i in range(len(data) - 4) if data[i] == 0xFF and data[i + 1] & 0xE6 == 0xE2), None)
    if start is None:
        return None
    version, rate_code, is_mono = (
        data[start + 1] >> 3 & 3,
        data[start + 2] >> 2 & 3,
        data[start + 3] >> 6 == 3,
    )
    if version == 1 or rate_code == 3:
        return None
    rate = (44_100, 48_000, 32_000)[rate_code] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 1152 if version == 3 else 576
    side = (17 if is_mono else 32) if version == 3 else (9 if is_mono else 17)
    at = start + 4 + side
    if data[at : at + 4] in {b"Xing", b"Info"}:
        flags, frames = struct.unpack(">II", data[at + 4 : at + 12])
        if not flags & 1:
            return None
        lame = at + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
        padding = int.from_bytes(data[lame + 21 : lame + 24], "big") if data[lame : lame + 4].isalnum() else 0
        total: int = frames * samples - (padding >> 12) - (padding & 0xFFF)
        return total / rate
    if data[start + 36 : start + 40] == b"VBRI":
        return int.from_bytes(data[start + 50 : start + 54], "big") * samples / rate
    return None


def _wav(file: BinaryIO) -> float | None:
    """Size of the data over the bytes per second; none where a recorder could not go back to fill it in."""
    head = file.read(12)
    is_64 = head[:4] in {b"RF64", b"BW64"}
    long_size = per_second = 0
    while len(chunk := file.read(8)) == 8 and any(chunk):
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"data":
            size = long_size if is_64 and size == 0xFFFFFFFF else size
            return None if size in {0, 0xFFFFFFFF, 0x7FFFFFFF} else size / per_second
        body = file.read(size + size % 2) if name in {b"fmt ", b"ds64"} else b""
        if name == b"fmt ":
            # Of the bytes per second that a compressed format claims, half the writers are wrong.
            per_second = int.from_bytes(body[4:8], "little") * int.from_bytes(body[12:14], "little")
            if int.from_bytes(body[:2], "little") not in _PCM_FORMATS:
                return None
        elif name == b"ds64":
            long_size = int.from_bytes(body[8:16], "little")
        else:
            file.seek(size + size % 2, 1)
    return None


def _aiff(file: BinaryIO) -> float | None:
    file.seek(12, 1)
    while len(chunk := file.read(8)) == 8 and any(chunk):
        name, size = chunk[:4], int.from_bytes(chunk[4:], "big")
        if name == b"COMM":
            body = file.read(18)
            exponent, mantissa = struct.unpack(">HQ", body[8:18])  # 80-bit extended precision
            rate: float = mantissa * 2.0 ** (exponent - 16_383 - 63)
            return int.from_bytes(body[2:6], "big") / rate
        file.seek(size + size % 2, 1)
    return None


def _asf(file: BinaryIO) -> float | None:
    data = file.read(_MOST_BYTES)
    at = data.find(_ASF_PROPERTIES)
    if at < 0:
        return None
    duration, _, preroll_ms, flags = struct.unpack("<QQQI", data[at + 64 : at + 92])
    seconds: float = duration / 1e7 - preroll_ms / 1e3
    return None if flags & 1 else seconds
