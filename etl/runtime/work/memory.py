"""Memory: keep what is freed, and give it back to the system."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_library: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_trim: Final[Callable[[int], int] | None] = getattr(_library, "malloc_trim", None)
_set: Final[Callable[[int, int], int] | None] = getattr(_library, "mallopt", None)

# Of malloc.h of glibc, which takes a block from the system by itself from 32 MB on, whatever it is told.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK: Final = 32 << 20
_MOST_KEPT: Final = 1 << 30


def keep_freed_memory() -> None:
    """Have what is freed used again, here and in processes forked from this one, until it is given back.

    The system clears each page that it gives, which takes longer than much of what is done in it.
    """
    if _set is not None:
        _set(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        _set(_TRIM_THRESHOLD, _MOST_KEPT)


def give_back_memory() -> None:
    """Give freed memory back to the system; glibc keeps what lies between blocks in use, more and more."""
    if _trim is not None:
        _trim(0)
