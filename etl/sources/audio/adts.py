"""How long raw AAC is: its frames counted, for nothing else says so.

References
----------
.. [1] ISO/IEC 13818-7, section 6.2 (ADTS).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.sources.audio.spans import between_tags

if TYPE_CHECKING:
    from typing import BinaryIO

_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS: Final = (None, 1, 2, 3, 4, 5, 6, 8)
_SAMPLES: Final = 1024


def adts_stream(file: BinaryIO) -> dict[str, Any]:
    """Count the frames of raw AAC.

    Parameters
    ----------
    file
        Open for reading, with or without tags around the frames.

    Returns
    -------
    dict
        ``duration`` in s, ``samplerate`` in Hz, ``channels``, ``bitrate`` in kbit/s; empty without a frame.
    """
    between = between_tags(file)
    file.seek(between.first)
    data = file.read(between.end - between.first)
    place = blocks = size = 0
    first: tuple[int, int] | None = None
    while place + 7 <= len(data):
        if data[place] != 0xFF or data[place + 1] & 0xF6 != 0xF0:
            place = data.find(b"\xff", place + 1)  # damaged: on to the next header
            if place < 0:
                break
            continue
        length = (data[place + 3] & 3) << 11 | data[place + 4] << 3 | data[place + 5] >> 5
        rate = data[place + 2] >> 2 & 15
        if length < 7 or rate >= len(_RATES):
            place += 1
            continue
        first = first or (_RATES[rate], (data[place + 2] & 1) << 2 | data[place + 3] >> 6)
        blocks += 1 + (data[place + 6] & 3)
        size += length
        place += length
    if first is None:
        return {}
    seconds = blocks * _SAMPLES / first[0]
    return {
        "duration": seconds,
        "samplerate": first[0],
        "channels": _CHANNELS[first[1]],
        "bitrate": size * 8 / 1000 / seconds,
    }
