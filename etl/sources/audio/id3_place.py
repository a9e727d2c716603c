"""Where the ID3 tag of a file stands: first, in a chunk, or where the header says; and a copy if need be.

References
----------
.. [1] Sony, "DSF File Format Specification" 1.01; Philips, "DSDIFF" 1.5; id3.org, "ID3 in WAV and AIFF",
   "ID3 tag version 2.3.0" section 5 (unsynchronisation).
"""

from __future__ import annotations

from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from etl.sources.audio.id3_frames import synchsafe
from etl.sources.audio.sound_spans import chunks
from etl.sources.audio.spans import Span, bytes_at, file_size

if TYPE_CHECKING:
    from typing import BinaryIO

_MOST_CHUNKS: Final = 100
_UNSYNCHRONISED: Final = 0x80
_MOST_BYTES: Final = 16 << 20  # of a tag, pictures and all
_CHUNKS: Final[dict[str, tuple[int, Literal["little", "big"], int]]] = {
    "wav": (12, "little", 4),
    "aiff": (12, "big", 4),
    "dff": (16, "big", 8),
}
"""Where the first chunk stands, the order of the bytes of a size, and how many they are."""


def id3_place(file: BinaryIO, kind: str | None) -> int:
    """Find where the ID3 tag of a file of a kind stands, if it has one."""
    if kind == "dsf":
        return int.from_bytes(bytes_at(file, 20, 8), "little")
    if kind not in _CHUNKS:
        return 0
    first, order, width = _CHUNKS[kind]
    found = chunks(file, Span(first, file_size(file)), order, width=width, pad=2)
    return next((span.first for name, span in islice(found, _MOST_CHUNKS) if name.upper() == b"ID3 "), 0)


def resynchronised(file: BinaryIO, place: int) -> BytesIO | None:
    """Copy a tag of version 2.2 or 2.3 that is unsynchronised as a whole, without that; None for any other.

    There a zero stands behind bytes of ones, so that nothing in the tag looks like sound.
    """
    head = bytes_at(file, place, 10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in {2, 3} or not head[5] & _UNSYNCHRONISED:
        return None
    body = bytes_at(file, place + 10, min(_MOST_BYTES, synchsafe(head[6:10]))).replace(b"\xff\0", b"\xff")
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return BytesIO(head[:5] + bytes([head[5] & ~_UNSYNCHRONISED]) + size + body)
