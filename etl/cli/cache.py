"""`etl cache`: what web services have answered, and how recordings have been described."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.groups import examples
from etl.cli.options import AsJson, Database, Yes, ask
from etl.cli.output import show
from etl.pipelines.cache_kind import CacheKind
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    import polars as pl

    from etl.pipelines.cache import CacheProblems

app = typer.Typer(help="Inspect and clear cached answers and audio descriptions.", no_args_is_help=True)

Kind = Annotated[CacheKind, typer.Option(help="Answers of a service, descriptions of audio, or all.")]
Older = Annotated[
    str, typer.Option("--older-than", help="Only entries at least this old, e.g. 90d, 2w, 12h.")
]

_PROBLEMS = {"found_without_name": "found without a name", "malformed_id": "not an id of its kind"}


@dataclass(frozen=True)
class Entries:
    """How many entries of a cache a command has dealt with."""

    entries: int


@app.command(epilog="Example: etl cache info --kind audio --older-than 90d")
def info(
    kind: Kind = CacheKind.ALL, older_than: Older = "0d", db: Database = None, as_json: AsJson = False
) -> None:
    """Count cached entries by kind, status and reason."""
    from etl.pipelines.cache import cache_info
    from etl.store.database import read_store

    days = parse_age(older_than)
    with read_store(database_path(db)) as connection:
        counts = cache_info(connection, kind, older_than_days=days)
    nothing = "no entry is that old" if days else "nothing is cached yet"
    show(counts, lambda counts: _describe_counts(counts) or nothing, as_json=as_json)


def _describe_counts(counts: pl.DataFrame) -> str:
    lines = []
    for row in counts.iter_rows(named=True):
        kind, reason = row["kind"].replace("_", " "), row["reason"]
        what = f"{kind}s {row['status']}" + (f" ({reason})" if reason else "")
        lines.append(f"{row['ids']:>9,}  {what}, {row['oldest']:%Y-%m-%d} to {row['newest']:%Y-%m-%d}")
    return "\n".join(lines)


@app.command(epilog=examples("etl cache clear --kind spotify", "etl cache clear --kind audio --unused --yes"))
def clear(
    kind: Kind,
    older_than: Older = "0d",
    unused: Annotated[
        bool, typer.Option("--unused", help="Only descriptions that no file has needed for 30 days.")
    ] = False,
    db: Database = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete cached entries; they are fetched or computed again when needed."""
    from etl.pipelines.cache import clear_cache
    from etl.store.database import open_store

    days, path = parse_age(older_than), database_path(db)
    if unused and kind is not CacheKind.AUDIO:
        raise EtlError(
            "--unused only applies to audio descriptions.", "Add --kind audio.", exit_code=ExitCode.USAGE
        )
    if not yes and not unused:
        what = "every cache" if kind is CacheKind.ALL else f"the {kind} cache"
        ask(f"Delete {what} in {path}? Rebuilding it can take a long time.")
    with open_store(path) as connection:
        count = clear_cache(connection, kind, older_than_days=days, unused=unused)
    show(Entries(count), lambda deleted: f"{number_of(deleted.entries, 'entry')} deleted", as_json=as_json)


@app.command(epilog="Example: etl cache verify --kind audio && echo sound")
def verify(
    kind: Kind = CacheKind.ALL, older_than: Older = "0d", db: Database = None, as_json: AsJson = False
) -> int:
    """Check cached answers and re-read described files; exits with 1 if one changed unnoticed."""
    from etl.pipelines.cache import verify_cache
    from etl.store.database import read_store

    days = parse_age(older_than)
    with read_store(database_path(db)) as connection:
        problems = verify_cache(connection, kind, older_than_days=days)
    show(problems, _describe_problems, as_json=as_json)
    return ExitCode.FAILURE if problems.count else ExitCode.OK


def _describe_problems(problems: CacheProblems) -> str:
    lines = [f"{each.kind} {each.id}: {_PROBLEMS[each.problem]}" for each in problems.answers]
    for file in problems.files:
        what = file.error or "content changed since it was described; run `etl library scan --force`"
        lines.append(f"{one_line(str(file.path))}: {what}")
    return "\n".join([*lines, number_of(problems.count, "problem")])


@app.command(epilog="Example: etl cache refresh --older-than 90d")
def refresh(
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", help="Age from which answers count as old, such as 90d or 12h."),
    ] = None,
    batches: Annotated[
        bool, typer.Option("--batches", help="Try several ids per request again if that was refused.")
    ] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Mark old answers and all errors for another request in the next run.

    Known names stay in use until then.
    """
    from etl.pipelines.cache import forget_batches, refresh_answers
    from etl.store.database import open_store

    if older_than is None and not batches:
        raise EtlError(
            "there is nothing to refresh.",
            "Pass --older-than AGE, such as 90d, or --batches.",
            exit_code=ExitCode.USAGE,
        )
    days = None if older_than is None else parse_age(older_than)
    with open_store(database_path(db)) as connection:
        if batches:
            forget_batches(connection)
        count = 0 if days is None else refresh_answers(connection, older_than_days=days)
    show(
        Entries(count),
        lambda marked: f"{number_of(marked.entries, 'id')} will be requested again",
        as_json=as_json,
    )


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
            f"`{text}` is not an age.", "Write a number and h, d or w, such as 90d.", exit_code=ExitCode.USAGE
        )
    return float(match[1]) * {"h": 1 / 24, "d": 1.0, "w": 7.0}[match[2]]
