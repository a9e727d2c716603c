"""What runs in a Dask worker: it starts a host of processes beside itself, and passes bytes to it and back.

Dask workers are daemonic, so they may not start processes by `multiprocessing`; and a task that kills its
worker is tried on three more and takes results with it that nobody has fetched yet. So nothing that can crash
runs here.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from itertools import count
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from etl.runtime.work.cluster.messages import Answer, HostOrders
    from etl.runtime.work.cluster.same_file import KnownFile

Request = tuple[bytes, tuple[bytes, ...], "tuple[KnownFile, ...]"]

_TRIES: Final = 2


class HostLostError(Exception):
    """The host has ended."""


class _Host:
    """A host that lives, and who waits for an answer of it."""

    def __init__(self, orders: HostOrders) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "etl.runtime.work.cluster.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101
        self._requests = self._process.stdin
        self._numbers = count()
        self._waiting: dict[int, SimpleQueue[Answer | None]] = {}
        self._lock = threading.Lock()
        self._is_lost = False
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        try:
            self._send(orders)
            self.ask(None)
        except BaseException:
            self.close()
            raise

    def ask(self, request: Request | None) -> Answer:
        """Have a batch done, or with None have the versions checked.

        Raises
        ------
        HostLostError
            If the host has ended.
        """
        answered: SimpleQueue[Answer | None] = SimpleQueue()
        with self._lock:
            if self._is_lost:
                raise HostLostError
            number = next(self._numbers)
            self._waiting[number] = answered
        self._send((number, request))
        answer = answered.get()
        if answer is None:
            raise HostLostError
        if answer.error is not None:
            raise answer.error
        return answer

    def close(self) -> None:
        """End the host, whatever it does."""
        self._process.kill()
        self._process.wait()

    def _send(self, message: object) -> None:
        try:
            with self._lock:
                pickle.dump(message, self._requests, pickle.HIGHEST_PROTOCOL)
                self._requests.flush()
        except OSError as error:
            raise HostLostError from error

    def _read(self, answers: IO[bytes]) -> None:
        try:
            while True:
                number, answer = pickle.load(answers)  # noqa: S301 - of our own host
                with self._lock:
                    waiting = self._waiting.pop(number)
                waiting.put(answer)
        except Exception:  # noqa: BLE001 - whatever half an answer raises
            with self._lock:
                self._is_lost = True
                left, self._waiting = list(self._waiting.values()), {}
            for waiting in left:
                waiting.put(None)
            self._process.kill()
            self._process.wait()


_lock: Final = threading.Lock()
_hosts: Final[dict[str, _Host]] = {}
_dismissed: Final[set[str]] = set()


def prepare(orders: HostOrders) -> None:
    """Start the host of a crew, which compares versions and begins to load what the work needs.

    Raises
    ------
    EtlError
        If it cannot be started, or has other versions.
    """
    _asked(orders, None)


def do_batch(
    orders: HostOrders, job: bytes, items: tuple[bytes, ...], files: tuple[KnownFile, ...]
) -> Answer:
    """Have a batch done.

    Raises
    ------
    EtlError
        If nothing of it could be done: the machine is not as the driver's.
    """
    return _asked(orders, (job, items, files))


def dismiss(crew_id: str) -> None:
    """End the host of a crew, whatever it does."""
    with _lock:
        _dismissed.add(crew_id)
        host = _hosts.pop(crew_id, None)
    if host is not None:
        host.close()


def _asked(orders: HostOrders, request: Request | None) -> Answer:
    """Ask the host; one that is lost, or has ended because there was nothing to do, is replaced."""
    from distributed import get_worker  # noqa: PLC0415 - an extra, which a worker has

    address = get_worker().address
    for _ in range(_TRIES):
        host = None
        try:
            host = _host(orders)
            return host.ask(request)
        except HostLostError:
            with _lock:
                if _hosts.get(orders.crew_id) is host:
                    _hosts.pop(orders.crew_id, None)
        except EtlError as error:
            text = f"the worker {address} {error.args[0]}"
            raise EtlError(text, error.hint, exit_code=error.exit_code) from error
    raise EtlError(
        f"the worker {address} cannot keep the process alive that does the work.",
        "Check the memory of that machine; `python -m etl.runtime.work.cluster.host` should run on there.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _host(orders: HostOrders) -> _Host:
    with _lock:
        if orders.crew_id in _dismissed:
            raise EtlError("no longer works for that crew.", exit_code=ExitCode.UNAVAILABLE)
        host = _hosts.get(orders.crew_id)
        if host is None:
            host = _hosts[orders.crew_id] = _Host(orders)
        return host


def _environment() -> dict[str, str]:
    """Give the host the paths of this interpreter, and memory as processes have it that no Dask started."""
    kept = {name: value for name, value in os.environ.items() if name != "MALLOC_TRIM_THRESHOLD_"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
