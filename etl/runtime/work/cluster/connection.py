"""The driver's side: a connection to a cluster, and members of a crew that hand batches to its workers."""

from __future__ import annotations

import logging
import threading
import uuid
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.errors import EtlError, ExitCode, missing_part
from etl.runtime.work.cluster import site
from etl.runtime.work.cluster.batches import Batches, Pace
from etl.runtime.work.cluster.encryption import check_encryption, unreachable, without_workers
from etl.runtime.work.cluster.messages import lost, unpacked
from etl.runtime.work.job import StoppedError
from etl.runtime.work.signals import interrupts_held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etl.runtime.work.cluster.address import Cluster
    from etl.runtime.work.cluster.batches import Place
    from etl.runtime.work.cluster.messages import Batch, HostOrders
    from etl.runtime.work.job import Job
    from etl.runtime.work.outcome import Outcome

_CONNECT_SECONDS: Final = 30.0
_WORKERS_SECONDS: Final = 60.0
_PREPARE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 1.0
_AHEAD: Final = 2  # batches for each thread of a worker: one at work, one that waits there
_INSTALL: Final = "Install it there, in the same versions: pip install '.[cluster]' in the source folder."


class Connection:
    """A cluster that answers.

    Made by `connected`.
    """

    def __init__(self, client: Any, cluster: Cluster) -> None:
        self.client = client
        self.cluster = cluster

    @property
    def threads(self) -> dict[str, int]:
        """How many batches each worker does at once, by its address."""
        found: dict[str, int] = self.client.nthreads()
        return found

    def prepare(self, orders: HostOrders) -> None:
        """Have every worker start its host and compare versions, all at once.

        Raises
        ------
        EtlError
            If one cannot, or has other versions.
        """
        asked = {
            worker: self.client.submit(
                site.prepare, orders, workers=[worker], pure=False, allow_other_workers=False
            )
            for worker in self.threads
        }
        try:
            for worker, future in asked.items():
                try:
                    future.result(timeout=_PREPARE_SECONDS)
                except Exception as error:
                    raise _blamed(error, worker) from error
        finally:
            for future in asked.values():
                future.release()

    def dismiss(self, crew_id: str) -> None:
        """End the hosts of a crew; a cluster that does not answer has none, or they end by themselves."""
        with suppress(Exception):
            self.client.run(site.dismiss, crew_id, on_error="ignore")


@contextmanager
def connected(cluster: Cluster) -> Iterator[Connection]:
    """Connect to a cluster, or start one on this machine.

    Raises
    ------
    EtlError
        If it cannot be reached or has no workers, Dask is not installed, or lacks certificates.
    """
    try:
        dask, distributed = import_module("dask"), import_module("distributed")
    except ImportError as error:
        raise missing_part("--cluster needs Dask", "cluster") from error
    check_encryption(cluster.address, dask.config.get)
    # A run says itself what it has lost; batches of archives' members may be large.
    for name in ("distributed", "distributed.client"):  # each of which Dask gives a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
    settings = {"distributed.admin.large-graph-warning-threshold": "1GB"}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if cluster.local_workers is not None:
            with interrupts_held():  # which all that it starts inherits
                address = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=cluster.local_workers,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address=None,
                        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                        silence_logs=logging.CRITICAL,
                    )
                )
        else:
            address = cluster.address
        try:
            client = stack.enter_context(distributed.Client(address, timeout=_CONNECT_SECONDS, name="etl"))
        except (OSError, TimeoutError) as error:
            raise unreachable(cluster.address, error) from error
        try:
            client.wait_for_workers(1, timeout=_WORKERS_SECONDS)
        except TimeoutError as error:
            raise without_workers(cluster.address) from error
        yield Connection(client, cluster)


class ClusterTeam:
    """What the members of a crew on a cluster have in common.

    Parameters
    ----------
    connection
        The cluster.
    orders
        What the hosts of this crew keep to.
    batch_seconds
        How long a batch should take.
    """

    def __init__(self, connection: Connection, orders: HostOrders, *, batch_seconds: float) -> None:
        self._connection = connection
        self._orders = orders
        self._batch_seconds = batch_seconds
        self._pace = Pace()
        self._threads = sum(connection.threads.values())
        connection.prepare(orders)
        self._waking = _Waking()
        self.members = [
            _Slot(connection, orders, self._pace, self._waking) for _ in range(_AHEAD * self._threads)
        ]

    @property
    def in_flight(self) -> int:
        """How many batches may be drawn and not given out."""
        return 2 * len(self.members)

    def batches(self, items: Iterable[Any], place: Place | None) -> Batches:
        """Cut items into batches."""
        cluster = self._connection.cluster
        return Batches(
            items,
            place=place,
            there=None if cluster.local_workers else cluster.there,
            shares=len(self.members),
            seconds=self._batch_seconds,
            pace=self._pace,
        )

    def close(self) -> None:
        """End the hosts."""
        self._waking.close()
        self._connection.dismiss(self._orders.crew_id)


class _Waking:
    """Wakes slots that wait for an answer when their run is over.

    One thread looks for all: were each of 2,000 to look once a second by itself, that alone would take a
    fifth of a core.
    """

    def __init__(self) -> None:
        self._waiting: dict[threading.Event, threading.Event] = {}
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        threading.Thread(target=self._look, name="etl-look", daemon=True).start()

    def wait(self, answered: threading.Event, is_over: threading.Event) -> None:
        """Wait until ``answered`` is set, as it is soon after ``is_over`` too."""
        with self._lock:
            self._waiting[answered] = is_over
        if self._is_closed.is_set():  # nobody may look any more
            answered.set()
        answered.wait()
        with self._lock:
            del self._waiting[answered]

    def close(self) -> None:
        """Wake all that still wait, and look no more."""
        self._is_closed.set()

    def _look(self) -> None:
        is_closed = False
        while not is_closed:
            is_closed = self._is_closed.wait(_LOOK_SECONDS)
            with self._lock:
                woken = [a for a, is_over in self._waiting.items() if is_closed or is_over.is_set()]
            for answered in woken:
                answered.set()


class _Slot:
    """Hands over a batch and waits for its answer: a member of a crew whose items are batches."""

    def __init__(self, connection: Connection, orders: HostOrders, pace: Pace, waking: _Waking) -> None:
        self._connection = connection
        self._orders = orders
        self._pace = pace
        self._waking = waking

    def do(self, job: Job, item: Batch, is_over: threading.Event) -> list[Outcome[Any, Any]]:
        """Have a batch done.

        Raises
        ------
        StoppedError
            If ``is_over`` was set meanwhile.
        EtlError
            If a worker cannot do any batch, or the scheduler is gone.
        """
        future = self._connection.client.submit(
            site.do_batch,
            self._orders,
            job.pickled,
            item.pickled,
            item.files,
            key=f"etl-{uuid.uuid4().hex}",
            pure=False,
        )
        answers: list[Any] = []
        answered = threading.Event()

        def arrive(come: Any) -> None:
            answers.append(come)
            answered.set()

        future.add_done_callback(arrive)
        self._waking.wait(answered, is_over)
        if not answers:
            future.cancel()
            raise StoppedError
        try:
            answer = future.result(timeout=_CONNECT_SECONDS)
        except Exception as error:
            if is_over.is_set():
                raise StoppedError from error
            if type(error).__name__ == "KilledWorker":
                return lost(item, "its worker was lost, and those that tried after it")
            raise _blamed(error, self._connection.cluster.address) from error
        finally:
            future.release()
        outcomes = unpacked(item, answer)
        self._pace.took(sum(outcome.seconds for outcome in outcomes), len(item.items))
        return outcomes

    def close(self) -> None:
        """Have nothing to free."""


def _blamed(error: BaseException, where: str) -> EtlError:
    """Word what kept a batch from being done: the worker's own words, or who failed."""
    if isinstance(error, EtlError):
        return error
    text = f"{type(error).__name__}: {error}".strip().removesuffix(":")
    if type(error).__name__ == "FutureCancelledError":
        text = "the connection is lost"
    if isinstance(error, ImportError):
        return EtlError(
            f"the worker {where} cannot load music-etl: {error}.", _INSTALL, exit_code=ExitCode.UNAVAILABLE
        )
    return EtlError(
        f"the cluster at {where} no longer answers ({text}).",
        "Finished work is kept. Check its scheduler and workers, and run the same command again.",
        exit_code=ExitCode.UNAVAILABLE,
    )
