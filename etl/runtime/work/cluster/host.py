"""A process beside a Dask worker that does batches with a crew of processes: what `site` starts.

What crashes, hangs or takes too much memory costs one file, as on one machine: the Dask worker only passes
bytes. Requests come on standard input and answers go to standard output, both as pickles; the end of the
input is the end of the host, and of the processes that it started.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster.messages import Answer, packed
from etl.runtime.work.crew import crew
from etl.runtime.work.job import find_function
from etl.runtime.work.outcome import failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from etl.runtime.work.cluster.messages import HostOrders
    from etl.runtime.work.cluster.same_file import KnownFile
    from etl.runtime.work.crew import Crew
    from etl.runtime.work.job import Job
    from etl.runtime.work.outcome import Outcome

_CHECK: Final = "etl.runtime.work.cluster.same_file:check_files"
_CHECK_SECONDS: Final = 120.0  # a drive that has to wake up answers sooner


class Host:
    """Does batches, each on a thread with a process of its own.

    Parameters
    ----------
    orders
        What to keep to.
    answers
        Where answers go.
    """

    def __init__(self, orders: HostOrders, answers: BinaryIO) -> None:
        self._orders = orders
        self._answers = answers
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._free: list[Crew] = []
        self._at_work = 0
        self._idle_since = time.monotonic()

    def check_versions(self) -> Answer:
        """Refuse to work for a driver of other versions; begin to load what the work needs."""
        orders = self._orders
        own: dict[str, str] = find_function(orders.versions_of)()
        other = [
            f"{name} {own.get(name, 'none')} instead of {version}"
            for name, version in orders.versions.items()
            if own.get(name) != version
        ]
        if other:
            return Answer(
                error=EtlError(
                    f"has {', '.join(other)}.",
                    "Install the same versions on all machines.",
                    exit_code=ExitCode.UNAVAILABLE,
                )
            )
        members = self._taken()
        members.start()
        self._put_back(members)
        return Answer()

    def do(self, number: int, pickled_job: bytes, items: Sequence[bytes], files: Sequence[KnownFile]) -> None:
        """Do a batch and answer."""
        members = self._taken()
        try:
            answer = _done(members, _job(pickled_job), items, files)
        except BaseException as error:  # noqa: BLE001 - told to the driver
            answer = Answer(error=error)
        self._put_back(members)
        self.answer(number, answer)

    def answer(self, number: int, answer: Answer) -> None:
        """Send an answer."""
        with self._lock:
            pickle.dump((number, answer), self._answers, pickle.HIGHEST_PROTOCOL)
            self._answers.flush()

    def end_when_idle(self) -> None:
        """End the process when there has been nothing to do for long."""
        while True:
            time.sleep(min(1.0, self._orders.idle_seconds))
            with self._lock:
                is_idle = not self._at_work
                since = self._idle_since
            if is_idle and time.monotonic() - since > self._orders.idle_seconds:
                os._exit(0)

    def _taken(self) -> Crew:
        orders = self._orders
        with self._lock:
            self._at_work += 1
            if self._free:
                return self._free.pop()
            return self._stack.enter_context(
                crew(
                    workers=1,
                    preload=orders.preload,
                    look_seconds=orders.look_seconds,
                    start_seconds=orders.start_seconds,
                    trim_seconds=orders.trim_seconds,
                )
            )

    def _put_back(self, members: Crew) -> None:
        with self._lock:
            self._free.append(members)
            self._at_work -= 1
            self._idle_since = time.monotonic()


@lru_cache(maxsize=2)
def _job(pickled: bytes) -> Job:
    """Read a job; all batches of a run have the same."""
    job: Job = pickle.loads(pickled)  # noqa: S301 - of our own driver
    return job


def _done(members: Crew, job: Job, pickled: Sequence[bytes], files: Sequence[KnownFile]) -> Answer:
    if files:
        (check,) = members.map(_CHECK, [tuple(files)], in_flight=1, seconds=_CHECK_SECONDS)
        check.unwrap()
    items: list[Any] = []
    unreadable: dict[int, Outcome[Any, Any]] = {}
    for each in pickled:
        try:
            items.append(pickle.loads(each))  # noqa: S301 - of our own driver
        except Exception as error:  # noqa: BLE001 - an item that cannot be read is one that fails
            items.append(_Unreadable())
            unreadable[len(items) - 1] = failed(items[-1], error)
    good = (item for number, item in enumerate(items) if number not in unreadable)
    outcomes = list(
        members.map(
            job.name,
            good,
            in_flight=3,
            shared=job.shared,
            seconds=job.seconds,
            memory=job.memory,
            divide=job.divide,
        )
    )
    return packed(items, [*outcomes, *unreadable.values()])


class _Unreadable:
    """Stands for an item that cannot be read."""


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # what libraries print is no answer
    sys.stdin = sys.stdout = open(os.devnull, "r+")  # noqa: PTH123, SIM115 - as long as the process
    try:
        host = Host(pickle.load(requests), answers)  # noqa: S301 - of our own driver
        threading.Thread(target=host.end_when_idle, daemon=True).start()
        while True:
            number, batch = pickle.load(requests)  # noqa: S301 - the same
            if batch is None:
                host.answer(number, host.check_versions())
            else:
                threading.Thread(target=host.do, args=(number, *batch), daemon=True).start()
    except (EOFError, OSError):
        pass
    finally:
        os._exit(0)  # the processes of the crews end with it


if __name__ == "__main__":
    main()
