"""What the codec of an MP4 file says of itself: its sample entry may say two channels whatever there are.

References
----------
.. [1] ISO/IEC 14496-12 (``stsd``), 14496-14 (``esds``), 14496-3 section 1.6 (AudioSpecificConfig); ETSI TS
   102 366 annex F (AC-3, E-AC-3); "Encapsulation of Opus in ISO Base Media File Format"; "Encapsulation of
   FLAC in ISO Base Media File Format"; Apple "ALACMagicCookieDescription".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from typing import BinaryIO

_PATH: Final = (b"minf", b"stbl", b"stsd")
_MOST: Final = 1 << 16
_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
_AC3_CHANNELS: Final = (2, 1, 2, 3, 3, 4, 4, 5)
_AC3_RATES: Final = (48000, 44100, 32000)
_PCM: Final = (b"sowt", b"twos", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32", b"fl64", b"raw ")
_LOSSLESS: Final = (b"alac", b"fLaC", *_PCM)


class Codec(NamedTuple):
    """The first sound track of a file; None for what it does not say."""

    name: str
    channels: int | None
    sample_rate: int | None
    bit_depth: int | None
    is_lossless: bool


def mp4_codec(file: BinaryIO) -> Codec | None:
    """Read what codec the first sound track has; None if there is none."""
    file.seek(0, 2)
    for kind, first, end in _boxes(file, 0, file.tell()):
        if kind != b"moov":
            continue
        for track, inside, behind in _boxes(file, first, end):
            if track == b"trak" and (codec := _codec_of_track(file, inside, behind)):
                return codec
    return None


def _codec_of_track(file: BinaryIO, first: int, end: int) -> Codec | None:
    media = _box(file, b"mdia", (first, end))
    handler = _box(file, b"hdlr", media)
    file.seek(handler[0] + 8)
    if file.read(4) != b"soun":
        return None
    place = media
    for wanted in _PATH:
        place = _box(file, wanted, place)
    file.seek(place[0] + 8)
    entry = file.read(max(0, min(_MOST, place[1] - place[0] - 8)))
    name, body = entry[4:8], entry[8 : int.from_bytes(entry[:4], "big")]
    if len(body) < 28:
        return None
    version = int.from_bytes(body[8:10], "big")
    inner = body[28 + {1: 16, 2: 36}.get(version, 0) :]
    said = int.from_bytes(body[16:18], "big"), int.from_bytes(body[24:26], "big")
    return _codec(name, inner, said)


def _codec(name: bytes, inner: bytes, said: tuple[int, int]) -> Codec:
    """Take channels and rate from the codec's own box, else from the sample entry."""
    channels, rate, depth = said[0] or None, said[1] or None, None
    if name == b"mp4a" and (config := _specific_config(inner)):
        channels, rate = config[0] or channels, config[1] or rate
    elif name == b"alac" and len(box := _inside(inner, b"alac")) >= 28:
        depth, channels, rate = box[9], box[13], int.from_bytes(box[24:28], "big")
    elif name == b"fLaC" and len(box := _inside(inner, b"dfLa")) >= 26:
        packed = int.from_bytes(box[18:26], "big")  # of STREAMINFO: rate 20 bits, channels 3, depth 5
        rate, channels, depth = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    elif name == b"Opus" and len(box := _inside(inner, b"dOps")) >= 2:
        channels, rate = box[1], 48000
    elif name == b"ac-3" and len(box := _inside(inner, b"dac3")) >= 3:
        packed = int.from_bytes(box[:3], "big")
        channels = _AC3_CHANNELS[packed >> 11 & 7] + (packed >> 10 & 1)
        rate = (*_AC3_RATES, rate)[packed >> 22]
    elif name == b"ec-3" and len(box := _inside(inner, b"dec3")) >= 5:
        packed = int.from_bytes(box[2:5], "big")
        channels = _AC3_CHANNELS[packed >> 9 & 7] + (packed >> 8 & 1)
        rate = (*_AC3_RATES, rate)[packed >> 22]
    return Codec(name.decode("latin-1"), channels, rate, depth, name in _LOSSLESS)


def _specific_config(inner: bytes) -> tuple[int, int] | None:
    """Read channels and rate of the AudioSpecificConfig, which stands in descriptors within descriptors."""
    start = inner.find(b"esds")
    tag = _descriptor(inner[start + 8 :], 3) if start >= 0 else None
    if tag is None:
        return None
    flags, place = tag[2], 3
    place += (2 if flags & 0x80 else 0) + (1 + tag[3] if flags & 0x40 else 0) + (2 if flags & 0x20 else 0)
    decoder = _descriptor(tag[place:], 4)
    config = None if decoder is None else _descriptor(decoder[13:], 5)
    if config is None or len(config) < 2:
        return None
    bits = _Bits(config)
    kind = bits.take(5)
    if kind == 31:
        kind = 32 + bits.take(6)
    rate = _rate(bits)
    channels = bits.take(4)
    if kind in {5, 29}:  # spectral band replication, at the rate that is heard
        rate = _rate(bits)
    return _AAC_CHANNELS.get(channels, 0), rate


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data + bytes(8), "big"), 8 * len(data) + 64

    def take(self, count: int) -> int:
        self._left -= count
        return self._value >> max(0, self._left) & (1 << count) - 1


def _rate(bits: _Bits) -> int:
    index = bits.take(4)
    if index == 15:
        return bits.take(24)
    return _RATES[index] if index < len(_RATES) else 0


def _descriptor(data: bytes, tag: int) -> bytes | None:
    if len(data) < 3 or data[0] != tag:
        return None
    length, place = 0, 1
    while place < min(5, len(data)):
        length = length << 7 | data[place] & 0x7F
        place += 1
        if not data[place - 1] & 0x80:
            break
    found = data[place : place + length]
    return found if len(found) > 3 or tag == 5 else None


def _inside(data: bytes, wanted: bytes) -> bytes:
    """Give the body of a box among others; nothing if there is none."""
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == wanted:
            return data[place + 8 : place + size]
        if size < 8:
            return b""
        place += size
    return b""


def _box(file: BinaryIO, wanted: bytes, within: tuple[int, int]) -> tuple[int, int]:
    """Give start and end of the body of a box; of none, that of nothing."""
    found = (box[1:] for box in _boxes(file, *within) if box[0] == wanted)
    return next(found, (0, 0))


def _boxes(file: BinaryIO, first: int, end: int) -> list[tuple[bytes, int, int]]:
    """Give kind, start and end of the bodies of boxes."""
    found = []
    while first + 8 <= end:
        file.seek(first)
        head = file.read(16)
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        if size == 0:
            size = end - first
        if size < header:
            break
        found.append((head[4:8], first + header, min(first + size, end)))
        first += size
    return found
