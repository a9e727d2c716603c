"""What runs now and ran last, and how far the songs are enriched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.runtime.watch.status_file import RunningRun, running
from etl.services.catalog import SERVICES, kinds_of
from etl.store.answers import Coverage, coverage
from etl.store.connection import StoreBusyError
from etl.store.database import read_store
from etl.store.runs import PastRun, last_runs
from etl.store.scope import CurrentSource, current_set
from etl.store.service_state import ParkedService, parked_services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Status:
    """How a store stands.

    Attributes
    ----------
    running
        The runs over the store that other processes are at, the oldest first.
    runs
        The last runs, newest first; None while one of them holds the store, and so of the others.
    current
        The current set: the sources of the latest build.
    names
        How far each service has named the songs of the current set, by service.
    parked
        Services that may not be asked before a time that is still to come.
    """

    running: tuple[RunningRun, ...] = ()
    runs: tuple[PastRun, ...] | None = None
    current: tuple[CurrentSource, ...] | None = None
    names: Mapping[str, Coverage] | None = None
    parked: tuple[ParkedService, ...] | None = None


def status(database: Path, *, runs: int = 10) -> Status:
    """Look at the runs over a store and into the store; changes nothing.

    Raises
    ------
    EtlError
        If there is no store, and no run that makes one.
    """
    at_work = tuple(running(database))
    if at_work and not database.exists():
        return Status(at_work)
    try:
        with read_store(database) as connection:
            return Status(
                at_work,
                last_runs(connection, runs),
                current_set(connection),
                {name: coverage(connection, name, kinds_of(name)) for name in SERVICES},
                parked_services(connection),
            )
    except StoreBusyError:
        if not at_work:
            raise
        return Status(at_work)
