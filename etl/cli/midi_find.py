"""`etl midi find`: files and parts of the library by what they are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import one_line
from etl.runtime.settings import database_path

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer()


class Format(StrEnum):
    """How a list is printed."""

    TEXT = "text"
    CSV = "csv"


@app.command(epilog="Example: etl midi find --part --instrument bass --bpm 118-124 --key Am --bars 4-8")
def find(
    words: Annotated[list[str] | None, typer.Argument(help="Words of the name, all of them.")] = None,
    part: Annotated[bool, typer.Option("--part", help="List parts, not whole files.")] = False,
    bpm: Annotated[str | None, typer.Option(help="A tempo or a range: 118-124.")] = None,
    key: Annotated[str | None, typer.Option(help="A key: Am, 'F# minor', Bb.")] = None,
    category: Annotated[str | None, typer.Option(help="A category, or the start of one: bass, drum.")] = None,
    instrument: Annotated[
        str | None, typer.Option(help="What the part, or one of the file, plays: piano, 'slap bass', drums.")
    ] = None,
    bars: Annotated[str | None, typer.Option(help="A number of bars or a range: 4-8.")] = None,
    metre: Annotated[str | None, typer.Option(help="A time signature: 3/4.")] = None,
    chords: Annotated[
        str | None, typer.Option(help="Chords of the song in a row, as Roman numerals: 'I V vi IV'.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 50,
    format_: Annotated[Format, typer.Option("--format", help="CSV has all columns.")] = Format.TEXT,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """List matching files or parts, most certain first."""
    from etl.pipelines.midi.find import find_files, find_parts

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
        show(found, _parts if part else _files, as_json=as_json)
    more = "the first " if frame.height > limit else ""
    what = "parts" if part else "files"
    typer.echo(f"{more}{found.height:,} {what}{'; --limit shows more' if more else ''}", err=True)


def _files(found: pl.DataFrame) -> str:
    return "\n".join(f"{_figures(row)}  {one_line(row['path'])}" for row in found.iter_rows(named=True))


def _parts(found: pl.DataFrame) -> str:
    rows = list(found.iter_rows(named=True))
    width = max((len(row["instrument"]) for row in rows), default=0)
    lines = []
    for row in rows:
        # Tracks and channels are counted from 1, as in the names of parts.
        place = f"track {row['track'] + 1}, channel {row['channel'] + 1}"
        name = f", {one_line(row['name'])}" if row["name"] else ""
        bars = "-" if row["bars"] is None else row["bars"]
        lines.append(
            f"{_figures(row)}  {bars:>4} bars  {row['instrument']:{width}}  "
            f"{one_line(row['path'])} ({place}{name})"
        )
    return "\n".join(lines)


def _figures(row: dict[str, Any]) -> str:
    tempo = f"{row['bpm']:6.1f}" if row["bpm"] is not None else f"{'-':>6}"
    return f"{tempo}  {row['key'] or '-':9}  {row['category'] or '-':12}"
