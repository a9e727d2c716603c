"""What time it is, and waiting: one object, so that days of waiting can be run through in a test."""

from __future__ import annotations

import threading
import time
from typing import Final


class Clock:
    """The clock of this machine."""

    def time(self) -> float:
        """Give seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds that never go backwards."""
        return time.monotonic()

    def event(self) -> threading.Event:
        """Make an event whose ``wait`` goes by this clock."""
        return threading.Event()


CLOCK: Final = Clock()
