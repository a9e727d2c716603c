"""Instructions of the machine for use within kernels. Nothing is checked.

They are made by parts of numba that it does not promise to keep; where those are not as expected the same in
plain Python, from :mod:`etl.runtime.jit.plain`, is compiled instead.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from etl.runtime.jit import plain
from etl.runtime.jit.kernels import inlined
from etl.runtime.jit.plain import COPY_STEP, LANES

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Copy = Callable[[NDArray[np.uint8], int, NDArray[np.uint8], int, int], None]
    _Floats = NDArray[np.float32]


__all__ = [
    "COPY_STEP",
    "LANES",
    "copy_bytes",
    "copy_steps",
    "highest",
    "load_word",
    "path_step",
    "trailing_zeros",
]


def _best(name: str) -> Any:
    try:
        return getattr(import_module("etl.runtime.jit.llvm"), name)
    except (ImportError, AttributeError):
        return inlined(getattr(plain, name))


copy_bytes = cast("Copy", _best("copy_bytes"))
"""``target[at : at + size] = source[start : start + size]`` by the machine's own copy.

A loop or a slice takes several times as long for pieces of a few dozen bytes.
"""

copy_steps = cast("Copy", _best("copy_steps"))
"""As :data:`copy_bytes`, faster for short pieces, but in steps of :data:`COPY_STEP` bytes.

It reads and writes up to a step too many, for which both arrays must have room.
"""

load_word = cast("Callable[[NDArray[np.uint8], int], np.uint64]", _best("load_word"))
"""The eight bytes from a place on as one number."""

trailing_zeros = cast("Callable[[np.uint64], int]", _best("trailing_zeros"))
"""How many zero bits a number other than zero ends in."""

path_step = cast(
    "Callable[[_Floats, int, int, float, float, float, _Floats, tuple[int, int, int, int]], None]",
    _best("path_step"),
)
"""One step of a search for the best path, for sixteen states in one register, in single precision.

``path_step(sums, row, before, high, change, base, terms, places)``: ``sums[row + i]`` becomes ``base``, plus
``terms[place + i]`` of each of four places, plus the higher of ``sums[before + i] - high`` and ``change``.
"""

highest = cast("Callable[[_Floats, int, int], np.float32]", _best("highest"))
"""The highest of ``sums[start:stop]``, which are sixteen or a multiple.

Not a part of :data:`path_step`: what is read and written at one place again and again is waited for.
"""
