"""`etl demo`: the whole path on the bundled sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson
from etl.cli.output import show

if TYPE_CHECKING:
    from etl.pipelines.data3.demo import Demonstration

app = typer.Typer()

_TEXT_SHOWN = 64


@app.command("demo", epilog="Example: etl demo tryout")
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to build in; created if it does not exist.")] = Path(
        "demo"
    ),
    as_json: AsJson = False,
) -> None:
    """Build the bundled Billboard sample and show what comes out."""
    from etl.pipelines.data3.demo import demonstrate
    from etl.runtime.watch.renderers import renderers

    show(demonstrate(folder, renderers()), _describe, as_json=as_json)


def _describe(shown: Demonstration) -> str:
    from etl.cli.build_summary import describe
    from etl.cli.tables import frame_table

    lines = [
        "McGill Billboard sample (CC0): 739 songs transcribed by people\n",
        describe(shown.build),
        "\nThe first rows of data3.csv, shortened:\n",
    ]
    for row in shown.rows.iter_rows(named=True):
        lines.append(f"  id {row['id']}  {row['release_date']}  {row['key']}")
        lines += [
            f"    {name:21} {row[name][:_TEXT_SHOWN]} ..."
            for name in ("chords", "roman_numerals", "harmonic_fingerprint")
        ]
    lines += [
        f"\nKeys:\n\n{frame_table(shown.keys)}",
        (
            "\nCommonest progressions of four chords (etl query progressions -p n=4):\n\n"
            f"{frame_table(shown.progressions)}"
        ),
        f"\nAsk your own: etl query 'SELECT * FROM song_overview LIMIT 5' --db {shown.build.database}",
    ]
    return "\n".join(lines)
