"""Tell what kind of audio a file holds from its first bytes, whatever its name says.

References
----------
.. [1] RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 7845 (Opus), EBU Tech 3306 (RF64), ISO/IEC 14496-12 and 23008-12
   (``ftyp``), ISO/IEC 11172-3 and 13818-7 (MPEG and ADTS headers), id3.org "ID3 tag version 2.4.0".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final = ("mp3", "flac", "m4a", "ogg", "opus", "wav", "aiff", "wma", "aac")
"""Kinds of audio that the library takes in."""

SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{f".{kind}": kind for kind in KINDS},
        ".mp2": "mp3",
        ".mp1": "mp3",
        ".m4b": "m4a",
        ".mp4": "m4a",
        ".oga": "ogg",
        ".spx": "ogg",
        ".aif": "aiff",
        ".aifc": "aiff",
        ".wave": "wav",
        ".asf": "wma",
    }
)
"""Kind that a file name claims."""

_HEAD: Final = 64
_ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PICTURE_BRANDS: Final = (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_OGG_CODECS: Final = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")


def sniff(file: BinaryIO) -> str | None:
    """Tell the kind of an open file; the position is left anywhere.

    Parameters
    ----------
    file
        Open for reading in binary, seekable.

    Returns
    -------
    str or None
        One of `KINDS`, or None where the content is none of them.
    """
    head = file.read(_HEAD)
    if head[:3] == b"ID3":
        # A tag may stand before any stream; its size is four bytes of seven bits.
        if len(head) < 10:
            return None
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        file.seek(10 + size)
        behind = file.read(4)
        return "flac" if behind == b"fLaC" else "aac" if _is_adts(behind) else "mp3"
    return _kind(head)


def _kind(head: bytes) -> str | None:  # noqa: PLR0911 -- one line per format
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return _ogg_kind(head)
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "aiff"
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _PICTURE_BRANDS else "m4a"
    if head[:16] == _ASF_HEADER:
        return "wma"
    if _is_adts(head):
        return "aac"
    return "mp3" if _is_mpeg(head) else None


def _ogg_kind(head: bytes) -> str | None:
    packet = head[27 + head[26] :] if len(head) > 27 else b""
    if not packet.startswith(_OGG_CODECS):
        # Video, subtitles, or a page too damaged to tell; the reader decides.
        return "ogg"
    return "opus" if packet.startswith(b"OpusHead") else "ogg"


def _is_mpeg(head: bytes) -> bool:
    """Whether a valid MPEG audio frame header (layer I to III) stands first."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bitrate != 15 and rate != 3


def _is_adts(head: bytes) -> bool:
    """Whether an ADTS header stands first: sync, layer 0, a valid sample rate."""
    return len(head) >= 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13
