"""Let items flow through the members of a crew: bounded, in order if wanted, one thread a member.

One thread draws items as there is room, so that a slow source delays no result; the thread of each member
has it do them; the caller's own takes what is done.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

from etl.runtime.work.job import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from etl.runtime.work.job import Job
    from etl.runtime.work.outcome import Outcome

_SECONDS_TO_LEAVE: Final = 1.0  # a source may hang in a system call, and a process may be starting


class Member(Protocol):
    """One who does items, one at a time; a thread, a process, a slot of a cluster."""

    def do(self, job: Job, item: Any, is_over: threading.Event) -> list[Outcome[Any, Any]]:
        """Do an item, giving one outcome for it or for each of its pieces."""

    def close(self) -> None:
        """Free what it holds."""


class Flow:
    """One job on its way through the members.

    Parameters
    ----------
    job, items
        What to do with what. Items are drawn on a thread of this flow, one at a time.
    members
        Who does it.
    in_flight
        How many items may be drawn and not yet given out.
    """

    def __init__(self, job: Job, items: Iterable[Any], members: Sequence[Member], in_flight: int) -> None:
        self._job = job
        self._items = items
        self._members = members
        self._room = threading.Semaphore(in_flight)
        self._is_over = threading.Event()
        self._drawn: SimpleQueue[tuple[int, Any] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, list[Outcome[Any, Any]]] | BaseException | None] = SimpleQueue()
        self._count: int | None = None
        self._error: BaseException | None = None

    def outcomes(
        self,
        *,
        is_ordered: bool,
        stop: threading.Event | None,
        look_seconds: float,
        is_killable: bool,
        idle: Callable[[], None] | None = None,
    ) -> Generator[Outcome[Any, Any]]:
        """Give the outcomes.

        Parameters
        ----------
        is_ordered
            In the order of the items; otherwise as they are ready.
        stop
            Ends it early, once what is ready has been given.
        look_seconds
            How often to look at ``stop``.
        is_killable
            Whether the members give up on an item; if not, the end waits for those at work.
        idle
            Called whenever nothing has come for ``look_seconds``.

        Raises
        ------
        BaseException
            What ``items`` raised, after the outcomes of the items before it; what a member raised.
        """
        drawer = threading.Thread(target=self._draw, name="etl-draw", daemon=True)
        workers = [
            threading.Thread(target=self._work, args=(member,), name="etl-work", daemon=True)
            for member in self._members
        ]
        for thread in (drawer, *workers):
            thread.start()
        try:
            yield from self._given(is_ordered=is_ordered, stop=stop, look_seconds=look_seconds, idle=idle)
            if self._error is not None:
                raise self._error
        finally:
            self._is_over.set()
            self._room.release()
            for _ in workers:
                self._drawn.put(None)
            due = time.monotonic() + _SECONDS_TO_LEAVE
            for thread in workers:
                thread.join(max(0.0, due - time.monotonic()) if is_killable else None)
            drawer.join(max(0.0, due - time.monotonic()))

    def _given(
        self,
        *,
        is_ordered: bool,
        stop: threading.Event | None,
        look_seconds: float,
        idle: Callable[[], None] | None,
    ) -> Generator[Outcome[Any, Any]]:
        ready: dict[int, list[Outcome[Any, Any]]] = {}
        given = 0
        while self._count is None or given < self._count:
            is_stopping = stop is not None and stop.is_set()
            if is_stopping:
                self._is_over.set()
            try:
                done = self._done.get(timeout=0 if is_stopping else look_seconds)
            except Empty:
                if is_stopping:
                    return
                if idle is not None:
                    idle()
                continue
            if isinstance(done, BaseException):
                raise done
            if done is not None:
                ready[done[0]] = done[1]
            while (number := given if is_ordered else next(iter(ready), -1)) in ready:
                yield from ready.pop(number)
                given += 1
                self._room.release()

    def _draw(self) -> None:
        count = 0
        try:
            source = iter(self._items)
            while self._room.acquire() and not self._is_over.is_set():
                try:
                    item = next(source)
                except StopIteration:
                    break
                self._drawn.put((count, item))
                count += 1
            if hasattr(source, "close"):
                source.close()
        except BaseException as error:  # noqa: BLE001 - raised where the outcomes are taken
            self._error = error
        self._count = count
        self._done.put(None)

    def _work(self, member: Member) -> None:
        try:
            while (drawn := self._drawn.get()) is not None and not self._is_over.is_set():
                number, item = drawn
                self._done.put((number, member.do(self._job, item, self._is_over)))
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised where the outcomes are taken
            self._done.put(error)
