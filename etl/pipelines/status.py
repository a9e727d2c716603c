"""What the last runs did, and how far the songs are enriched."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from etl.runtime.progress import duration
from etl.services.spotify_items import KINDS
from etl.store.answers import coverage
from etl.store.database import read_store
from etl.store.service_state import parked as parked_services

if TYPE_CHECKING:
    from pathlib import Path


def last_runs(database: Path, *, number: int = 10) -> list[str]:
    """Describe the last runs of the store, newest first, one line each, and the coverage by names."""
    with read_store(database) as connection:
        runs = connection.execute(
            "SELECT run_id, command, status, epoch(started_at), coalesce(wall_s, 0), "
            "coalesce(items_out, 0), error FROM runs ORDER BY run_id DESC LIMIT ?",
            [number],
        ).fetchall()
        covered = coverage(connection, "spotify", KINDS)
        parked = parked_services(connection)
    lines = [
        f"run {run}: {command}, {status}, {_time(started)}, {duration(seconds)}, {items:,} items"
        + (f": {error.splitlines()[0]}" if error else "")
        for run, command, status, started, seconds, items, error in runs
    ]
    lines.append(f"names: {covered.settled:,} of {covered.songs:,} songs have nothing left to ask Spotify")
    lines += [f"{task} is parked until {_time(until)}" for task, until in parked]
    return lines


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S %Z}"
