"""How much of a file to read at a time: as much as takes a fraction of a second, and fits into memory."""

from __future__ import annotations

from statistics import median
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from etl.runtime.limits import Limits

_LEAST_BYTES: Final = 1 << 18
_BLOCKS: Final = 5  # by whose median it is judged
_STEP: Final = 2.0  # at a time: the machine may have been busy

MEMORY_FACTOR: Final = 24
"""Memory that a block takes while it is at work, in its own size: 22 to 23 by the peak memory of builds of
200,000 songs with blocks of several sizes."""


class BlockSize:
    """Bytes of the next block; follows the seconds that blocks take. Any thread may ask or tell.

    It changes seldom, for every change means fresh memory: by the median of five blocks that were cut since
    the last one.

    Parameters
    ----------
    limits
        ``block_bytes`` to begin with, at most ``block_most_bytes``; ``block_s`` to aim at; ``memory_bytes``
        for all blocks at work.
    in_flight
        How many blocks may be at work.
    untimed
        How many of the first blocks to leave out: they load and compile code as well.

    Examples
    --------
    >>> from etl.runtime.limits import Limits
    >>> size = BlockSize(Limits(block_bytes=1_000_000), in_flight=4)
    >>> for _ in range(5):
    ...     size.took(1_000_000, 1.0)
    >>> size.bytes
    500000
    """

    def __init__(self, limits: Limits, *, in_flight: int, untimed: int = 0) -> None:
        shared = limits.memory_bytes // (MEMORY_FACTOR * max(in_flight, 1))
        self._most = min(limits.block_most_bytes, max(shared, _LEAST_BYTES))
        self._aim = limits.block_s
        self._in_flight = in_flight
        self._skipped = untimed
        self._bytes = min(limits.block_bytes, self._most)
        self._seconds_per_byte: list[float] = []
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Size of the next block."""
        return self._bytes

    def took(self, size: int, seconds: float) -> None:
        """Take note of what a block of ``size`` bytes took; within the aim nothing changes."""
        with self._lock:
            if self._skipped > 0:
                self._skipped -= 1
            elif size and seconds:
                self._seconds_per_byte.append(seconds / size)
            if len(self._seconds_per_byte) == _BLOCKS:
                self._follow(median(self._seconds_per_byte))
                self._seconds_per_byte = []

    def _follow(self, seconds_per_byte: float) -> None:
        least, most = self._aim
        if not least <= seconds_per_byte * self._bytes <= most:
            wanted = (least + most) / 2 / seconds_per_byte
            wanted = min(max(wanted, self._bytes / _STEP), self._bytes * _STEP)
            self._bytes = min(max(int(wanted), _LEAST_BYTES), self._most)
            self._skipped = self._in_flight  # cut before
