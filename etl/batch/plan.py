"""How items are shared out among requests, how many go together, and how long that takes under the limits.

References
----------
.. [1] OpenRouter, "Limits", 2026: free models take 20 requests a minute, and 50 a UTC day, or 1,000 once ten
   credits were bought.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

T = TypeVar("T")

DAY: Final = 86_400.0
LARGEST_CALL: Final = 50
"""Items that a request holds at most where the size is chosen here: longer lists lose and invent items."""


class Strategy(StrEnum):
    """How a job is gone about; one engine, whose settings these are."""

    SEQUENTIAL = "sequential"
    BATCHED = "batched"
    CHECKPOINTS = "checkpoints"
    STAGED = "staged"


@dataclass(frozen=True)
class Approach:
    """What a strategy means.

    Attributes
    ----------
    by_category
        Whether items of a category go together; else they go in their order.
    checkpoint
        Items after which results are merged into the store and a line is said; 0 for none.
    parallel
        Whether local work may take all processors.
    wave
        Items that go through all tasks before others begin, the most urgent first; 0 for a task after
        another over all items.
    """

    by_category: bool
    checkpoint: int
    parallel: bool
    wave: int = 0


APPROACHES: Final = {
    Strategy.SEQUENTIAL: Approach(by_category=False, checkpoint=0, parallel=False),
    Strategy.BATCHED: Approach(by_category=True, checkpoint=0, parallel=False),
    Strategy.CHECKPOINTS: Approach(by_category=True, checkpoint=50, parallel=True),
    Strategy.STAGED: Approach(by_category=True, checkpoint=500, parallel=True, wave=500),
}
_LARGEST: Final = ((Strategy.SEQUENTIAL, 100), (Strategy.BATCHED, 500), (Strategy.CHECKPOINTS, 5000))


def strategy_for(items: int) -> Strategy:
    """Choose by the number of items.

    Examples
    --------
    >>> [strategy_for(items).value for items in (100, 101, 5000, 5001)]
    ['sequential', 'batched', 'checkpoints', 'staged']
    """
    return next((strategy for strategy, most in _LARGEST if items <= most), Strategy.STAGED)


def shared_out(items: Sequence[T], most: int, group: Callable[[T], Hashable] | None = None) -> list[list[T]]:
    """Share items out among as few requests as can be, of sizes that differ by one at most.

    Parameters
    ----------
    items
        In their order.
    most
        Items that a request may hold.
    group
        What items should have in common that go together.

    Examples
    --------
    >>> shared_out(list("abcdefg"), 3)
    [['a', 'b', 'c'], ['d', 'e'], ['f', 'g']]
    >>> shared_out(["kick 1", "pad", "kick 2", "pad 2"], 2, lambda name: name[:3])
    [['kick 1', 'kick 2'], ['pad', 'pad 2']]
    """
    if not items:
        return []
    ordered = list(items)
    if group is not None:
        places: dict[Hashable, int] = {}
        for item in ordered:
            places.setdefault(group(item), len(places))
        ordered.sort(key=lambda item: places[group(item)])
    calls = -(-len(ordered) // most)
    size, larger = divmod(len(ordered), calls)
    parts, start = [], 0
    for number in range(calls):
        end = start + size + (number < larger)
        parts.append(ordered[start:end])
        start = end
    return parts


@dataclass(frozen=True)
class Pace:
    """Limits as far as a plan needs them.

    Attributes
    ----------
    interval_s
        Seconds between two requests; 0 for no limit.
    per_day
        Requests of a UTC day, None for no limit.
    sent_today
        Requests since midnight UTC.
    now
        Seconds since the epoch.
    """

    interval_s: float = 0.0
    per_day: int | None = None
    sent_today: int = 0
    now: float = 0.0

    def left_today(self) -> int | None:
        """Give the requests that may still be sent today."""
        return None if self.per_day is None else max(0, self.per_day - self.sent_today)

    def days(self, calls: int) -> int:
        """Count the UTC days, today among them, on which so many requests are sent.

        Examples
        --------
        >>> Pace(12.0, 50).days(118), Pace(12.0, 50, sent_today=50).days(50), Pace(12.0).days(9)
        (3, 2, 1)
        """
        if not calls:
            return 0
        if self.per_day is None:
            return math.ceil((self.now % DAY + self.seconds(calls)) / DAY) or 1
        left = self.left_today() or 0
        return 1 if calls <= left else 1 + math.ceil((calls - left) / self.per_day)

    def seconds(self, calls: int) -> float:
        """Give the seconds until the last of so many requests is sent."""
        if not calls:
            return 0.0
        left = self.left_today()
        if left is None or self.per_day is None or calls <= left:
            return (calls - 1) * self.interval_s
        full, rest = divmod(calls - left - 1, self.per_day)
        return (DAY - self.now % DAY) + full * DAY + rest * self.interval_s


def fewest_together(items: int, days: int, pace: Pace, *, usual: int) -> int:
    """Choose how many items go together: as few as end within so many UTC days.

    Parameters
    ----------
    items
        Items to ask about.
    days
        UTC days, today among them.
    pace
        The limits.
    usual
        What is right where a day has no limit, or leaves room.

    Examples
    --------
    >>> fewest_together(604, 1, Pace(12.0, 50), usual=5), fewest_together(604, 3, Pace(12.0, 50), usual=5)
    (13, 5)
    """
    if pace.per_day is None or not items:
        return usual
    budget = (pace.left_today() or 0) + (days - 1) * pace.per_day
    needed = math.ceil(items / budget) if budget else LARGEST_CALL
    return min(max(needed, 1), max(LARGEST_CALL, usual))
