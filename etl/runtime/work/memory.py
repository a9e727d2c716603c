"""Memory: give it back to the system, and spare the search for garbage."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_trim: Final[Callable[[int], int] | None] = getattr(
    ctypes.CDLL(None) if sys.platform == "linux" else None, "malloc_trim", None
)


def give_back_memory() -> None:
    """Give freed memory back to the system; glibc keeps what lies between blocks in use, more and more."""
    if _trim is not None:
        _trim(0)


@contextmanager
def without_cycle_collection() -> Iterator[None]:
    """Pause the search for cyclic garbage: it stops all threads, and work on arrays leaves next to none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
