"""Frames of ID3 tags, of whatever version and however they are packed, by the names that they have in 2.4.

References
----------
.. [1] id3.org, "ID3 tag version 2.2.0", "2.3.0", "2.4.0 - Main Structure" and "- Native Frames"; "ID3v1.1".
"""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from etl.sources.audio.tag_fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    Named = list[tuple[str, list[str]]]

_SHORT_NAMES: Final = {
    b"TT2": b"TIT2", b"TP1": b"TPE1", b"TAL": b"TALB", b"TP2": b"TPE2", b"TCO": b"TCON", b"TCM": b"TCOM",
    b"TPB": b"TPUB", b"COM": b"COMM", b"TRC": b"TSRC", b"TKE": b"TKEY", b"TRK": b"TRCK", b"TPA": b"TPOS",
    b"TYE": b"TYER", b"TOR": b"TORY", b"TBP": b"TBPM", b"TCP": b"TCMP", b"TXX": b"TXXX", b"UFI": b"UFID",
}  # fmt: skip
"""Those of version 2.2."""

_OF_THEIR_OWN: Final = (b"TXXX", b"COMM", b"UFID", b"RVA2", b"XRVA")
"""Frames that are not a text alone."""

_ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_UNSYNCHRONISED: Final = 0x80
_EXTENDED: Final = 0x40
_READ: Final = 1 << 13
_MOST_OF_A_FRAME: Final = 1 << 16
_MOST_OF_A_TAG: Final = 16 << 20  # that is unsynchronised as a whole, pictures and all
_MASTER_VOLUME: Final = 1
_V1: Final = {"title": slice(3, 33), "artist": slice(33, 63), "album": slice(63, 93), "year": slice(93, 97)}


class _Packing(NamedTuple):
    """Bits of the flags of a frame, and what stands before its body, in order."""

    compressed: int
    encrypted: int
    grouped: int
    unsynchronised: int
    counted: int


_PACKINGS: Final = {3: _Packing(0x80, 0x40, 0x20, 0, 0), 4: _Packing(0x08, 0x04, 0x40, 0x02, 0x01)}


def id3_texts(file: BinaryIO, place: int, genre_names: tuple[str, ...] = ()) -> Named:
    """Read the texts of a tag of version 2.

    Parameters
    ----------
    file
        Open for reading.
    place
        Where the tag stands, if there is one.
    genre_names
        Genres by number.

    Returns
    -------
    list
        Names and values: of text frames those of version 2.4, in lower case, of others their description.
        Fields of the user's own, and the gains of RVA2, come last.
    """
    named: Named = []
    others: Named = []
    for name, body in _frames(file, place):
        if name in {b"RVA2", b"XRVA"}:
            for what, gain in volume_gains(body).items():
                field = "replaygain_album_gain" if what == "album" else "replaygain_track_gain"
                others.append((field, [f"{gain:.2f}"]))
        elif name == b"UFID":
            named.append(("ufid", [body.decode("latin-1")]))
        elif name == b"TCON":
            named.append(("genre", genre_texts(frame_texts(body), genre_names)))
        elif name == b"TXXX":
            description, *texts = frame_texts(body, keep_empty=True)
            others.append((description.lower(), texts))
        elif name == b"COMM":  # a language before it, and a description, where programs put their own
            description, *texts = frame_texts(body[:1] + body[4:], keep_empty=True)
            others.append((description.lower() or "comment", texts))
        else:
            named.append((name.decode("latin-1").lower(), frame_texts(body)))
    return named + others


def id3v1_texts(tag: bytes, genre_names: tuple[str, ...] = ()) -> Named:
    """Read the 128 bytes of a tag of version 1."""
    found = {name: tag[part] for name, part in _V1.items()}
    comment, number = tag[97:127], tag[126]
    if comment[28] == 0 and number:
        found |= {"track": str(number).encode()}
        comment = comment[:28]
    found |= {"comment": comment}
    genre = genre_names[tag[127]] if tag[127] < len(genre_names) else ""
    texts = {name: text.partition(b"\0")[0].decode("latin-1").rstrip() for name, text in found.items()}
    return [(name, [text]) for name, text in {**texts, "genre": genre}.items() if text]


def _frames(file: BinaryIO, place: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the frames that say something of a track, unpacked."""
    file.seek(place)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in {2, 3, 4}:
        return
    version, flags, size = head[3], head[5], synchsafe(head[6:10])
    source, first = file, place + 10
    if flags & _UNSYNCHRONISED and version < 4:
        source, first = BytesIO(_resynchronised(file.read(min(size, _MOST_OF_A_TAG)))), 0
        size = len(source.getvalue())
    end = first + size
    if flags & _EXTENDED and version > 2:
        source.seek(first)
        length = source.read(4)
        first += synchsafe(length) if version == 4 else 4 + int.from_bytes(length, "big")
    for name, frame_flags, body in _packed_frames(source, first, end, version):
        is_unsynchronised = version == 4 and bool(flags & _UNSYNCHRONISED)
        if (unpacked := _unpacked(body, frame_flags, version, is_unsynchronised)) is not None:
            yield name, unpacked


def _packed_frames(
    source: BinaryIO, first: int, end: int, version: int
) -> Iterator[tuple[bytes, int, bytes]]:
    """Give name, flags and body of frames as they stand; bodies too long for a text are not read."""
    name_length, header = (3, 6) if version == 2 else (4, 10)
    position = first
    source.seek(first)
    data = source.read(min(max(0, end - first), _READ))
    while position + header < end:
        if position + header > first + len(data):  # behind a picture, perhaps
            source.seek(position)
            first, data = position, source.read(min(end - position, _READ))
        place = position - first
        frame = data[place : place + header]
        name = frame[:name_length]
        if len(frame) < header or not name.isalnum():
            return
        length = frame[name_length : 2 * name_length]
        size = int.from_bytes(length, "big")
        if version == 4 and size > 0x7F and not _is_plain(source, position + header, size, length, end):
            size = synchsafe(length)
        name = _SHORT_NAMES.get(name, name)
        if size <= _MOST_OF_A_FRAME and (name in _OF_THEIR_OWN or name.decode("latin-1").lower() in FIELDS):
            body = data[place + header : place + header + size]
            if len(body) < size:
                source.seek(position + header)
                body = source.read(size)
            yield name, int.from_bytes(frame[8:10], "big"), body
        position += header + size


def _is_plain(source: BinaryIO, body: int, size: int, length: bytes, end: int) -> bool:
    """Whether a size of version 2.4 is a plain number, as iTunes wrote it: something fit follows."""
    if max(length) > 0x7F:
        return True

    def leads_on(size: int) -> bool:
        source.seek(body + size)
        behind = source.read(4)
        return body + size <= end and (body + size == end or behind.isalnum() or not any(behind))

    return not leads_on(synchsafe(length)) and leads_on(size)


def _unpacked(body: bytes, flags: int, version: int, is_unsynchronised: bool) -> bytes | None:
    """Undo what was done to a frame; None for one that is encrypted or damaged."""
    packing = _PACKINGS.get(version)
    flags &= 0xFF
    if packing is None or not (flags or is_unsynchronised):
        return body
    if flags & packing.encrypted:
        return None
    is_compressed = flags & packing.compressed
    before = bool(flags & packing.grouped) + 4 * bool(flags & packing.counted)
    before += 4 * bool(is_compressed and not packing.counted)
    body = body[before:]
    if is_unsynchronised or flags & packing.unsynchronised:
        body = _resynchronised(body)
    if is_compressed:
        try:
            return zlib.decompressobj().decompress(body, _MOST_OF_A_FRAME)
        except zlib.error:
            return None
    return body


def _resynchronised(data: bytes) -> bytes:
    """Take out the zeros behind bytes of ones, which keep a tag from looking like sound."""
    return data.replace(b"\xff\0", b"\xff")


def frame_texts(frame: bytes, *, keep_empty: bool = False) -> list[str]:
    """Give the texts of a text frame: the encoding, and texts parted by zeros."""
    encoding = _ENCODINGS[frame[0]] if frame and frame[0] < 4 else "latin-1"
    data = frame[1:]
    if encoding.startswith("utf-16"):
        data = data[: len(data) & ~1]
        if encoding == "utf-16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            encoding = "utf-16-le"
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    if "\0" not in text:
        return [text] if text or keep_empty else []
    texts = [part.removeprefix("\ufeff") for part in text.split("\0")]
    return texts if keep_empty else [part for part in texts if part]


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
