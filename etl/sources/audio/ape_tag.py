"""APEv2 tags: MP3, WavPack, Musepack, Monkey's Audio, TAK.

References
----------
.. [1] wiki.hydrogenaud.io, "APEv2 specification".
"""

from __future__ import annotations

from typing import Final

_MARK: Final = b"APETAGEX"
_BORDER: Final = 32
"""A tag begins or ends with so many bytes that begin with the mark, or both."""

_IS_NO_TEXT: Final = 0b110


def ape_texts(tag: bytes) -> list[tuple[str, list[str]]]:
    """Read the names and values of the text items of a tag, in their order."""
    place = _BORDER if tag.startswith(_MARK) else 0
    end = len(tag) - (_BORDER if tag[-_BORDER:].startswith(_MARK) else 0)
    found = []
    while place + 9 < end:
        length, flags = int.from_bytes(tag[place : place + 4], "little"), tag[place + 4]
        behind = tag.find(b"\0", place + 8)
        if behind < 0 or behind + 1 + length > end:
            break
        if not flags & _IS_NO_TEXT:
            value = tag[behind + 1 : behind + 1 + length].decode("utf-8", "replace")
            found.append((tag[place + 8 : behind].decode("latin-1").lower(), value.split("\0")))
        place = behind + 1 + length
    return found
