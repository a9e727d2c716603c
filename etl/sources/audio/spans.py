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


class Span(NamedTuple):
    """A stretch of a file: its first byte, and the one behind its last."""

    first: int
    end: int


def between_tags(file: BinaryIO) -> Span:
    """Leave out tags in front and at the end, however many there are, and zeros behind those in front."""
    first, end = 0, file_size(file)
    while length := _front_tag(bytes_at(file, first, 32)):
        first += length
    if first:
        first += _zeros(file, first, end)
    while length := _end_tag(file, first, end):
        end -= length
    return Span(first, end) if first < end else Span(0, file_size(file))


def _front_tag(head: bytes) -> int:
    if head[:3] == b"ID3" and len(head) >= 10:
        return 10 + synchsafe(head[6:10]) + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return 32 + int.from_bytes(head[12:16], "little")
    return 0


def _end_tag(file: BinaryIO, first: int, end: int) -> int:
    start = max(first, end - 128)
    tail = bytes_at(file, start, end - start)
    length = 0
    if len(tail) == 128 and tail[:3] == b"TAG":
        is_extended = bytes_at(file, max(first, end - 355), 4) == b"TAG+"
        length = 128 + (227 if is_extended else 0)
    elif tail[-32:-24] == b"APETAGEX":
        has_header = tail[-9] & 0x80
        length = int.from_bytes(tail[-20:-16], "little") + (32 if has_header else 0)
    elif tail[-10:-7] == b"3DI":
        length = 20 + synchsafe(tail[-4:])
    elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        length = 15 + int(tail[-15:-9])
    elif tail[-9:] == b"LYRICSEND":
        lyrics = bytes_at(file, max(first, end - 5120), min(5120, end - first))
        found = lyrics.rfind(b"LYRICSBEGIN")
        length = len(lyrics) - found if found >= 0 else 0
    return length if first + length < end else 0


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
