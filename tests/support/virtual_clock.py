"""A clock on which waiting takes no time: a test runs through days of it, server and limits alike."""

from __future__ import annotations

import threading
import time

from etl.runtime.clock import Clock

MIDNIGHT = 1_767_225_600.0
"""2026-01-01, 00:00 UTC."""


class VirtualClock(Clock):
    """Time that passes by waiting, and besides as it does anywhere.

    Parameters
    ----------
    start
        Seconds since the epoch.
    """

    def __init__(self, start: float = MIDNIGHT) -> None:
        self._skipped = 0.0
        self._start = start
        self._began = time.monotonic()

    def time(self) -> float:
        """Give the time."""
        return self._start + self.monotonic()

    def monotonic(self) -> float:
        """Give the seconds since the start."""
        return time.monotonic() - self._began + self._skipped

    def skip(self, seconds: float) -> None:
        """Let time pass."""
        self._skipped += max(0.0, seconds)

    def event(self) -> threading.Event:
        """Make an event whose wait is over at once."""
        return _Event(self)


class _Event(threading.Event):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            return super().wait()
        self._clock.skip(timeout)
        return self.is_set()
