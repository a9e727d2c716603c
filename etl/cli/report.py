"""`etl report`: say how good a build is."""

from __future__ import annotations

import typer

from etl.cli.options import Database
from etl.runtime.errors import ExitCode

app = typer.Typer(help="Say how good a build is.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Say how good a build is."""


@app.command(name="quality", epilog="Example: etl report quality --db data/music.duckdb")
def report_quality(db: Database = None) -> int:
    """Report on the latest build, with examples of what is amiss; exit code 1 if a limit is exceeded."""
    from etl.runtime.settings import database_path
    from etl.store.database import read_store
    from etl.store.quality import describe, quality

    with read_store(database_path(db)) as connection:
        report = quality(connection)
    typer.echo(describe(report))
    return ExitCode.OK if report.is_within_limits else ExitCode.FAILURE
