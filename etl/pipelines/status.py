"""What runs now or ran last, and how far the songs are enriched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from etl.runtime.live import read_status, status_path
from etl.services.spotify_items import KINDS
from etl.store.answers import Coverage, coverage
from etl.store.database import read_store
from etl.store.runs import PastRun, last_runs
from etl.store.service_state import ParkedService, parked_services

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Status:
    """How a store stands.

    Attributes
    ----------
    running
        The state of the run that holds the store, as it tells it; None if none does.
    runs
        The last runs, newest first; None while one holds the store, and so of the others.
    names
        How far the songs have names.
    parked
        Services that may not be asked before a time that is still to come.
    """

    running: dict[str, Any] | None = None
    runs: tuple[PastRun, ...] | None = None
    names: Coverage | None = None
    parked: tuple[ParkedService, ...] | None = None


def status(database: Path, *, runs: int = 10) -> Status:
    """Look at the run that holds the store, or else into the store; changes nothing."""
    running = read_status(status_path(database))
    if running is not None:
        return Status(running=running)
    with read_store(database) as connection:
        return Status(
            runs=last_runs(connection, runs),
            names=coverage(connection, "spotify", KINDS),
            parked=parked_services(connection),
        )
