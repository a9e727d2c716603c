"""Frames of ID3v2 tags as they stand: numbers that are no numbers, several genres, gains.

References
----------
.. [1] id3.org, "ID3 tag version 2.3.0", "ID3 tag version 2.4.0 - Native Frames" section 4.11 (RVA2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import BinaryIO

_NAMES: Final = {b"TRK": b"TRCK", b"TPA": b"TPOS", b"TCO": b"TCON"}
_WANTED: Final = (b"TRCK", b"TPOS", b"TCON", b"RVA2", b"XRVA")
_ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_READ: Final = 1 << 13
_MASTER_VOLUME: Final = 1


def id3_frames(file: BinaryIO, start: int = 0) -> dict[bytes, bytes]:
    """Read the frames that other readers change or pass over, by their names in version 2.4.

    Parameters
    ----------
    file
        Open for reading.
    start
        Where the tag stands, if there is one.

    Returns
    -------
    dict
        The first frame of each name; none of tags that are unsynchronised as a whole.
    """
    file.seek(start)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in {2, 3, 4} or head[5] & 0xC0:
        return {}
    version, position = head[3], start + 10
    end = position + synchsafe(head[6:10])
    name_length, header = (3, 6) if version == 2 else (4, 10)
    frames: dict[bytes, bytes] = {}
    first, data = position, file.read(min(end - start, _READ))
    while position + header < end:
        if position + header > first + len(data):  # behind a picture, perhaps
            file.seek(position)
            first, data = position, file.read(min(end - position, _READ))
        place = position - first
        frame = data[place : place + header]
        name = frame[:name_length]
        if len(frame) < header or not name.isalnum():
            break
        length = frame[name_length : 2 * name_length]
        size = synchsafe(length) if version == 4 else int.from_bytes(length, "big")
        body = data[place + header : place + header + size]
        name = _NAMES.get(name, name)
        if name in _WANTED and size < _READ and not frame[9:10].strip(b"\0"):
            if len(body) < size:
                file.seek(position + header)
                body = file.read(size)
            frames.setdefault(name, body)
        position += header + size
    return frames


def frame_texts(frame: bytes) -> list[str]:
    """Give the texts of a text frame."""
    encoding = _ENCODINGS[frame[0]] if frame and frame[0] < 4 else "latin-1"
    text = frame[1:].decode(encoding, "replace")
    return [part.removeprefix("\ufeff") for part in text.split("\0") if part]


def genre_texts(texts: list[str], names: tuple[str, ...]) -> list[str]:
    """Name the genres of a TCON frame; version 2.3 puts numbers in brackets, before what refines them.

    Examples
    --------
    >>> genre_texts(["(1)(2)Refined", "0"], ("Blues", "Classic Rock", "Country"))
    ['Classic Rock', 'Country', 'Refined', 'Blues']
    """
    found = []
    for text in texts:
        rest = text
        while match := re.match(r"\(([0-9]{1,3})\)", rest):
            found.append(_genre(match[1], names))
            rest = rest[match.end() :]
        rest = rest.removeprefix("(") if rest.startswith("((") else rest
        if rest:
            found.append(_genre(rest, names))
    return [genre for genre in dict.fromkeys(found) if genre]


def _genre(text: str, names: tuple[str, ...]) -> str:
    if not (text.isascii() and text.isdigit()):
        return text
    return names[int(text)] if int(text) < len(names) else ""


def volume_gains(frame: bytes) -> dict[str, float]:
    """Read the gain of the master volume of an RVA2 or XRVA frame, in dB, by what it is for."""
    name, _, channels = frame.partition(b"\0")
    while len(channels) >= 4:
        kind, gain, bits = channels[0], int.from_bytes(channels[1:3], "big", signed=True), channels[3]
        if kind == _MASTER_VOLUME:
            return {name.decode("latin-1").lower(): gain / 512}
        channels = channels[4 + (bits + 7) // 8 :]
    return {}


def synchsafe(four: bytes) -> int:
    """Read a size of ID3v2: seven bits of each of four bytes, so that none looks like a sync."""
    return four[0] << 21 | four[1] << 14 | four[2] << 7 | four[3]
