"""What the instructions of :mod:`etl.runtime.jit.intrinsics` do, in plain Python that numba can compile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


COPY_STEP: Final = 32
"""Bytes that :data:`~etl.runtime.jit.intrinsics.copy_steps` copies at a time."""

LANES: Final = 16
"""Numbers that :data:`~etl.runtime.jit.intrinsics.path_step` takes at a time."""


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


def path_step(  # noqa: PLR0917 -- as the instruction takes them
    sums: NDArray[np.float32],
    row: int,
    before: int,
    high: float,
    change: float,
    base: float,
    terms: NDArray[np.float32],
    places: tuple[int, int, int, int],
) -> None:
    """Add the scores of sixteen states to the better of staying and changing."""
    first, second, third, fourth = places
    for lane in range(LANES):
        held = max(sums[before + lane] - high, change)
        score = base + terms[first + lane]
        score += terms[second + lane]
        score += terms[third + lane]
        score += terms[fourth + lane]
        score += held
        sums[row + lane] = score


def highest(sums: NDArray[np.float32], start: int, stop: int) -> np.float32:
    """Give the highest of sums; there are sixteen, or a multiple."""
    found: np.float32 = sums[start]
    for place in range(start + 1, stop):
        found = max(found, sums[place])
    return found
