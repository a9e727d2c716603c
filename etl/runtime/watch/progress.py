"""The state of a long run, counted from any thread and shown by one timer.

    with Watch("etl midi run", [Stage("find", "files"), Stage("import", "files")], renderers) as watch:
        watch.total("import", 20_000)
        watch.advance("import", done=512, errors=2, seconds=1.3)

Nothing is drawn where work is counted: a thread of the watch looks four times a second, so that a run that is
long in one item still shows its clock and what it waits for.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self

from etl.runtime.watch.process_usage import peak_bytes
from etl.runtime.watch.recent_rate import RecentRate
from etl.runtime.watch.snapshot import Snapshot, StageProgress
from etl.runtime.watch.stage_times import StageTimes
from etl.runtime.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from etl.runtime.watch.snapshot import Figure

_INTERVAL: Final = 0.25
_LATEST: Final = 253_402_214_400.0  # what a service asks for may be beyond the year 9999, where dates end
_CPU_INTERVAL: Final = 1.0  # to ask many children takes milliseconds


@dataclass(frozen=True)
class Stage:
    """A stage of a run: its name, and what it counts, in the plural."""

    name: str
    unit: str


class Renderer(Protocol):
    """Shows a run in one place. Errors of the system (a full disk, a terminal that is gone) end nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the run if that is due; called four times a second."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def close(self, snapshot: Snapshot, /) -> None:
        """Clean up; the run is over."""


@dataclass(slots=True)
class _Counts:
    unit: str
    done: int = 0
    errors: int = 0
    waiting: int = 0
    work: int = 0
    total: int | None = None
    total_work: int | None = None
    has_begun: bool = False
    done_rate: RecentRate = field(default_factory=RecentRate)
    work_rate: RecentRate = field(default_factory=RecentRate)


class Watch(StageTimes):
    """What the stages of a run have done, and what it waits for; any thread may count.

    Texts may hold anything, file names for instance: control characters and line breaks are escaped.

    Parameters
    ----------
    title
        What runs, as it is typed: ``etl midi run``.
    stages
        Its stages, in the order in which they are shown.
    renderers
        Where it is shown; nowhere if there are none.
    clock
        Seconds that never go backwards.

    Examples
    --------
    >>> with Watch("etl midi run", [Stage("import", "files")]) as watch:
    ...     watch.total("import", 2000)
    ...     watch.advance("import", done=500, errors=2)
    >>> watch.snapshot().stages[0].share
    0.25
    """

    def __init__(
        self,
        title: str,
        stages: Sequence[Stage],
        renderers: Sequence[Renderer] = (),
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(clock=clock)
        self._title = one_line(title)
        self._stages = {stage.name: _Counts(stage.unit) for stage in stages}
        self._renderers = renderers
        self._began = time.time()
        self._figures: dict[str, Figure] = {}
        self._note = ""
        self._waits_for: str | None = None
        self._waits_until: float | None = None
        self._cpu_share, self._cpu_due = 0.0, 0.0
        self._is_over = threading.Event()
        self._showing = threading.Lock()  # one thread at a time writes to a screen
        self._timer = threading.Thread(target=self._show_until_over, name="etl-watch", daemon=True)

    def __enter__(self) -> Self:
        if self._renderers:
            self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        try:
            if self._renderers:
                self._timer.join()
        finally:
            with self._showing:
                snapshot = self.snapshot()
                for renderer in self._renderers:
                    with suppress(OSError, ValueError):
                        renderer.close(snapshot)

    def advance(
        self,
        stage: str,
        *,
        done: int = 0,
        errors: int = 0,
        waiting: int = 0,
        work: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Add to what a stage has done.

        Parameters
        ----------
        stage
            Name of the stage.
        done
            Items that it has finished, those that failed among them.
        errors
            Items that failed.
        waiting
            Items that wait for it from now on; negative for those that wait no longer.
        work
            Units of work (bytes, say) behind the items, where the share is to be measured by these.
        seconds
            Seconds that it worked.

        Raises
        ------
        KeyError
            If there is no such stage.
        """
        with self._lock:
            counts = self._stages[stage]
            counts.done += done
            counts.errors += errors
            counts.waiting += waiting
            counts.work += work
            counts.has_begun = True
            if seconds:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def total(self, stage: str, items: int | None = None, *, work: int | None = None) -> None:
        """Say how much a stage has to do: items, units of work, or both; None is unknown.

        Where the work is known, the share done and the time left are measured by it.
        """
        with self._lock:
            self._stages[stage].total, self._stages[stage].total_work = items, work

    def figures(self, **numbers: Figure) -> None:
        """Show further numbers, such as ``requests_left=120``; None hides one."""
        with self._lock:
            self._figures |= {
                name: one_line(value) if isinstance(value, str) else value for name, value in numbers.items()
            }

    def note(self, text: str) -> None:
        """Show a remark until the next one; an empty text ends it."""
        self._note = one_line(text)

    def waiting_for(self, what: str | None, *, until: float | None = None) -> None:
        """Show what the run waits for, None if it does no more.

        Parameters
        ----------
        what
            ``compiling 12 of 57 functions``, or ``Spotify``.
        until
            When that will end, in seconds since the epoch, if it is known.
        """
        with self._lock:
            self._waits_for = None if what is None else one_line(what)
            self._waits_until = None if until is None else min(until, _LATEST)

    def say(self, *lines: str) -> None:
        """Show lines that stay."""
        with self._showing:
            for renderer in self._renderers:
                for line in lines:
                    with suppress(OSError, ValueError):
                        renderer.say(one_line(line))

    def snapshot(self) -> Snapshot:
        """Give the state of this moment."""
        elapsed = self.elapsed
        if elapsed >= self._cpu_due:
            self._cpu_due = elapsed + _CPU_INTERVAL
            self._cpu_share = self.cpu_use
        with self._lock:
            return Snapshot(
                title=self._title,
                started=self._began,
                time=time.time(),
                elapsed_s=elapsed,
                stages=tuple(self._stage(name, counts, elapsed) for name, counts in self._stages.items()),
                figures=dict(self._figures),
                note=self._note,
                waits_for=self._waits_for,
                waits_until=self._waits_until,
                cpu_share=self._cpu_share,
                peak_bytes=peak_bytes(),
            )

    def refresh(self) -> None:
        """Have the state shown wherever that is due."""
        with self._showing:
            snapshot = self.snapshot()
            for renderer in self._renderers:
                with suppress(OSError, ValueError):
                    renderer.show(snapshot)

    def _show_until_over(self) -> None:
        while True:
            self.refresh()
            if self._is_over.wait(_INTERVAL):
                return

    def _stage(self, name: str, counts: _Counts, now: float) -> StageProgress:
        counts.done_rate.observe(now, counts.done)
        rate = counts.done_rate.per_second(now)
        measured, total, measured_rate = counts.done, counts.total, rate
        if counts.total_work is not None:
            counts.work_rate.observe(now, counts.work)
            measured, total, measured_rate = counts.work, counts.total_work, counts.work_rate.per_second(now)
        share = eta = None
        if total is not None:
            share = min(max(measured / total, 0.0), 1.0) if total > 0 else 1.0
            if share == 1:
                eta = 0.0
            elif measured_rate is not None:
                eta = (total - measured) / measured_rate
        return StageProgress(
            name=one_line(name),
            unit=one_line(counts.unit),
            done=counts.done,
            total=counts.total,
            errors=counts.errors,
            waiting=counts.waiting,
            share=share,
            rate=rate,
            eta_s=eta,
            seconds=self.seconds.get(name, 0.0),
            has_begun=counts.has_begun or name in self.seconds,
        )
