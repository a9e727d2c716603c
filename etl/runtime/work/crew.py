"""One way to run work: the same job over many items, on this thread, on others, in processes, or on machines.

    with crew(workers=2, kind=CrewKind.PROCESSES, preload=("numpy",)) as members:
        for outcome in members.map("package.module:function", items, in_flight=5, seconds=300.0):
            print(outcome.item, outcome.unwrap())

What a job raises, and what costs a process, is an outcome; unwrapped, it is raised where it is wanted.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from inspect import GEN_SUSPENDED, getgeneratorstate
from typing import TYPE_CHECKING, Any, TypeVar

from etl.runtime.work.flow import Flow, Member
from etl.runtime.work.job import Job, find_function
from etl.runtime.work.outcome import Outcome, attempt

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from etl.runtime.work.cluster.batches import Place
    from etl.runtime.work.cluster.connection import ClusterTeam, Connection
    from etl.runtime.work.launcher import Launcher

Item = TypeVar("Item")


class CrewKind(StrEnum):
    """Who does the work."""

    INLINE = "inline"
    THREADS = "threads"
    PROCESSES = "processes"


@dataclass(frozen=True)
class _Team:
    """Members, and what starts those that are processes, or joins those that are on other machines."""

    members: Sequence[Member] = ()
    launcher: Launcher | None = None
    cluster: ClusterTeam | None = None


class Crew:
    """Members that do the same job over many items.

    Made by `crew`.
    """

    def __init__(
        self, call: Callable[[], _Team], *, stop: threading.Event | None, look_seconds: float
    ) -> None:
        self._call = call
        self._team: _Team | None = None  # until there is work
        self._stop = stop
        self._look_seconds = look_seconds
        self._current: Generator[Outcome[Any, Any]] | None = None

    def start(self) -> None:
        """Begin to start the processes, beside what the caller does; `map` does so too."""
        launcher = self._called().launcher
        if launcher is not None:
            launcher.start()

    def map(
        self,
        job: str,
        items: Iterable[Item],
        *,
        in_flight: int,
        shared: Any = None,
        seconds: float | None = None,
        memory: int | None = None,
        divide: Callable[[Item], Sequence[Item]] | None = None,
        ordered: bool = True,
        idle: Callable[[], None] | None = None,
        place: Place | None = None,
    ) -> Generator[Outcome[Item, Any]]:
        """Do a job with each item.

        Parameters
        ----------
        job
            ``package.module:function``. Called with an item, and ``shared`` if that is not None. In processes
            items, ``shared`` and results must be picklable.
        items
            Drawn only when there is room; with threads and processes on a thread of their own, so that a slow
            source delays no outcome.
        in_flight
            How many items may be drawn and not yet given out. A cluster sees to that itself, and takes items
            that together last about as long as its batches should.
        shared
            What all items have in common; sent to each process once.
        seconds
            Longest time for an item, in processes only.
        memory
            Largest resident memory of a process, in bytes.
        divide
            Cuts an item that cost its process into pieces, which are tried one at a time.
        ordered
            Give outcomes in the order of the items; otherwise as they are ready.
        idle
            Called, where outcomes are taken, whenever none has come for ``look_seconds`` of the crew.
        place
            For a cluster: gives an item as its machines are to know it, and the paths of files that must be
            the same there. It is handed what gives a path there for a path here.

        Yields
        ------
        Outcome
            One for each item, or for each piece of one that was divided. When the crew's ``stop`` is set,
            what is ready is given and processes that are at work are killed.

        Raises
        ------
        EtlError
            If processes do not start or cannot import the job.
        RuntimeError
            If the crew is at work already.
        """
        if self._current is not None and getgeneratorstate(self._current) == GEN_SUSPENDED:
            raise RuntimeError("a crew does one job at a time")
        work = Job(job, shared, seconds, memory, divide)
        cluster = self._called().cluster
        drawn: Iterable[Any] = items
        if cluster is not None:
            drawn, in_flight = cluster.batches(items, place), cluster.in_flight
        self._current = self._outcomes(work, drawn, in_flight=in_flight, is_ordered=ordered, idle=idle)
        return self._current

    def close(self) -> None:
        """End what is at work, and all members."""
        if self._current is not None:
            self._current.close()
        if self._team is None:
            return
        for member in self._team.members:
            member.close()
        if self._team.cluster is not None:
            self._team.cluster.close()

    def _called(self) -> _Team:
        if self._team is None:
            self._team = self._call()
        return self._team

    def _outcomes(
        self,
        job: Job,
        items: Iterable[Any],
        *,
        in_flight: int,
        is_ordered: bool,
        idle: Callable[[], None] | None,
    ) -> Generator[Outcome[Item, Any]]:
        team = self._called()
        if team.members:
            flow = Flow(job, items, team.members, in_flight)
            yield from flow.outcomes(
                is_ordered=is_ordered,
                stop=self._stop,
                look_seconds=self._look_seconds,
                is_killable=team.launcher is not None or team.cluster is not None,
                idle=idle,
            )
            return
        source = iter(items)
        try:
            for item in source:
                if self._stop is not None and self._stop.is_set():
                    return
                yield attempt(job.call, item)
        finally:
            if hasattr(source, "close"):
                source.close()


class _Thread:
    """Does items on the thread that it is called on."""

    def do(self, job: Job, item: Any, _is_over: threading.Event) -> list[Outcome[Any, Any]]:
        return [attempt(job.call, item)]

    def close(self) -> None:
        pass


@contextmanager
def crew(
    *,
    workers: int,
    kind: CrewKind = CrewKind.PROCESSES,
    preload: Sequence[str] = (),
    stop: threading.Event | None = None,
    look_seconds: float = 0.25,
    start_seconds: float = 120.0,
    trim_seconds: float = 5.0,
    cluster: Connection | None = None,
    versions_of: str = "",
    batch_seconds: float = 10.0,
) -> Iterator[Crew]:
    """Call a crew together, and dismiss it.

    Parameters
    ----------
    workers
        Members; none means the calling thread, whatever the kind.
    kind
        Threads, for work that releases the interpreter lock; processes, for everything else and whatever may
        crash; inline, with neither.
    preload
        Modules to import once for all processes, where the system can fork. They must start no threads.
    stop
        Ends all work when it is set.
    look_seconds
        How often to look at ``stop``, at the time and at the memory of processes.
    start_seconds
        Longest time for a process to start and to import a job.
    trim_seconds
        How often a process gives freed memory back to the system.
    cluster
        Whose workers are the members then, each with processes of its own machine, instead of ``workers`` of
        this one.
    versions_of
        ``package.module:function`` that names the versions which results depend on: workers on a cluster must
        have the same.
    batch_seconds
        How long what goes to a worker of a cluster together should take.
    """

    def call() -> _Team:
        if cluster is not None:
            from etl.runtime.work.cluster.connection import ClusterTeam  # noqa: PLC0415 - few have one
            from etl.runtime.work.cluster.messages import HostOrders  # noqa: PLC0415

            orders = HostOrders(
                crew_id=uuid.uuid4().hex,
                preload=tuple(preload),
                look_seconds=look_seconds,
                start_seconds=start_seconds,
                trim_seconds=trim_seconds,
                versions_of=versions_of,
                versions=find_function(versions_of)(),
            )
            team = ClusterTeam(cluster, orders, batch_seconds=batch_seconds)
            return _Team(team.members, cluster=team)
        if workers and kind is CrewKind.THREADS:
            return _Team([_Thread() for _ in range(workers)])
        if workers and kind is CrewKind.PROCESSES:
            from etl.runtime.work.launcher import Launcher  # noqa: PLC0415 - often there is no work
            from etl.runtime.work.processes import WorkerProcess  # noqa: PLC0415

            launcher = Launcher(preload)
            members = [
                WorkerProcess(
                    launcher,
                    look_seconds=look_seconds,
                    start_seconds=start_seconds,
                    trim_seconds=trim_seconds,
                )
                for _ in range(workers)
            ]
            return _Team(members, launcher)
        return _Team()

    called = Crew(call, stop=stop, look_seconds=look_seconds)
    try:
        yield called
    finally:
        called.close()
