"""Tags that stand around or inside audio files of many formats: ID3, APEv2.

References
----------
.. [1] Sony, "DSF File Format Specification" 1.01; Philips, "DSDIFF" 1.5; id3.org, "ID3 in WAV and AIFF".
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from etl.sources.audio.ape_tag import ape_texts
from etl.sources.audio.id3_frames import id3_texts, id3v1_texts
from etl.sources.audio.sound_spans import chunks
from etl.sources.audio.spans import Span, bytes_at, file_size
from etl.sources.audio.tag_fields import by_field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from etl.sources.audio.spans import Tag

_MOST_CHUNKS: Final = 100
_MOST_APE: Final = 16 << 20
_CHUNKS: Final[dict[str, tuple[int, Literal["little", "big"], int]]] = {
    "wav": (12, "little", 4),
    "aiff": (12, "big", 4),
    "dff": (16, "big", 8),
}
"""Where the first chunk stands, the order of the bytes of a size, and how many they are."""


def id3_values(file: BinaryIO, kind: str | None, tags: Iterable[Tag]) -> dict[str, list[str]]:
    """Read ID3v2: of a chunk, or where the header says; then in front and at the end. The first says most."""
    places = [_inner_place(file, kind), *(tag.first for tag in tags if tag.kind == "id3")]
    return _first_of(
        by_field(id3_texts(file, place, _genre_names())) for place in places if place is not None
    )


def id3v1_values(file: BinaryIO, tags: Iterable[Tag]) -> dict[str, list[str]]:
    """Read ID3v1, which cuts texts off after thirty characters."""
    found = (bytes_at(file, tag.end - 128, 128) for tag in tags if tag.kind == "id3v1")
    return _first_of(by_field(id3v1_texts(tag, _genre_names())) for tag in found)


def ape_values(file: BinaryIO, tags: Iterable[Tag]) -> dict[str, list[str]]:
    """Read APEv2."""
    found = (
        bytes_at(file, tag.first, min(tag.end - tag.first, _MOST_APE)) for tag in tags if tag.kind == "ape"
    )
    return _first_of(by_field(ape_texts(tag)) for tag in found)


def _first_of(found: Iterable[dict[str, list[str]]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for each in found:
        values = {**each, **values}
    return values


def _inner_place(file: BinaryIO, kind: str | None) -> int | None:
    if kind == "dsf":
        return int.from_bytes(bytes_at(file, 20, 8), "little") or None
    if kind not in _CHUNKS:
        return None
    first, order, width = _CHUNKS[kind]
    found = chunks(file, Span(first, file_size(file)), order, width=width, pad=2)
    return next((span.first for name, span in islice(found, _MOST_CHUNKS) if name.upper() == b"ID3 "), None)


@cache
def _genre_names() -> tuple[str, ...]:
    """Genres of ID3v1 by number; none without mutagen, whose list it is."""
    try:
        from mutagen.id3 import TCON  # noqa: PLC0415 -- a bundle may have to leave it out
    except ImportError:
        return ()
    return tuple(TCON.GENRES)
