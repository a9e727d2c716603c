"""`etl midi roll`: a MIDI file as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson
from etl.cli.output import show
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.pipelines.midi.roll import Roll

app = typer.Typer()


@app.command(epilog="Example: etl midi roll song.mid -o song.svg")
def roll(
    file: Annotated[Path, typer.Argument(help="The MIDI file.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The SVG to write; `-` is standard output.")],
    as_json: AsJson = False,
) -> None:
    """Draw a file as a piano roll: bars across, pitches up, a color for each part."""
    from etl.pipelines.midi.roll import draw_roll
    from etl.runtime.watch.renderers import renderers

    check_name(output, ".svg", ways={})
    show(draw_roll(file, output, renderers()), _line, as_json=as_json, aside=is_standard_output(output))


def _line(made: Roll) -> str:
    return (
        f"{number_of(made.notes, 'note')} in {number_of(made.parts, 'part')}, "
        f"written: {made.output} ({made.bytes:,} bytes)"
    )
