"""`etl midi find`: files and parts of the library by what they are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from etl.cli.combinations import not_with
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import Full, table
from etl.runtime.errors import ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

app = typer.Typer()

_FILE: Final = ("bpm", "key", "category", "bars", "path")
_PART: Final = ("bpm", "key", "category", "bars", "instrument", "path", "track", "channel", "name")
_NUMBERS: Final = frozenset({"bpm", "bars", "track", "channel"})


class Format(StrEnum):
    """How a list is printed."""

    TEXT = "text"
    CSV = "csv"


@app.command(epilog="Example: etl midi find --part --instrument bass --bpm 118-124 --key Am --bars 4-8")
def find(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(help="Words that must all be in the name.")] = None,
    part: Annotated[bool, typer.Option("--part", help="List parts, not whole files.")] = False,
    bpm: Annotated[str | None, typer.Option(help="A tempo or a range: 118-124.")] = None,
    key: Annotated[str | None, typer.Option(help="A key: Am, 'F# minor', Bb.")] = None,
    category: Annotated[str | None, typer.Option(help="A category, or the start of one: bass, drum.")] = None,
    instrument: Annotated[
        str | None,
        typer.Option(help="Instrument of the part, or of one part of the file: piano, 'slap bass', drums."),
    ] = None,
    bars: Annotated[str | None, typer.Option(help="A number of bars or a range: 4-8.")] = None,
    metre: Annotated[str | None, typer.Option(help="A time signature: 3/4.")] = None,
    chords: Annotated[
        str | None, typer.Option(help="Consecutive chords, as Roman numerals: 'I V vi IV'.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 50,
    format_: Annotated[Format, typer.Option("--format", help="CSV has all columns.")] = Format.TEXT,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> int:
    """List matching files or parts, most certain first; exits with 1 if there are none."""
    from etl.pipelines.midi.find import find_files, find_parts

    not_with(context, "--json", "--format")
    if format_ is Format.CSV:
        not_with(context, "--format", "--full")
    search = find_parts if part else find_files
    frame = search(
        database_path(db),
        words=tuple(words or ()),
        bpm=bpm,
        key=key,
        category=category,
        instrument=instrument,
        bars=bars,
        metre=metre,
        chords=chords,
        tags=tuple(tag or ()),
        limit=limit + 1,
    )
    found = frame.head(limit)
    if format_ is Format.CSV and not as_json:
        typer.echo(found.with_columns(found["tags"].list.join("|")).write_csv(), nl=False)
    elif as_json or found.height:
        show(found, lambda found: _listed(found, _PART if part else _FILE, full=full), as_json=as_json)
    more = "the first " if frame.height > limit else ""
    said = number_of(found.height, "part" if part else "file")
    typer.echo(f"{more}{said}{'; --limit shows more' if more else ''}", err=True)
    say_touched(database_path(db))
    return ExitCode.OK if found.height else ExitCode.FAILURE


def say_touched(database: Path) -> None:
    """Say how many files of the library were changed since their figures were found, if any."""
    from etl.pipelines.midi.find import count_touched

    if count := count_touched(database):
        files, have, them = ("file", "has", "it") if count == 1 else ("files", "have", "them")
        typer.echo(
            f"{count:,} {files} of the library {have} changed since then; `etl midi run` looks at {them}",
            err=True,
        )


def _listed(found: pl.DataFrame, columns: tuple[str, ...], *, full: bool) -> str:
    rows = [[_counted_from_one(name, row[name]) for name in columns] for row in found.iter_rows(named=True)]
    return table(columns, rows, right=[name in _NUMBERS for name in columns], full=full)


def _counted_from_one(column: str, value: Any) -> Any:
    """Count tracks and channels as the names of parts do."""
    return value + 1 if column in {"track", "channel"} else value
