"""`etl status`: what runs now, and what the last runs did."""

from __future__ import annotations

import typer

from etl.cli.options import Database
from etl.runtime.settings import database_path


def status(db: Database = None) -> None:
    """Show the run that holds the store, or else the last runs; changes nothing."""
    from etl.cli.enrich import state_rows
    from etl.pipelines.status import last_runs
    from etl.runtime.live import read_status, status_path

    path = database_path(db)
    state = read_status(status_path(path))
    if state is not None:
        typer.echo(f"{state['command']} (process {state['pid']}), at {state['time']}")
        for label, text in state_rows(state).items():
            typer.echo(f"  {label}: {text}")
        return
    for line in last_runs(path):
        typer.echo(line)
