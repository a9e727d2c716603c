"""Spare the search for cyclic garbage."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_OBJECTS: Final = 50_000


def collect_rarely() -> None:
    """Have this process, and those forked from it, search for cyclic garbage after far more new objects.

    Python searches after 700, time and again through all that modules hold, whose imports leave no garbage.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


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
