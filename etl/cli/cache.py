"""`etl cache`: what web services have answered."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from etl.cli.options import Database
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path

app = typer.Typer(help="Look after the answers that web services have given.", no_args_is_help=True)


@app.command(epilog="Example: etl cache info --db data/music.duckdb")
def info(db: Database = None) -> None:
    """Count the answers by kind, status and reason."""
    from etl.store.database import read_store
    from etl.store.spotify import cache_info

    with read_store(database_path(db)) as connection:
        counts = cache_info(connection)
    if counts.is_empty():
        typer.echo("nothing has been asked yet")
    for row in counts.iter_rows(named=True):
        what = f"{row['kind']}s {row['status']}" + (f" ({row['reason']})" if row["reason"] else "")
        typer.echo(f"{row['ids']:>9,}  {what}, {row['oldest']:%Y-%m-%d} to {row['newest']:%Y-%m-%d}")


@app.command(epilog="Example: etl cache clear --yes")
def clear(
    db: Database = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget all answers, found or not; every id will be asked about again."""
    from etl.store.database import open_store
    from etl.store.spotify import clear_cache

    path = database_path(db)
    if not yes:
        typer.confirm(f"Forget all answers in {path}? Fetching them again may take long.", abort=True)
    with open_store(path) as connection:
        typer.echo(f"{clear_cache(connection):,} answers forgotten")


@app.command(epilog="Example: etl cache refresh --older-than 90d")
def refresh(
    older_than: Annotated[
        str, typer.Option("--older-than", help="Age from which answers count as old, such as 90d or 12h.")
    ],
    db: Database = None,
) -> None:
    """Have old answers and all errors asked for again by the next run; known names stay in use until then."""
    from etl.store.database import open_store
    from etl.store.spotify import refresh_cache

    days = parse_age(older_than)
    with open_store(database_path(db)) as connection:
        typer.echo(f"{refresh_cache(connection, older_than_days=days):,} ids will be asked about again")


def parse_age(text: str) -> float:
    """Read an age such as ``90d``, ``12h`` or ``2w`` in days.

    Examples
    --------
    >>> parse_age("90d"), parse_age("12h"), parse_age("2w")
    (90.0, 0.5, 14.0)
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]+)?)\s*([hdw])", text.strip().lower())
    if match is None:
        raise EtlError(
            f"`{text}` is no age.", "Write a number and h, d or w, such as 90d.", exit_code=ExitCode.USAGE
        )
    return float(match[1]) * {"h": 1 / 24, "d": 1.0, "w": 7.0}[match[2]]
