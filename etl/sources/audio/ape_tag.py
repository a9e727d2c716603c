"""APEv2 tags at the end of a file: MP3, WavPack, Musepack, Monkey's Audio, TAK.

References
----------
.. [1] wiki.hydrogenaud.io, "APEv2 specification".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import BinaryIO

_FOOTER: Final = b"APETAGEX"
_BEHIND: Final = 32 + 128
"""The footer, and an ID3v1 tag that may follow."""

_MOST: Final = 16 << 20
_IS_NO_TEXT: Final = 0b110


def ape_texts(file: BinaryIO) -> list[tuple[str, list[str]]]:
    """Read the names and values of text items, in their order.

    Parameters
    ----------
    file
        Open for reading.

    Returns
    -------
    list
        Empty if there is no such tag.
    """
    end = file.seek(0, 2)
    start = max(0, end - _BEHIND)
    file.seek(start)
    tail = file.read(_BEHIND)
    place = tail.rfind(_FOOTER)
    footer = tail[place : place + 32]
    if place < 0 or len(footer) < 32:
        return []
    size = int.from_bytes(footer[12:16], "little")
    first = start + place + 32 - size
    if not 32 <= size <= _MOST or first < 0:
        return []
    file.seek(first)
    return _texts(file.read(size - 32))


def _texts(data: bytes) -> list[tuple[str, list[str]]]:
    found = []
    place = 0
    while place + 9 < len(data):
        length, flags = int.from_bytes(data[place : place + 4], "little"), data[place + 4]
        behind = data.find(b"\0", place + 8)
        if behind < 0 or behind + 1 + length > len(data):
            break
        if not flags & _IS_NO_TEXT:
            value = data[behind + 1 : behind + 1 + length].decode("utf-8", "replace")
            found.append((data[place + 8 : behind].decode("latin-1").lower(), value.split("\0")))
        place = behind + 1 + length
    return found
