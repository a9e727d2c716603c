"""Compiled: words, signatures and chunks in a buffer of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

MTHD: Final = 0x4D546864
MTRK: Final = 0x4D54726B
LAST_TICK: Final = 1 << 50


@kernel
def signed(value: Any) -> int:
    """Widen an unsigned byte to a signed 64-bit integer (int() would make it unsigned, then mix to float)."""
    widened: int = value + 0
    return widened


@kernel
def word(data: NDArray[Any], at: int) -> int:
    """Big-endian 32-bit word."""
    return (
        (signed(data[at]) << 24)
        | (signed(data[at + 1]) << 16)
        | (signed(data[at + 2]) << 8)
        | signed(data[at + 3])
    )


@kernel
def find(data: NDArray[Any], start: int, stop: int, signature: int) -> int:
    """First place of a four-byte signature that ends before ``stop``; -1 if none."""
    first = signature >> 24
    for at in range(start, stop - 3):
        if data[at] == first and word(data, at) == signature:
            return at
    return -1


@kernel
def next_chunk(data: NDArray[Any], start: int, stop: int) -> int:
    """Where the next track begins, or another file: an MThd of six bytes; ``stop`` if neither does."""
    for at in range(start, stop - 3):
        if data[at] == 0x4D:
            signature = word(data, at)
            if signature == MTRK:
                return at
            if signature == MTHD and at + 8 <= stop and word(data, at + 4) == 6:
                return at
    return stop


@kernel
def find_track(data: NDArray[Any], start: int, stop: int, stops_at_file: bool) -> int:
    """Where the next track begins; ``stop`` if none does, or none before another file if asked so."""
    at = next_chunk(data, start, stop)
    while at < stop and word(data, at) != MTRK and not stops_at_file:
        at = next_chunk(data, at + 4, stop)
    return at if at < stop and word(data, at) == MTRK else stop


@kernel
def chunk_at(data: NDArray[Any], at: int, stop: int) -> bool:
    """Whether a plausible chunk starts here: four printable characters and a length that fits."""
    if at == stop:
        return True
    if at + 8 > stop:
        return False
    if word(data, at) == MTRK:
        return True
    for i in range(4):
        if data[at + i] < 32 or data[at + i] > 126:
            return False
    return at + 8 + word(data, at + 4) <= stop


@kernel
def variable_length(data: NDArray[Any], at: int, stop: int) -> tuple[int, int, int]:
    """Read a variable-length quantity: its value (modulo `LAST_TICK`), what follows, and its size.

    The size is negative where the bytes end before the quantity does.
    """
    value = 0
    size = 0
    while at < stop:
        byte = signed(data[at])
        at += 1
        size += 1
        value = ((value << 7) | (byte & 127)) & (LAST_TICK - 1)
        if byte < 128:
            return value, at, size
    return value, at, -max(size, 1)
