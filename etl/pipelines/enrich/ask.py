"""Ask a service from several threads, and let no thread go on before what it learned is stored.

A worker hands its answers to the main thread and waits until they are committed. So a process that is killed
loses at most the one request that each connection has under way; answers that arrive together share a commit.
"""

from __future__ import annotations

import heapq
import queue
import sys
import threading
import time
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError
from etl.services.contract import failed
from etl.services.errors import BatchesRefusedError, ParkedError, ServerError, ServiceError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from etl.pipelines.enrich.filing import Filing, Key
    from etl.services.contract import Answer, Kind, Service

GRACE: Final = 1.0
"""Seconds that requests under way are given to be answered when the run is stopped."""

_PATIENCE: Final = 0.5  # seconds between two looks at whether the run is over


class _Plan:
    """The ids still to be asked about, dealt out in order; what is given back comes first again."""

    def __init__(self, parts: Iterable[tuple[Kind, Sequence[str]]]) -> None:
        self._heap: list[tuple[int, int, Kind, Iterator[str], int]] = []
        self._order = count()  # decides between equal positions, for kinds and iterators cannot
        self._lock = threading.Lock()
        self._end = 0
        for kind, ids in parts:
            self._push(self._end, kind, iter(ids))
            self._end += len(ids)

    def next(self, portion: int) -> tuple[int, Kind, list[str]] | None:
        with self._lock:
            while self._heap:
                position, _, kind, rest, most = heapq.heappop(self._heap)
                ids = list(islice(rest, min(portion, most)))
                if ids:
                    self._push(position + len(ids), kind, rest, most)
                    return position, kind, ids
            return None

    def give_back(self, position: int, kind: Kind, ids: list[str], *, most: int = sys.maxsize) -> None:
        with self._lock:
            self._push(position, kind, iter(ids), most)

    def append(self, kind: Kind, item: str) -> None:
        with self._lock:
            self._push(self._end, kind, iter([item]))
            self._end += 1

    def _push(self, position: int, kind: Kind, ids: Iterator[str], most: int = sys.maxsize) -> None:
        heapq.heappush(self._heap, (position, next(self._order), kind, ids, most))


def look_up_all(
    service: Service,
    parts: Iterable[tuple[Kind, Sequence[str]]],
    store: Callable[[list[Answer]], Iterable[tuple[Kind, str]]],
    *,
    stop: threading.Event,
    tick: Callable[[], None],
    connections: int | None = None,
) -> ServiceError | None:
    """Look ids up and store the answers.

    Parameters
    ----------
    service
        Connected to its gate; its ``look_up`` is called from several threads.
    parts
        Ids by kind, the most wanted first.
    store
        Called in this thread with the answers that have come in; durable when it returns. Gives ids that are
        to be asked about once more, after all others.
    stop
        Ends the run when set; answers under way are waited for briefly.
    tick
        Called in this thread several times a second.
    connections
        Requests at a time at most; None for as many as the rates can use.

    Returns
    -------
    ServiceError or None
        What ended the run early (parked, budget spent, stopped, app refused); None at the end of the
        ids.
    """
    inbox: queue.SimpleQueue[_Delivery | None] = queue.SimpleQueue()
    plan = _Plan(parts)
    askers = _Askers(service, plan, inbox)
    working, last_call = min(service.connections, connections or service.connections), None
    for number in range(working):
        # Daemons: a request that hangs must not keep a stopped process alive.
        threading.Thread(target=askers.work, name=f"lookup-{number}", daemon=True).start()
    try:
        while working and (last_call is None or time.monotonic() < last_call):
            deliveries, ended = _collect(inbox)
            working -= ended
            if deliveries:
                for again in store([answer for delivery in deliveries for answer in delivery.answers]):
                    plan.append(*again)
                for delivery in deliveries:
                    delivery.stored.set()
            tick()
            if last_call is None and (stop.is_set() or askers.has_ended):
                last_call = time.monotonic() + GRACE
    finally:
        askers.over = True
    if askers.failed_with is not None:
        raise askers.failed_with
    return askers.ended_by or (StoppedError("The run is ending.") if stop.is_set() else None)


def look_up_proven(
    service: Service,
    parts: Iterable[tuple[Kind, Sequence[str]]],
    store: Callable[[list[Answer]], Iterable[Key]],
    *,
    filing: Filing,
    control: Key | None,
    stop: threading.Event,
    tick: Callable[[], None],
    connections: int | None = None,
) -> ServiceError | None:
    """Look ids up as :func:`look_up_all`, and where nothing came through find out who is to blame.

    Parameters
    ----------
    service, parts, store, stop, tick, connections
        As there.
    filing
        Decides about the answers.
    control
        An id that was found before, None if there is none. If it is not found either, the service is parked
        and no id is blamed.

    Returns
    -------
    ServiceError or None
        What ended the run early.
    """
    ended = look_up_all(service, parts, store, stop=stop, tick=tick, connections=connections)
    if ended is not None or not filing.is_unproven(service.gate.traffic.successes):
        return ended
    if control is not None:
        ended = look_up_all(service, [(control[0], [control[1]])], store, stop=stop, tick=tick)
        if ended is not None or service.gate.traffic.successes:
            return ended
    try:
        service.gate.breaker.open("nothing came through", ServerError.category)
        service.gate.breaker.raise_if_open()
    except ParkedError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class _Delivery:
    answers: list[Answer]
    stored: threading.Event


class _Askers:
    """What the threads share.

    Attributes
    ----------
    ended_by
        The first failure that leaves nothing to ask now.
    failed_with
        The first failure that nobody expected.
    over
        Set when nobody stores answers any more.
    """

    def __init__(self, service: Service, plan: _Plan, inbox: queue.SimpleQueue[_Delivery | None]) -> None:
        self._service = service
        self._plan = plan
        self._inbox = inbox
        self._scouting = threading.Lock()
        self._scouted = service.portion_is_known
        self.ended_by: ServiceError | None = None
        self.failed_with: BaseException | None = None
        self.over = False

    @property
    def has_ended(self) -> bool:
        return self.ended_by is not None or self.failed_with is not None

    def work(self) -> None:
        try:
            # One thread finds out about batches before the others take ids, so that these are asked about in
            # order.
            with self._scouting:
                if not self._scouted:
                    self._do_next()
                    self._scouted = True
            while self._do_next():
                pass
        except StoppedError:
            pass
        except ServiceError as error:
            self.ended_by = self.ended_by or error
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.failed_with = self.failed_with or error
        finally:
            self._inbox.put(None)

    def _do_next(self) -> bool:
        if self.over or self.has_ended or (job := self._plan.next(self._service.portion)) is None:
            return False
        position, kind, ids = job
        answered: set[str] = set()
        try:
            for answers in self._service.look_up(kind, ids):
                answered.update(answer.id for answer in answers)
                self._deliver(answers)
        except BatchesRefusedError:
            self._plan.give_back(position, kind, [item for item in ids if item not in answered])
        except (ServiceError, EtlError):  # the service's trouble, or this machine's; no id's
            raise
        except Exception as error:  # noqa: BLE001 - an odd answer about one id must not end each run at it
            rest = [item for item in ids if item not in answered]
            if len(rest) > 1:
                self._plan.give_back(position, kind, rest, most=1)
            else:
                self._service.gate.breaker.failed(f"unexpected {type(error).__name__}")
                self._deliver([failed(kind, item, "unexpected", type(error).__name__) for item in rest])
        return True

    def _deliver(self, answers: list[Answer]) -> None:
        """Hand answers over, and wait until they are stored."""
        delivery = _Delivery(answers, threading.Event())
        self._inbox.put(delivery)
        while not delivery.stored.wait(_PATIENCE):
            if self.over:
                raise StoppedError("The run is over.")


def _collect(inbox: queue.SimpleQueue[_Delivery | None]) -> tuple[list[_Delivery], int]:
    """Wait briefly for what the threads send, then take all there is; say how many threads have ended."""
    deliveries, ended = [], 0
    try:
        item = inbox.get(timeout=0.1)
        while True:
            if item is None:
                ended += 1
            else:
                deliveries.append(item)
            item = inbox.get_nowait()
    except queue.Empty:
        return deliveries, ended
