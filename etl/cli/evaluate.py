"""`etl evaluate`: measure the analysis on data whose answers are known."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.combinations import not_with
from etl.cli.groups import examples
from etl.cli.options import AsJson
from etl.cli.output import show

if TYPE_CHECKING:
    import polars as pl

    from etl.pipelines.data3.evaluate_keys import KeyEvaluation

app = typer.Typer(help="Measure the analysis on annotated data.", no_args_is_help=True)


class Methods(StrEnum):
    """Which key finders to measure."""

    TRAINED = "trained"
    KRUMHANSL = "krumhansl"
    BOTH = "both"


class Output(StrEnum):
    """How the figures are written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


@app.callback()
def _group() -> None:
    """Keep the group a group whatever the number of its commands."""


@app.command(
    epilog=examples(
        "etl evaluate keys songs.csv",
        "etl evaluate keys songs.csv --truth annotations.csv --key-column global_key --bands 2 --format csv",
    )
)
def keys(
    context: typer.Context,
    songs: Annotated[Path, typer.Argument(help="Chord songs: a CSV with `id`, `chords` and the key.")],
    truth: Annotated[
        Path | None, typer.Option(help="A CSV with `id` and the key, if the songs have none.")
    ] = None,
    key_column: Annotated[str, typer.Option(help="The column with the annotated key.")] = "key",
    key_method: Annotated[Methods, typer.Option(help="Which key finder to measure.")] = Methods.BOTH,
    bands: Annotated[int, typer.Option(min=1, max=100, help="Number of equal confidence bands.")] = 4,
    output: Annotated[
        Output, typer.Option("--format", help="csv has the scores of each band, by method.")
    ] = Output.TEXT,
    as_json: AsJson = False,
) -> None:
    """Compare found keys with annotated ones: exact, tonic, error classes and MIREX score by confidence."""
    from etl.chords.keys import KeyMethod
    from etl.pipelines.data3.evaluate_keys import evaluate_keys

    not_with(context, "--json", "--format")
    methods = tuple(KeyMethod) if key_method is Methods.BOTH else (KeyMethod(key_method),)
    result = evaluate_keys(songs, truth=truth, key_column=key_column, methods=methods, bands=bands)
    if output is Output.CSV and not as_json:
        typer.echo(_scores(result).write_csv(), nl=False)
        return
    show(result, _describe, as_json=as_json or output is Output.JSON)


def _scores(result: KeyEvaluation) -> pl.DataFrame:
    """All scores by band, with the method in front."""
    import polars as pl

    return pl.concat(
        scores.select(pl.lit(str(method)).alias("method"), pl.all())
        for method, scores in result.scores.items()
    )


def _describe(result: KeyEvaluation) -> str:
    from etl.cli.tables import frame_table
    from etl.runtime.wording import number_of

    lines = [f"{number_of(result.songs, 'song')} compared"]
    if result.is_training_data:
        lines.append(
            "the trained method was trained on these very songs; see docs/accuracy.md for held-out figures"
        )
    lines += [
        f"left out: {rows:,} {reason.replace('_', ' ')}" for reason, rows in result.left_out.items() if rows
    ]
    for method, scores in result.scores.items():
        measured, by_chance = result.calibration_error[method], result.by_chance[method]
        lines += [
            f"\n{method}\n\n{frame_table(scores)}",
            f"\nexpected calibration error {measured:.3f}; by chance alone {by_chance:.3f}\n",
            frame_table(result.reliability[method]),
        ]
    return "\n".join(lines)
