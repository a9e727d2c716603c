"""How each stage of a MIDI run gets on: what it did, how fast, what waits for it, what it refused."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from etl.pipelines.midi.request import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from etl.runtime.live import LiveView

FIND: Final = "find"
STORE: Final = "store"
_WINDOW_SECONDS: Final = 10.0
_INTERVAL: Final = 0.5


@dataclass
class _Row:
    """One stage: files done and refused, files that wait for it, seconds at work, and past counts."""

    done: int = 0
    errors: int = 0
    queue: int = 0
    seconds: float = 0.0
    past: deque[tuple[float, int]] = field(default_factory=deque)

    def rate(self, now: float, started: float) -> float:
        """Files a second over the last ten seconds."""
        self.past.append((now, self.done))
        while len(self.past) > 1 and self.past[0][0] < now - _WINDOW_SECONDS:
            self.past.popleft()
        since, before = self.past[0] if self.past[0][0] < now else (started, 0)
        return (self.done - before) / max(now - since, 1e-9)


class Board:
    """The stages of a run, for people and for `etl status`.

    Parameters
    ----------
    stages
        Stages asked for.
    view
        Where they are shown.
    """

    def __init__(self, stages: frozenset[Stage], view: LiveView) -> None:
        self._view = view
        self._rows = {name: _Row() for name in (FIND, *(s.value for s in Stage if s in stages), STORE)}
        self._started = time.monotonic()
        self._due = self._started + _INTERVAL

    def count(self, stage: str, done: int, *, seconds: float = 0.0) -> None:
        """Count files that a stage has done, and the seconds it took."""
        row = self._rows[stage]
        row.done += done
        row.seconds += seconds

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time of the block towards a stage."""
        start = time.perf_counter()
        yield
        self._rows[stage].seconds += time.perf_counter() - start

    def hand_out(self, files: int) -> None:
        """Note files that go to the workers; they wait for the first stage there."""
        self._rows[Stage.IMPORT].queue += files

    def take_back(self, files: int, seconds: Mapping[str, float]) -> None:
        """Note files that the workers have done; they wait for the store."""
        self._rows[Stage.IMPORT].queue -= files
        for stage, spent in seconds.items():
            self.count(stage, files, seconds=spent)
        self._rows[STORE].queue += files

    def stored(self, files: int) -> None:
        """Note files whose results are committed."""
        self._rows[STORE].queue -= files
        self._rows[STORE].done += files

    def refuse(self, stage: str, count: int) -> None:
        """Count files that a stage has refused."""
        self._rows[stage].errors += count

    def show(self) -> None:
        """Show the stages, if that is due."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _INTERVAL
        rates = {name: row.rate(now, self._started) for name, row in self._rows.items()}
        state: dict[str, Any] = {
            name: {
                "files": row.done,
                "files_per_second": round(rates[name], 1),
                "queue": row.queue,
                "errors": row.errors,
                "busy_seconds": round(row.seconds, 1),
            }
            for name, row in self._rows.items()
        }
        self._view.show(
            {"stage": "running", "stages": state},
            {
                name: f"{row.done:,} files  {rates[name]:,.0f}/s  queue {row.queue:,}  errors {row.errors:,}"
                f"  busy {row.seconds:,.1f} s"
                for name, row in self._rows.items()
            },
        )

    def seconds(self) -> dict[str, float]:
        """Seconds at work by stage, those of all processes added up."""
        return {name: row.seconds for name, row in self._rows.items() if row.seconds}
