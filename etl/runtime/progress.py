"""Progress on standard error: rate, share done and time left, on a terminal or in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, Self, TextIO

from etl.runtime.meter import Meter

if TYPE_CHECKING:
    from types import TracebackType

_QUIET_SECONDS: Final = 2.0
_TERMINAL_INTERVAL: Final = 0.2
_LOG_INTERVAL: Final = 10.0


class Progress:
    """A line that says how far a run is; silent for the first two seconds.

    Parameters
    ----------
    what
        What is counted, in the plural: ``songs``.
    total
        Units of work in all (bytes, say), or 0 if unknown.
    stream
        Where to write; a terminal gets one line that is rewritten, anything else a line every ten seconds.

    Examples
    --------
    >>> with Progress("songs", total=100) as progress:
    ...     progress.advance(items=10, work=100)
    """

    def __init__(self, what: str, *, total: int = 0, stream: TextIO | None = None) -> None:
        self._what = what
        self.total = total
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._meter = Meter()
        self._items = 0
        self._work = 0
        self._due = time.monotonic() + _QUIET_SECONDS
        self._drawn = False
        self.note = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn and self._is_terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def advance(self, *, items: int = 1, work: int = 0) -> None:
        """Count ``items`` done and ``work`` units of the total (bytes, say) behind them."""
        self._items += items
        self._work += work
        now = time.monotonic()
        if now >= self._due:
            self._due = now + (_TERMINAL_INTERVAL if self._is_terminal else _LOG_INTERVAL)
            self._draw()

    def line(self) -> str:
        """Say how far the run is."""
        elapsed = max(self._meter.elapsed, 1e-9)
        rate = self._items / elapsed
        parts = [
            f"{self._items:,} {self._what}",
            f"{rate:,.{0 if rate >= 10 else 1}f} {self._what}/s",
            f"CPU {self._meter.cpu_use:.0%}",
        ]
        if self.total and self._work:
            share = min(self._work / self.total, 1.0)
            parts[1:1] = [f"{share:.0%}"]
            parts.append(f"ETA {duration(elapsed * (1 - share) / share)}")
        if self.note:
            parts.append(self.note)
        return "  ".join(parts)

    def _draw(self) -> None:
        self._drawn = True
        self._stream.write(f"\r\x1b[K{self.line()}" if self._is_terminal else f"{self.line()}\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """Write seconds for people.

    Examples
    --------
    >>> duration(3.2), duration(75), duration(7384)
    ('3 s', '1 min 15 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
