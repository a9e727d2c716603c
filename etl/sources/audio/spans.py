"""Stretches of audio files: what lies between tags, and reading them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from etl.sources.audio.id3_frames import synchsafe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO
    from typing import BinaryIO

_BLOCK: Final = 1 << 20
_MOST_TAGS: Final = 100
"""Of a file, so that one of nothing else costs no time."""


class Span(NamedTuple):
    """A stretch of a file: its first byte, and the one behind its last."""

    first: int
    end: int


class Tag(NamedTuple):
    """A tag before or behind the sound: ``id3``, ``id3v1``, ``ape`` or ``lyrics``, and where it lies."""

    kind: str
    first: int
    end: int


def between_tags(file: BinaryIO) -> Span:
    """Leave out tags in front and at the end, and zeros behind those in front."""
    return surroundings(file)[0]


def surroundings(file: BinaryIO, *, behind: bool = True) -> tuple[Span, list[Tag]]:
    """Find what lies between tags, as `between_tags`, and the tags, those behind from the last."""
    first, end = 0, file_size(file)
    tags: list[Tag] = []
    while len(tags) < _MOST_TAGS and (length := front_tag(head := bytes_at(file, first, 32))):
        tags.append(Tag("id3" if head[:3] == b"ID3" else "ape", first, first + length))
        first += length
    if first:
        first += _zeros(file, first, end)
    while behind and len(tags) < _MOST_TAGS and first < end and (found := _end_tag(file, first, end)):
        tags.append(Tag(found[0], end - found[1], end))
        end -= found[1]
    return Span(first, end) if first < end else Span(0, file_size(file)), tags


def front_tag(head: bytes) -> int:
    """Give the length of the tag that begins with these 32 bytes; zero if none does."""
    if head[:3] == b"ID3" and len(head) >= 10:
        return 10 + synchsafe(head[6:10]) + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        return 32 + int.from_bytes(head[12:16], "little")
    return 0


def _end_tag(file: BinaryIO, first: int, end: int) -> tuple[str, int] | None:
    start = max(first, end - 128)
    tail = bytes_at(file, start, end - start)
    found = "lyrics", 0
    if len(tail) == 128 and tail[:3] == b"TAG":
        is_extended = bytes_at(file, max(first, end - 355), 4) == b"TAG+"
        found = "id3v1", 128 + (227 if is_extended else 0)
    elif tail[-32:-24] == b"APETAGEX":
        has_header = tail[-9] & 0x80
        found = "ape", int.from_bytes(tail[-20:-16], "little") + (32 if has_header else 0)
    elif tail[-10:-7] == b"3DI":
        found = "id3", 20 + synchsafe(tail[-4:])
    elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        found = "lyrics", 15 + int(tail[-15:-9])
    elif tail[-9:] == b"LYRICSEND":
        lyrics = bytes_at(file, max(first, end - 5120), min(5120, end - first))
        place = lyrics.rfind(b"LYRICSBEGIN")
        found = "lyrics", len(lyrics) - place if place >= 0 else 0
    return found if 0 < found[1] < end - first else None


def _zeros(file: BinaryIO, first: int, end: int) -> int:
    """Count the zeros that some taggers leave behind their tag; none if there is nothing else."""
    for start in range(first, end, 1 << 16):
        block = bytes_at(file, start, min(1 << 16, end - start))
        if rest := block.lstrip(b"\0"):
            return start - first + len(block) - len(rest)
    return 0


def file_size(file: BinaryIO) -> int:
    """Give the length of an open file."""
    return os.fstat(file.fileno()).st_size


def bytes_at(file: BinaryIO, position: int, length: int) -> bytes:
    """Read so many bytes at a place; fewer at the end."""
    file.seek(position)
    return file.read(length)


def read_spans(file: FileIO, spans: Iterable[Span]) -> Iterator[memoryview]:
    """Read stretches, a megabyte at a time; each block is valid until the next."""
    buffer = memoryview(bytearray(_BLOCK))
    for span in spans:
        file.seek(span.first)
        left = span.end - span.first
        while left > 0 and (count := file.readinto(buffer[: min(_BLOCK, left)])):
            yield buffer[:count]
            left -= count
