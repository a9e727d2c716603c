"""The sound of Ogg files: bodies of pages, and the headers that tell how to decode them.

References
----------
.. [1] RFC 3533 (Ogg), RFC 5334, RFC 7845 (Opus), RFC 9639 (FLAC), "Vorbis I specification".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.sources.audio.spans import between_tags, read_spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO


def page_bodies(file: FileIO) -> Iterator[bytes]:
    """Give the bodies of pages, without the comments; a new tag changes their numbers and checksums."""
    headers: dict[bytes, _Headers] = {}
    rest = b""
    is_damaged = False
    for block in read_spans(file, [between_tags(file)]):
        data = rest + block
        view, parts, position = memoryview(data), list[memoryview | bytes](), 0
        while not is_damaged and (page := position + 27) <= len(data):
            if data[position : position + 4] != b"OggS":
                is_damaged = True  # from here on, as it is
                break
            first = page + data[page - 1]
            end = first + sum(data[page:first])
            if first > len(data) or end > len(data):
                break
            if data[position + 5] & 2:
                headers[data[position + 14 : position + 18]] = _Headers()
            if headers and (stream := headers.get(data[position + 14 : position + 18])):
                parts += stream.take(data[page:first], data[first:end])
                if stream.is_over:
                    del headers[data[position + 14 : position + 18]]
            else:
                parts.append(view[first:end])
            position = end
        rest = b"" if is_damaged else data[position:]
        yield b"".join([*parts, data[position:]] if is_damaged else parts)
    yield rest


class _Headers:
    """The headers of one stream: what a decoder needs is kept, comments and pictures are not."""

    def __init__(self) -> None:
        self.is_over = False
        self._packet = b""
        self._count = 0
        self._wanted = 1

    def take(self, lacing: bytes, body: bytes) -> list[bytes]:
        """Take a page; give what of it is to be hashed."""
        kept, position = [], 0
        for length in lacing:
            self._packet += body[position : position + length]
            position += length
            if length == 255:
                continue
            if self.is_over:  # sound on the page of the last header
                kept.append(self._packet)
            else:
                kept.append(self._needed())
            self._packet = b""
        if self.is_over:
            kept.append(self._packet)
        return kept

    def _needed(self) -> bytes:
        """Count a header; give what of it tells how to decode."""
        packet, self._count = self._packet, self._count + 1
        if self._count == 1:
            self._wanted = _header_count(packet)
        self.is_over = self._count >= self._wanted
        if packet.startswith(b"\x7fFLAC"):
            return packet[9:]  # what is before it counts the headers
        return packet if self._count == 1 or packet.startswith((b"\x05vorbis", b"\x82theora")) else b""


def _header_count(first: bytes) -> int:
    if first.startswith((b"\x01vorbis", b"\x80theora")):
        return 3
    if first.startswith(b"\x7fFLAC"):
        return 1 + int.from_bytes(first[7:9], "big")
    return 2  # Opus, Speex
