"""`etl library plot`: a track, or the whole library, as a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.combinations import only_with
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from etl.pipelines.audio.draw import Picture

app = typer.Typer()


class Color(StrEnum):
    """What the colors of an overview stand for."""

    KEY = "key"
    GENRE = "genre"


@app.command(
    epilog=examples("etl library plot 'Song title' -o song.png", "etl library plot --overview -o map.png")
)
def plot(
    context: typer.Context,
    track: Annotated[str | None, typer.Argument(help="Title, path or track id.")] = None,
    overview: Annotated[bool, typer.Option("--overview", help="Draw all tracks on a plane, by PCA.")] = False,
    color: Annotated[Color, typer.Option(help="What the colors of the overview stand for.")] = Color.KEY,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The PNG to write; `-` is standard output.")
    ] = Path("plot.png"),
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Draw a track (waveform, beats, chroma, tempo) or the whole library."""
    from etl.exports.pictures import Coloring
    from etl.pipelines.audio.draw import draw_overview, draw_track

    if (track is None) is not overview:
        raise EtlError("what is to be drawn?", "Give either a track or --overview.", exit_code=ExitCode.USAGE)
    only_with(context, "--overview", "--color")
    check_name(output, ".png", ways={})
    database = database_path(db)
    if track is not None:
        picture = draw_track(database, track, output)
    else:
        picture = draw_overview(database, output, color=Coloring(color))
    show(picture, _drawn_line, as_json=as_json, aside=is_standard_output(output))


def _drawn_line(drawn: Picture) -> str:
    what = number_of(drawn.tracks, "track") if drawn.track is None else one_line(drawn.track)
    return f"{what} drawn, written: {drawn.output}"
