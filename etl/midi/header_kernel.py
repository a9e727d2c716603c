"""Compiled: the header of a MIDI file (RP-001, 1996, p. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.midi.arrays import Repair
from etl.midi.bytes_kernel import chunk_at, signed, word
from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_JUNK: Final = int(Repair.JUNK_BEFORE_HEADER)
_HEADER: Final = int(Repair.HEADER_DAMAGED)
_FORMAT: Final = int(Repair.UNKNOWN_FORMAT)
_DIVISION: Final = int(Repair.ZERO_DIVISION)


@kernel
def read_header(data: NDArray[Any], start: int, at: int, stop: int, record: Any) -> tuple[int, int]:
    """Read MThd at ``at`` of a file from ``start`` on; give where its chunks start, and the warnings."""
    warnings = _JUNK if at > start else 0
    if at + 14 > stop:
        record.format = 1
        return stop, warnings | _HEADER
    length = word(data, at + 4)
    record.format = (signed(data[at + 8]) << 8) | signed(data[at + 9])
    record.declared_tracks = (signed(data[at + 10]) << 8) | signed(data[at + 11])
    division = (signed(data[at + 12]) << 8) | signed(data[at + 13])
    if record.format > 2:
        warnings |= _FORMAT
        record.format = 1
    if division & 0x8000:
        frames = 256 - (division >> 8)
        resolution = division & 255
        if frames not in (24, 25, 29, 30) or resolution == 0:
            warnings |= _DIVISION
        else:
            # 29 stands for 29.97 frames a second (30 drop frame).
            rate = 30000.0 / 1001.0 if frames == 29 else float(frames)
            record.seconds_per_tick = 1.0 / (rate * resolution)
            record.division = max(1, round(rate * resolution / 2))
            record.written_division = division - 65536
    elif division == 0:
        warnings |= _DIVISION
    else:
        record.division = record.written_division = division
    if length != 6:
        warnings |= _HEADER
        if length < 6 or at + 8 + length > stop or not chunk_at(data, at + 8 + length, stop):
            length = 6
    return at + 8 + length, warnings
