"""Tell what kind of audio a file holds from its first bytes, whatever its name says.

References
----------
.. [1] RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 7845 (Opus), EBU Tech 3306 (RF64), ISO/IEC 14496-12 and 23008-12
   (``ftyp``), ISO/IEC 11172-3 and 13818-7 (MPEG and ADTS headers), id3.org "ID3 tag version 2.4.0", ETSI TS
   102 366 and 102 114 (sync words of AC-3 and DTS), RFC 9559 (Matroska), Apple "Core Audio Format 1.0".
"""

from __future__ import annotations

from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Final

from etl.sources.audio.spans import front_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "mp3": ("mp3", "mp2", "mp1", "mpga"),
        "flac": ("flac",),
        "m4a": ("m4a", "m4b", "mp4", "m4r", "3gp", "3g2", "mov"),
        "ogg": ("ogg", "oga", "spx"),
        "opus": ("opus",),
        "wav": ("wav", "wave", "bwf", "rf64"),
        "aiff": ("aiff", "aif", "aifc"),
        "wma": ("wma", "asf"),
        "aac": ("aac", "adts"),
        "wv": ("wv",),
        "ape": ("ape",),
        "mpc": ("mpc", "mp+", "mpp"),
        "tta": ("tta",),
        "tak": ("tak",),
        "dsf": ("dsf",),
        "dff": ("dff",),
        "mka": ("mka", "mkv", "webm", "weba"),
        "ac3": ("ac3", "eac3", "ec3"),
        "dts": ("dts", "dtshd"),
        "caf": ("caf",),
        "au": ("au", "snd"),
        "w64": ("w64",),
        "amr": ("amr", "awb"),
        "shn": ("shn",),
        "oma": ("oma", "aa3"),
        "rm": ("ra", "rm"),
        "voc": ("voc",),
    }
)
"""Endings of file names, by kind of audio; all that FFmpeg's libraries decode and people keep music in."""

KINDS: Final = tuple(_NAMES)
"""Kinds of audio that the library takes in."""

SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {f".{ending}": kind for kind, endings in _NAMES.items() for ending in endings}
)
"""Kind that a file name claims."""

_HEAD: Final = 64
_MOST_TAGS: Final = 8
"""ID3 tags before the sound; a file of nothing else is no audio."""

_MARKS: Final = (
    ("flac", 0, b"fLaC"),
    ("wma", 0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
    ("wv", 0, b"wvpk"),
    ("ape", 0, b"MAC "),
    ("ape", 0, b"MACF"),
    ("mpc", 0, b"MP+"),
    ("mpc", 0, b"MPCK"),
    ("tta", 0, b"TTA1"),
    ("tak", 0, b"tBaK"),
    ("dsf", 0, b"DSD \x1c"),
    ("dff", 12, b"DSD "),
    ("mka", 0, bytes.fromhex("1a45dfa3")),
    ("dts", 0, bytes.fromhex("7ffe8001")),
    ("dts", 0, bytes.fromhex("fe7f0180")),
    ("dts", 0, bytes.fromhex("1fffe800")),
    ("dts", 0, bytes.fromhex("ff1f00e8")),
    ("dts", 0, b"DTSHDHDR"),
    ("caf", 0, b"caff\0\x01"),
    ("au", 0, b".snd"),
    ("w64", 0, bytes.fromhex("726966662e91cf11a5d628db04c10000")),
    ("amr", 0, b"#!AMR"),
    ("shn", 0, b"ajkg"),
    ("oma", 0, b"EA3\x01"),
    ("oma", 0, b"ea3\x03"),
    ("rm", 0, b".RMF"),
    ("rm", 0, b".ra\xfd"),
    ("voc", 0, b"Creative Voice File\x1a"),
)
"""Kind, and what stands where in a file of it."""

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
    if not front_tag(head):
        return _kind(head)
    # A tag may stand before any stream, and another one behind it.
    place = 0
    for _ in range(_MOST_TAGS):
        if not (length := front_tag(head)):
            break
        place += length
        file.seek(place)
        head = file.read(_HEAD)
    # Zeros or garbage between a tag and the first frame are common in MP3s, which alone are told by the tag.
    return _kind(head) or (None if front_tag(head) else "mp3")


def ending(path: str) -> str:
    """Give the ending of a file's name, in lower case with its dot; empty if there is none."""
    return PurePath(path).suffix.lower()


def _kind(head: bytes) -> str | None:  # noqa: PLR0911 -- one line per format
    for kind, offset, mark in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return kind
    if head[:4] == b"OggS":
        return _ogg_kind(head)
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "aiff"
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _PICTURE_BRANDS else "m4a"
    if head[:2] == b"\x0b\x77" and len(head) > 5 and head[5] >> 3 <= 16:  # the versions there are
        return "ac3"
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
    if head[1] == 0xFE and not any(head[3:12:2]):  # text in UTF-16, as rippers write their logs
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bitrate != 15 and rate != 3


def _is_adts(head: bytes) -> bool:
    """Whether an ADTS header stands first: sync, layer 0, a valid sample rate."""
    return len(head) >= 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13
