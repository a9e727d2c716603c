"""`etl library cache`: look at, clear and verify the cache of sonic descriptions."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.cli.options import Database
from etl.runtime.errors import ExitCode
from etl.runtime.settings import database_path

app = typer.Typer(help="Look at, clear and verify the cache of sonic descriptions.", no_args_is_help=True)


@app.command(epilog="Example: etl library cache info --db music.duckdb")
def info(db: Database = None) -> None:
    """Print what the cache holds, by version."""
    from etl.pipelines.cache import cache_info
    from etl.store.database import read_store

    with read_store(database_path(db)) as connection:
        for line in cache_info(connection):
            typer.echo(line)


@app.command(epilog="Example: etl library cache clear --older-than 90")
def clear(
    older_than: Annotated[int | None, typer.Option(min=0, help="Only what is so many days old.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what files need; the next run makes it again.")
    ] = False,
    db: Database = None,
) -> None:
    """Forget descriptions that no file needs any more, and those of older versions."""
    from etl.pipelines.cache import clear_cache
    from etl.store.database import open_store

    with open_store(database_path(db)) as connection:
        count = clear_cache(connection, older_than_days=older_than, everything=everything)
    typer.echo(f"{count:,} descriptions forgotten")


@app.command(epilog="Example: etl library cache verify && echo sound")
def verify(db: Database = None) -> None:
    """Read all described files again; exits with 1 if one changed unseen."""
    from etl.pipelines.cache import verify_cache
    from etl.store.database import read_store

    with read_store(database_path(db)) as connection:
        problems = verify_cache(connection)
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(problems):,} problems")
    if problems:
        raise typer.Exit(ExitCode.FAILURE)
