"""`etl cache`: what web services have answered, and how recordings have been described."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from etl.cli.options import Database
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path

app = typer.Typer(
    help="Look after what is kept: answers of web services, sonic descriptions.", no_args_is_help=True
)

KINDS = ("all", "spotify", "audio")
Kind = Annotated[str, typer.Option(help="Answers of spotify, descriptions of audio, or all.")]
Older = Annotated[
    str, typer.Option("--older-than", help="Only what is as old as that, or older: 90d, 2w, 12h.")
]


@app.command(epilog="Example: etl cache info --kind audio --older-than 90d")
def info(kind: Kind = "all", older_than: Older = "0d", db: Database = None) -> None:
    """Count what is kept, by kind, status and reason."""
    from etl.pipelines import cache
    from etl.store.database import read_store

    chosen, days = cache.Kind(_kind(kind)), parse_age(older_than)
    with read_store(database_path(db)) as connection:
        counts = cache.cache_info(connection, chosen, older_than_days=days)
    if counts.is_empty():
        typer.echo("nothing is kept yet" if not days else "nothing is as old as that")
    for row in counts.iter_rows(named=True):
        what = f"{row['kind']}s {row['status']}" + (f" ({row['reason']})" if row["reason"] else "")
        typer.echo(f"{row['ids']:>9,}  {what}, {row['oldest']:%Y-%m-%d} to {row['newest']:%Y-%m-%d}")


@app.command(epilog="Examples: etl cache clear --kind spotify | etl cache clear --kind audio --unused --yes")
def clear(
    kind: Annotated[str, typer.Option(help="What to forget: answers of spotify, audio, or all.")],
    older_than: Older = "0d",
    unused: Annotated[
        bool, typer.Option("--unused", help="Only descriptions that no present file needs.")
    ] = False,
    db: Database = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget what is kept; it will be asked about, or described, again when it is needed."""
    from etl.pipelines import cache
    from etl.store.database import open_store

    chosen, days, path = cache.Kind(_kind(kind)), parse_age(older_than), database_path(db)
    if unused and chosen is not cache.Kind.AUDIO:
        raise EtlError("--unused is for descriptions.", "Add --kind audio.", exit_code=ExitCode.USAGE)
    if not yes and not unused:
        typer.confirm(f"Forget what is kept ({kind}) in {path}? Making it again may take long.", abort=True)
    with open_store(path) as connection:
        count = cache.clear_cache(connection, chosen, older_than_days=days, unused=unused)
    typer.echo(f"{count:,} forgotten")


@app.command(epilog="Example: etl cache verify --kind audio && echo sound")
def verify(kind: Kind = "all", older_than: Older = "0d", db: Database = None) -> int:
    """Check answers, and read described files again; exits with 1 if one changed unseen."""
    from etl.cli.tables import list_problems
    from etl.pipelines import cache
    from etl.store.database import read_store

    chosen, days = cache.Kind(_kind(kind)), parse_age(older_than)
    with read_store(database_path(db)) as connection:
        problems = cache.verify_cache(connection, chosen, older_than_days=days)
    return list_problems(problems)


@app.command(epilog="Example: etl cache refresh --older-than 90d")
def refresh(
    older_than: Annotated[
        str, typer.Option("--older-than", help="Age from which answers count as old, such as 90d or 12h.")
    ],
    db: Database = None,
) -> None:
    """Have old answers and all errors asked for again by the next run; known names stay in use until then."""
    from etl.pipelines.cache import refresh_answers
    from etl.store.database import open_store

    days = parse_age(older_than)
    with open_store(database_path(db)) as connection:
        typer.echo(f"{refresh_answers(connection, older_than_days=days):,} ids will be asked about again")


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


def _kind(text: str) -> str:
    if text not in KINDS:
        raise EtlError(
            f"there is no cache `{text}`.", f"Choose one of: {', '.join(KINDS)}.", exit_code=ExitCode.USAGE
        )
    return text
