"""A second reader, by the letter of the standard and in plain Python, for the conformance table.

It knows no recovery: what deviates from RP-001 is named, and where it cannot go on it stops. It was written
from the standard and shares nothing with the reader under test.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field

_DATA_BYTES = {8: 2, 9: 2, 10: 2, 11: 2, 12: 1, 13: 1, 14: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}


@dataclass
class Reading:
    """What a file holds: its notes as (track, channel, pitch, velocity, start), and what is wrong with it."""

    outcome: str = "accepted"
    tracks: int = 0
    notes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)


class _Bytes:
    """A cursor over the bytes of a track."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def take(self) -> int:
        if self.at >= len(self.body):
            raise EOFError
        self.at += 1
        return self.body[self.at - 1]

    def quantity(self) -> int:
        value = 0
        for _ in range(4):
            byte = self.take()
            value = value * 128 + byte % 128
            if byte < 128:
                return value
        message = "a quantity of more than four bytes"
        raise ValueError(message)

    @property
    def done(self) -> bool:
        return self.at == len(self.body)


def read_strictly(blob: bytes) -> Reading:
    """Read a file by the standard."""
    if not blob:
        return Reading(outcome="empty")
    if blob[:4] != b"MThd":
        return Reading(outcome="no_header")
    reading = Reading()
    length, kind, declared, division = struct.unpack(">IHHH", blob[4:14])
    wrong = {
        "header_damaged": length != 6,
        "unknown_format": kind > 2,
        "zero_division": division == 0,
    }
    at = 8 + length
    while at < len(blob):
        if len(blob) - at < 8:
            wrong["trailing_bytes"] = True
            break
        name, size = blob[at : at + 4], int.from_bytes(blob[at + 4 : at + 8], "big")
        body = blob[at + 8 : at + 8 + size]
        if name == b"MTrk":
            wrong["track_truncated"] = wrong.get("track_truncated", False) or len(body) < size
            _read_track(_Bytes(body), reading)
            reading.tracks += 1
        else:
            wrong["alien_chunk"] = True
        at += 8 + size
    wrong["track_count_wrong"] = reading.tracks != declared
    wrong["no_tracks"] = reading.tracks == 0
    wrong["several_tracks_in_type_0"] = kind == 0 and reading.tracks > 1
    reading.faults |= {fault for fault, found in wrong.items() if found}
    return reading


def _read_track(track: _Bytes, reading: Reading) -> None:  # noqa: C901 - the grammar, in one place
    tick, status, ended = 0, 0, False
    sounding: Counter[tuple[int, int]] = Counter()
    try:
        while not track.done:
            if ended:
                reading.faults.add("events_after_end")
            tick += track.quantity()
            first = track.take()
            if first >= 0xF0:
                ended = _system(track, first, reading.faults) or ended
                continue
            if first >= 128:
                status, data = first, b""
            else:
                data = bytes([first])
            data += bytes(track.take() for _ in range(_DATA_BYTES[status >> 4] - len(data)))
            if max(data) > 127:
                reading.faults.add("data_byte_clipped")
            voice = (status & 15, data[0])
            if status >> 4 == 9 and data[1] > 0:
                reading.notes.append((reading.tracks, status & 15, data[0], data[1], tick))
                sounding[voice] += 1
            elif status >> 4 in (8, 9):
                if sounding[voice] == 0:
                    reading.faults.add("orphan_note_off")
                sounding[voice] = max(0, sounding[voice] - 1)
    except EOFError:
        reading.faults.add("event_truncated")
    if not ended:
        reading.faults.add("no_end_of_track")
    if sum(sounding.values()):
        reading.faults.add("hanging_note")


def _system(track: _Bytes, status: int, faults: set[str]) -> bool:
    """Read a meta, exclusive or other system message; whether it is the end of the track."""
    if status not in (0xFF, 0xF0, 0xF7):
        faults.add("system_message")
        for _ in range(_SYSTEM_DATA_BYTES.get(status, 0)):
            track.take()
        return False
    meta = track.take() if status == 0xFF else -1
    data = bytes(track.take() for _ in range(track.quantity()))
    if not _meta_is_good(meta, data):
        faults.add("bad_meta")
    return meta == 0x2F


def _meta_is_good(meta: int, data: bytes) -> bool:
    if meta == 0x51:
        return len(data) == 3 and any(data)
    if meta == 0x58:
        return len(data) == 4 and data[0] > 0
    if meta == 0x59:
        return len(data) == 2 and data[1] < 2
    return True
