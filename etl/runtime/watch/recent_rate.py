"""How fast a count grows, judged by its recent growth and not misled by results that come in bursts."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

WINDOW_SECONDS: Final = 30.0
"""Older growth is forgotten, as long as the last few steps remain to judge by."""

_LEAST_STEPS: Final = 5
_SPACING_SECONDS: Final = 0.2


class RecentRate:
    """Growth of a count per second.

    The first step tells nothing, as no one knows when its work began (a first result may have waited minutes
    for compilation); it is the origin that later steps are measured from. A pause no longer than the longest
    one before it is taken for the usual wait between two bursts, a longer one lowers the rate.

    Examples
    --------
    >>> rate = RecentRate()
    >>> for now, count in [(100, 0), (200, 512), (205, 1024), (210, 1536)]:
    ...     rate.observe(now, count)
    >>> rate.per_second(214), rate.per_second(225)
    (102.4, 51.2)
    """

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int]] = deque()

    def observe(self, now: float, count: int) -> None:
        """Note what the count is at the time ``now``, in seconds."""
        if self._steps:
            last, before = self._steps[-1]
            if count == before or now - last < _SPACING_SECONDS:
                return
            if count < before:
                self._steps.clear()  # it was put right: begin anew
        elif not count:
            return
        self._steps.append((now, count))
        while len(self._steps) > _LEAST_STEPS and self._steps[1][0] <= now - WINDOW_SECONDS:
            self._steps.popleft()

    def per_second(self, now: float) -> float | None:
        """Give the growth per second (above 0), None as long as it is unknown."""
        if len(self._steps) < 2:
            return None
        longest_pause = max(after[0] - before[0] for before, after in pairwise(self._steps))
        first, last = self._steps[0], self._steps[-1]
        seconds = max(last[0] - first[0], now - first[0] - longest_pause)
        return (last[1] - first[1]) / seconds
