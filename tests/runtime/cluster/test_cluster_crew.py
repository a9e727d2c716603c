"""Workers of a cluster give the outcomes that processes of one machine give, whatever befalls them."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster import site
from etl.runtime.work.crew import crew
from tests.runtime.crew_jobs import POISON
from tests.support.dask_cluster import started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from etl.runtime.work.cluster.connection import Connection
    from etl.runtime.work.crew import Crew

JOBS = "tests.runtime.crew_jobs"
VERSIONS = "etl.pipelines.versions:of_all"


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """Start two workers."""
    with started(2) as connected:
        yield connected


@pytest.fixture(scope="module")
def members(connection: Connection) -> Iterator[Crew]:
    """Call a crew on them."""
    with crew(workers=0, cluster=connection, versions_of=VERSIONS, look_seconds=0.05) as called:
        yield called


def told(members: Crew, items: list[Any], job: str = "misbehave", **options: Any) -> list[tuple[Any, ...]]:
    """Give item, result, and kind and text of the problem."""
    outcomes = members.map(f"{JOBS}:{job}", items, in_flight=5, **options)
    return [(o.item, o.result, o.problem and (o.problem.kind, o.problem.text)) for o in outcomes]


def test_outcomes_are_those_of_one_machine(members):
    """Results, exceptions, crashes and time-outs, in order, each of its own item."""
    items = [*"abc", "crash", "raise", "refuse", "hang", "kill", *"de", "lock", "arguments", "exit"]
    with crew(workers=2, look_seconds=0.05) as processes:
        expected = told(processes, items, seconds=1.5)
    assert told(members, items, seconds=1.5) == expected
    assert {item for item, _, problem in expected if problem} == set(items) - set("abcde")


def test_an_item_that_kills_is_divided_there(members):
    """Its other pieces succeed; the Dask worker lives on."""
    items = [(1, 2), (3, POISON, 4), (5,)]
    expected = [((1, 2), [2, 4]), ((3,), [6]), ((POISON,), None), ((4,), [8]), ((5,), [10])]
    outcomes = told(members, items, "double_all", divide=_ones)
    assert [(item, result) for item, result, _ in outcomes] == expected


def _ones(numbers: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(number,) for number in numbers]


def test_work_is_done_in_processes_of_hosts_and_never_in_a_dask_worker(connection, members):
    """A native crash there would take results of others with it."""
    workers = set(connection.client.run(os.getpid).values())
    outcomes = members.map(f"{JOBS}:process_id", range(12), in_flight=5)
    for pid in {outcome.unwrap() for outcome in outcomes}:
        ancestors = [parent.pid for parent in psutil.Process(pid).parents()]
        assert pid not in workers
        assert workers & set(ancestors[2:3])  # its fork server, the host, the worker


def test_a_worker_that_is_killed_costs_no_item(connection):
    """Its batch is done by the other one, and its host ends with it."""
    with crew(workers=0, cluster=connection, versions_of=VERSIONS, look_seconds=0.05) as members:
        pids = connection.client.run(os.getpid)
        victim = psutil.Process(next(iter(pids.values())))
        done = []
        for outcome in members.map(f"{JOBS}:sleep", [0.05] * 40, in_flight=5, ordered=False):
            done.append(outcome.unwrap())
            if len(done) == 4:
                hosts = [child for child in victim.children() if "cluster.host" in " ".join(child.cmdline())]
                victim.send_signal(signal.SIGKILL)
        assert done == [0.05] * 40
        assert hosts
        _, alive = psutil.wait_procs(hosts, timeout=10)
        assert not alive


def test_a_stop_ends_it_at_once_and_dismissal_ends_the_hosts(connection):
    """What hangs on a worker does not keep the run, and nothing is left there."""
    connection.client.wait_for_workers(2, timeout=30)
    stop = threading.Event()
    others = _hosts_of(connection)
    with crew(workers=0, cluster=connection, versions_of=VERSIONS, stop=stop, look_seconds=0.05) as members:
        outcomes = members.map(f"{JOBS}:sleep", [0.0, *[600.0] * 5], in_flight=5, ordered=False)
        assert next(outcomes).unwrap() == 0.0
        hosts = [host for host in _hosts_of(connection) if host not in others]
        assert hosts
        stop.set()
        start = time.monotonic()
        assert list(outcomes) == []
        assert time.monotonic() - start < 5
    _, alive = psutil.wait_procs(hosts, timeout=10)
    assert not alive


def _hosts_of(connection: Connection) -> list[psutil.Process]:
    workers = [psutil.Process(pid) for pid in connection.client.run(os.getpid).values()]
    crews = {child.pid: child for worker in workers for child in worker.children()}
    return [child for child in crews.values() if "cluster.host" in " ".join(child.cmdline())]


def test_another_version_is_refused_and_named(connection, monkeypatch):
    """At the start, before any item is drawn."""
    monkeypatch.setattr(
        "etl.pipelines.versions.of_all", lambda: {"Python": "2.7", "numpy": "0.1", "music-etl": "0"}
    )
    drawn: list[int] = []

    def numbers() -> Iterator[int]:
        drawn.append(1)
        yield 1

    with (
        crew(workers=0, cluster=connection, versions_of=VERSIONS) as members,
        pytest.raises(EtlError, match=r"the worker tcp://127\.0\.0\.1:\d+ has Python 3") as raised,
    ):
        members.map(f"{JOBS}:double", numbers(), in_flight=2)
    assert raised.value.exit_code is ExitCode.UNAVAILABLE
    assert "same versions" in raised.value.hint
    assert not drawn


def test_nothing_listens_beyond_loopback(connection):
    """Neither scheduler nor workers nor hosts, and not on Dask's own port for its page."""
    client = connection.client
    processes = [psutil.Process(), *map(psutil.Process, client.run(os.getpid).values())]
    processes += [child for process in processes[1:] for child in process.children(recursive=True)]
    listening = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # hosts of other tests are ending
            listening += [each.laddr for each in process.net_connections() if each.status == "LISTEN"]
    assert listening
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}
    assert 8787 not in {address.port for address in listening}


def test_no_future_is_kept(connection, members):
    """Results would fill the memory of workers over a long run."""
    assert len(told(members, list(range(20)), "double")) == 20
    deadline = time.monotonic() + 10
    while connection.client.futures and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not connection.client.futures


def test_a_dismissed_crew_gets_no_new_host(connection):
    """A batch that was still on its way when the driver left starts nothing."""
    connection.client.run(site.dismiss, "gone")
    future = connection.client.submit(_late, pure=False)
    assert "no longer" in future.result(timeout=20)


def _late() -> str:
    from etl.runtime.work.cluster.messages import HostOrders

    orders = HostOrders("gone", (), 0.1, 10.0, 5.0, VERSIONS, {})
    try:
        site.prepare(orders)
    except EtlError as error:
        return str(error)
    return ""
