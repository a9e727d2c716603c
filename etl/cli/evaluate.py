"""`etl evaluate`: measure the analysis on data whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="Measure the analysis on annotated data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the group a group whatever the number of its commands."""


@app.command(
    epilog="Examples: etl evaluate keys songs.csv | "
    "etl evaluate keys songs.csv --truth annotations.csv --key-column global_key --bands 2"
)
def keys(
    songs: Annotated[Path, typer.Argument(help="Chord songs: a CSV with `id`, `chords` and the key.")],
    truth: Annotated[
        Path | None, typer.Option(help="A CSV with `id` and the key, if the songs have none.")
    ] = None,
    key_column: Annotated[str, typer.Option(help="The column with the annotated key.")] = "key",
    key_method: Annotated[str, typer.Option(help="trained, krumhansl, or both.")] = "both",
    bands: Annotated[int, typer.Option(min=1, max=100, help="Equal bands of confidence.")] = 4,
) -> None:
    """Compare found keys with annotated ones: exact, tonic, error classes and MIREX score by confidence."""
    from etl.chords.keys import KeyMethod
    from etl.pipelines.data3.evaluate_keys import evaluate_keys

    if key_method not in {*KeyMethod, "both"}:
        raise EtlError(f"no key method `{key_method}`.", f"Choose one of: {', '.join(KeyMethod)}, both.")
    methods = tuple(KeyMethod) if key_method == "both" else (KeyMethod(key_method),)
    result = evaluate_keys(songs, truth=truth, key_column=key_column, methods=methods, bands=bands)
    typer.echo(f"{result.songs:,} songs compared")
    if result.is_training_data:
        typer.echo(
            "the trained method has learnt from these very songs; docs/accuracy.md has held-out figures"
        )
    for reason, rows in result.left_out.items():
        if rows:
            typer.echo(f"left out: {rows:,} {reason}")
    for method in methods:
        typer.echo(f"\n## {method}\n\n{_markdown(result.scores[method])}")
        typer.echo(f"\nExpected calibration error {result.calibration_error[method]:.3f}\n")
        typer.echo(_markdown(result.reliability[method]))


def _markdown(table: pl.DataFrame) -> str:
    """Write a frame as a Markdown table; shares get three decimals."""
    lines = [table.columns, ["---"] * table.width]
    lines += [
        [f"{value:.3f}" if isinstance(value, float) else f"{value}" for value in row]
        for row in table.iter_rows()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
