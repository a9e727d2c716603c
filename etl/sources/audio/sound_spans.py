"""Where the sound lies in containers: the parts that a tagger leaves as they are.

References
----------
.. [1] RFC 9639 (FLAC), ISO/IEC 14496-12 (MP4), EBU Tech 3306 (RF64), RFC 9559 (Matroska), Apple "Core Audio
   Format", Sony "DSF File Format", Philips "DSDIFF 1.5", Microsoft "Advanced Systems Format".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.sources.audio.spans import Span, bytes_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from typing import BinaryIO, Literal

_ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA: Final = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_W64_RIFF: Final = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_UNKNOWN_SIZES: Final = {0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}
"""Of chunks that were written to a pipe."""


def sound_spans(file: FileIO, between: Span, head: bytes) -> list[Span]:
    """Find the sound between the tags of a file, by its first 16 bytes; all of it if they are unknown."""
    spans = _declared_spans(file, between, head)
    return [Span(span.first, min(span.end, between.end)) for span in spans if span.first < between.end]


def is_longer_than_the_file(file: FileIO, between: Span, head: bytes) -> bool:
    """Whether the sound is said to go on behind the end of the file."""
    spans = _declared_spans(file, between, head)
    return any(span.end > between.end and span.end - span.first not in _UNKNOWN_SIZES for span in spans)


def _declared_spans(file: FileIO, between: Span, head: bytes) -> list[Span]:
    finder = _finder(head)
    return [between] if finder is None else finder(file, between)


def _finder(head: bytes) -> Callable[[FileIO, Span], list[Span]] | None:
    if head[:4] == b"fLaC":
        return _flac
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE":
        return _riff
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return _aiff
    if head[4:8] == b"ftyp":
        return _mp4
    known = {
        b"caff": _caf,
        b"DSD ": _dsf,
        b"FRM8": _dff,
        b"\x1a\x45\xdf\xa3": _matroska,
        _ASF_HEADER: _asf,
        _W64_RIFF: _w64,
    }
    return known.get(head[:4]) or known.get(head)


def _flac(file: FileIO, whole: Span) -> list[Span]:
    position = whole.first + 4
    while len(header := bytes_at(file, position, 4)) == 4:
        position += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 0x80:
            break
    return [Span(position, whole.end)]


def _riff(file: FileIO, whole: Span) -> list[Span]:
    large = 0  # RF64: the size of the sound stands in a chunk of its own
    spans = []
    for name, span in chunks(file, Span(whole.first + 12, whole.end), "little", width=4, pad=2):
        if name == b"ds64":
            large = int.from_bytes(bytes_at(file, span.first + 8, 8), "little")
        elif name == b"fmt ":
            spans.append(span)
        elif name == b"data":
            length = span.end - span.first
            if length in _UNKNOWN_SIZES and large:
                length = large
            if length in _UNKNOWN_SIZES or not length:  # written to a pipe
                length = whole.end - span.first
            spans.append(Span(span.first, span.first + length))
            if length != span.end - span.first:
                break
    return spans


def _aiff(file: FileIO, whole: Span) -> list[Span]:
    found = chunks(file, Span(whole.first + 12, whole.end), "big", width=4, pad=2)
    return [span for name, span in found if name in {b"COMM", b"SSND"}]


def _caf(file: FileIO, whole: Span) -> list[Span]:
    found = chunks(file, Span(whole.first + 8, whole.end), "big", width=8)
    return [span for name, span in found if name in {b"desc", b"data"}]


def _dsf(file: FileIO, whole: Span) -> list[Span]:
    found = chunks(file, Span(whole.first + 28, whole.end), "little", width=8, counts_header=True)
    return [span for name, span in found if name in {b"fmt ", b"data"}]


def _dff(file: FileIO, whole: Span) -> list[Span]:
    found = chunks(file, Span(whole.first + 16, whole.end), "big", width=8, pad=2)
    return [span for name, span in found if name in {b"PROP", b"DSD ", b"DST "}]


def _w64(file: FileIO, whole: Span) -> list[Span]:
    found = chunks(
        file, Span(whole.first + 40, whole.end), "little", width=8, pad=8, name=16, counts_header=True
    )
    return [span for name, span in found if name[:4] in {b"fmt ", b"data"}]


def _asf(file: FileIO, whole: Span) -> list[Span]:
    objects = chunks(file, whole, "little", width=8, name=16, counts_header=True)
    return [Span(span.first + 26, span.end) for name, span in objects if name == _ASF_DATA]


def chunks(
    file: BinaryIO,
    within: Span,
    order: Literal["little", "big"],
    *,
    width: int,
    name: int = 4,
    pad: int = 1,
    counts_header: bool = False,
) -> Iterator[tuple[bytes, Span]]:
    """Give name and body of chunks: a name, a size, a body, and zeros up to a multiple of ``pad``.

    Zeros are no chunks: a file that was never filled in would have one every eight bytes.
    """
    position, header = within.first, name + width
    while position < within.end and len(found := bytes_at(file, position, header)) == header and any(found):
        size = int.from_bytes(found[name:], order)
        length = max(0, size - header) if counts_header else size
        body = Span(position + header, position + header + length)
        yield found[:name], body
        position = body.end + -length % pad


def _mp4(file: FileIO, whole: Span) -> list[Span]:
    spans, position = [], whole.first
    while position < whole.end and len(head := bytes_at(file, position, 16)) >= 8:
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        if size == 0:
            size = whole.end - position
        if size < header:
            break
        if head[4:8] == b"mdat":
            spans.append(Span(position + header, position + size))
        position += size
    return spans


def _matroska(file: FileIO, whole: Span) -> list[Span]:
    """Find the clusters of the segment; where their sizes are not known, all from the first on."""
    spans, position, end = [], whole.first, whole.end
    while position < end and (element := _element(bytes_at(file, position, 12))):
        number, length, header = element
        body = Span(position + header, end if length is None else position + header + length)
        position = body.end
        if number == 0x18538067:  # the segment: its children are next
            position = body.first
        elif number == 0x1F43B675:
            spans.append(body)
    return spans


def _element(head: bytes) -> tuple[int, int | None, int] | None:
    """Read the id, the length (None: unknown) and the header's length of an EBML element."""
    if not head or not head[0]:
        return None
    id_length = 9 - head[0].bit_length()
    rest = head[id_length:]
    if id_length > 4 or not rest or not rest[0]:
        return None
    size_length = 9 - rest[0].bit_length()
    mask = (1 << 7 * size_length) - 1
    value = int.from_bytes(rest[:size_length], "big") & mask
    length = None if value == mask else value
    return int.from_bytes(head[:id_length], "big"), length, id_length + size_length
