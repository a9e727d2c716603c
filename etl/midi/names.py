"""What the parts of files are called: by their track, or by their channel where a track has several.

References
----------
.. [1] MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001, 1996, p. 9: a channel prefix says
   which channel the metas after it are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

_TRACK_NAME, _INSTRUMENT_NAME, _CHANNEL_PREFIX = 0x03, 0x04, 0x20
_WHOLE_TRACK: Final = -1


def part_names(batch: MidiBatch, parts: NDArray[Any], encodings: Sequence[str]) -> list[str | None]:
    """Give the name of each part: that of its channel, else the first of its track.

    Parameters
    ----------
    batch
        Parsed files.
    parts
        `etl.midi.stats_kernel.PART` records.
    encodings
        Name of the encoding of each file.
    """
    events = batch.events
    metas = events["status"] == 0xFF
    is_name = metas & (events["kind"] == _TRACK_NAME) & (events["length"] > 0)
    found: dict[tuple[int, int, int], bytes] = {}
    for file, track, offset, length in _rows(events[is_name]):
        found.setdefault((file, track, _WHOLE_TRACK), batch.data[offset : offset + length].tobytes())
    found |= _channel_names(batch, events, is_name)
    pairs = {(encodings[place[0]], text) for place, text in found.items()}
    texts = {(encoding, text): decode_text(text, encoding) for encoding, text in pairs}
    places = zip(*(parts[field].tolist() for field in ("file", "track", "channel")), strict=True)
    names = ((place[0], found.get(place, found.get((*place[:2], _WHOLE_TRACK)))) for place in places)
    return [None if name is None else texts[encodings[file], name] for file, name in names]


def _rows(events: NDArray[Any]) -> Any:
    return zip(*(events[field].tolist() for field in ("file", "track", "offset", "length")), strict=True)


def _channel_names(
    batch: MidiBatch, events: NDArray[Any], is_name: NDArray[np.bool_]
) -> dict[tuple[int, int, int], bytes]:
    """Find names of channels: behind a channel prefix, or between a track's title and a program at once.

    Tracks of one name and no prefix, nearly all, are not looked at.
    """
    place = (events["file"].astype(np.int64) << 32) | events["track"]
    prefix = (events["status"] == 0xFF) & (events["kind"] == _CHANNEL_PREFIX) & (events["length"] == 1)
    named, counts = np.unique(place[is_name], return_counts=True)
    several = np.isin(place, np.concatenate([place[prefix], named[counts > 1]]))
    found: dict[tuple[int, int, int], bytes] = {}
    before: tuple[int, int] | None = None
    channel, at, title = _WHOLE_TRACK, -1, True
    waiting: tuple[int, bytes] | None = None  # a name that may be the next program's
    for event in events[several]:
        track = (int(event["file"]), int(event["track"]))
        if track != before:
            before, channel, waiting, title = track, _WHOLE_TRACK, None, True
        tick, status, kind = int(event["tick"]), int(event["status"]), int(event["kind"])
        if status & 0xF0 == 0xC0:
            if waiting is not None and waiting[0] == tick:
                found.setdefault((*track, status & 15), waiting[1])
            waiting = None
        elif status == 0xFF and kind == _CHANNEL_PREFIX and event["length"] == 1:
            channel, at = int(batch.data[event["offset"]]), tick
        elif status == 0xFF and kind in (_TRACK_NAME, _INSTRUMENT_NAME) and event["length"] > 0:
            start = int(event["offset"])
            text = batch.data[start : start + int(event["length"])].tobytes()
            if channel != _WHOLE_TRACK and at == tick:
                if kind == _TRACK_NAME or (*track, channel) not in found:
                    found[(*track, channel)] = text
            elif kind == _TRACK_NAME and not title:
                waiting = (tick, text)
            title = title and kind != _TRACK_NAME
    return found
