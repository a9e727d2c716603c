"""What the instructions of :mod:`etl.runtime.jit.intrinsics` do, in plain Python that numba can compile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


COPY_STEP: Final = 32
"""Bytes that :data:`~etl.runtime.jit.intrinsics.copy_steps` copies at a time."""


def copy_bytes(target: NDArray[np.uint8], at: int, source: NDArray[np.uint8], start: int, size: int) -> None:
    """Copy ``size`` bytes."""
    for k in range(size):
        target[at + k] = source[start + k]


copy_steps = copy_bytes


def load_word(source: NDArray[np.uint8], at: int) -> np.uint64:
    """Read eight bytes, least significant first."""
    word = np.uint64(0)
    for k in range(8):
        word |= np.uint64(source[at + k]) << np.uint64(8 * k)
    return word


def trailing_zeros(number: np.uint64) -> int:
    """Count the zero bits at the end of a number other than zero."""
    count = 0
    while not number & np.uint64(1):
        number >>= np.uint64(1)
        count += 1
    return count
