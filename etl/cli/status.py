"""`etl status`: what runs now, and what the last runs did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from datetime import datetime

    from etl.pipelines.status import Status
    from etl.runtime.watch.status_file import RunningRun
    from etl.store.runs import PastRun


app = typer.Typer()


@app.command("status", epilog="Example: etl status --db data/music.duckdb")
def status(db: Database = None, as_json: AsJson = False) -> None:
    """Show the running and the latest runs on the store. Nothing is changed."""
    from etl.pipelines.status import status as status_of

    show(status_of(database_path(db)), _describe, as_json=as_json)


def _describe(status: Status) -> str:
    lines = [line for run in status.running for line in _running(run)]
    lines += [_run(run) for run in status.runs or () if run.status != "running" or not status.running]
    if status.current:
        lines.append(
            "current set: "
            + ", ".join(f"{each.path} ({number_of(each.songs, 'song')})" for each in status.current)
        )
    lines += [
        f"{names.gives} by {service}: {names.named:,} of {number_of(names.songs, 'song')}, "
        f"{names.complete:,} complete, {names.songs - names.settled:,} with ids still to request"
        for service, names in (status.names or {}).items()
    ]
    lines += [f"{each.service} is parked until {_time(each.not_before)}" for each in status.parked or ()]
    return "\n".join(lines)


def _running(run: RunningRun) -> list[str]:
    from etl.runtime.watch.format import in_lines

    first, *rest = in_lines(run.snapshot)
    return [f"{first} (process {run.pid})", *(f"  {line}" for line in rest)]


def _run(run: PastRun) -> str:
    from etl.runtime.watch.format import duration

    line = (
        f"run {run.run_id}: {run.command}, {run.status}, {_time(run.started_at)}, "
        f"{duration(run.wall_s or 0)}, {number_of(run.items_out or 0, 'item')}"
    )
    return f"{line}: {run.error.splitlines()[0]}" if run.error else line


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"
