"""An adaptive delay between requests: it doubles on trouble and shrinks on success."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class AdaptiveDelay:
    """Multiplicative increase, multiplicative decrease of the time between two requests.

    Attributes
    ----------
    first
        Seconds of delay after the first trouble.
    longest
        Seconds that the delay never exceeds.
    recovery
        Factor on every success, 0 to 1.
    seconds
        The delay at present.
    """

    first: float = 0.1
    longest: float = 10.0
    recovery: float = 0.8
    seconds: float = 0.0

    def slow_down(self) -> None:
        """Double the delay."""
        self.seconds = min(max(self.seconds * 2, self.first), self.longest)

    def speed_up(self) -> None:
        """Shrink the delay; a hundredth of the first step counts as none."""
        shorter = self.seconds * self.recovery
        self.seconds = 0.0 if shorter < self.first / 100 else shorter
