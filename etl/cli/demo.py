"""`etl demo`: the whole path on the bundled sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to build; made if it is not there.")] = Path("demo"),
) -> None:
    """Build the bundled 739-song Billboard sample and show what comes out."""
    from etl.cli.build import describe
    from etl.cli.tables import table
    from etl.pipelines.data3.demo import demonstrate
    from etl.runtime.progress import Progress

    with Progress("songs") as progress:
        shown = demonstrate(folder, progress)
    typer.echo("McGill Billboard sample (CC0): 739 songs transcribed by people\n")
    typer.echo(describe(shown.request, shown.summary))
    typer.echo("\nThe first rows of data3.csv, shortened:\n")
    for row in shown.rows.iter_rows(named=True):
        typer.echo(f"  id {row['id']}  {row['release_date']}  {row['key']}")
        for name in ("chords", "roman_numerals", "harmonic_fingerprint"):
            typer.echo(f"    {name:21} {row[name][:64]} ...")
    typer.echo("\nKeys:\n")
    typer.echo(table(*shown.keys))
    typer.echo("\nCommonest progressions of four chords (etl query progressions -p n=4):\n")
    typer.echo(table(*shown.progressions))
    typer.echo(
        f"\nAsk your own: etl query 'SELECT * FROM song_overview LIMIT 5' --db {folder / 'music.duckdb'}"
    )
