"""`etl playlist`: lists whose tracks and order are chosen together."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import one_line, table
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.settings import database_path

if TYPE_CHECKING:
    from etl.exports.playlist import PlaylistEntry
    from etl.pipelines.playlists.make import Playlist

app = typer.Typer(help="Playlists of described tracks: chosen and ordered together.", no_args_is_help=True)


class Presets(StrEnum):
    """What counts in a transition."""

    BALANCED = "balanced"
    DJ = "dj"
    DISCOVERY = "discovery"


class Curves(StrEnum):
    """How loudness goes along the list."""

    FLAT = "flat"
    RISE = "rise"
    FALL = "fall"
    WAVE = "wave"


@app.callback()
def _group() -> None:
    """Keep `make` a command of its own."""


@app.command(epilog="Example: etl playlist make --seed 'Anna - Blue' --count 30 --preset dj -o blue.m3u8")
def make(
    seed: Annotated[
        list[str] | None,
        typer.Option(help="It should sound like this: title, `artist - title`, path or id; repeat for more."),
    ] = None,
    artist: Annotated[str | None, typer.Option(help="Only tracks by this artist.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The track to begin with.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The track to end with.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many tracks.")] = 50,
    where: Annotated[
        str | None, typer.Option(help="SQL condition over path, artist, genre, year, bpm, key_name ...")
    ] = None,
    curve: Annotated[Curves, typer.Option(help="How loudness goes along the list.")] = Curves.FLAT,
    avoid: Annotated[
        list[Path] | None, typer.Option(help="Take nothing from this playlist; repeat for more.")
    ] = None,
    preset: Annotated[Presets, typer.Option(help="What counts in a transition.")] = Presets.BALANCED,
    gap: Annotated[int, typer.Option(min=0, help="Tracks of others between two of one artist.")] = 8,
    per_artist: Annotated[
        int | None, typer.Option(min=1, help="At most this many tracks of one artist.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show every term of every transition.")] = False,
    absolute: Annotated[bool, typer.Option("--absolute", help="Write whole paths.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write an .m3u8, .json or .csv; `-` is standard output."),
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a playlist; the same library and options give the same list."""
    from etl.pipelines.playlists.make import PlaylistRequest, make_playlist
    from etl.playlists.choose import Curve

    check_name(output, ".m3u8", ".json", ".csv", ways={})
    request = PlaylistRequest(
        seeds=tuple(seed or ()),
        artist=artist,
        first=first,
        last=last,
        count=count,
        where=where,
        curve=Curve(curve),
        avoid=tuple(avoid or ()),
        preset=preset.value,
        # All tracks of one artist cannot lie apart.
        gap=0 if artist else gap,
        per_artist=per_artist,
        output=output,
        absolute=absolute,
    )
    made = make_playlist(database_path(db), request)
    show(
        made, lambda found: _lines(found, explain=explain), as_json=as_json, aside=is_standard_output(output)
    )


def _lines(made: Playlist, *, explain: bool) -> str:
    minutes = sum(track.duration_s or 0 for track in made.tracks) / 60
    lines = [_table(made.tracks, explain=explain), ""]
    lines.append(
        f"{len(made.tracks):,} tracks, {minutes:.0f} minutes; transitions {made.mean:.2f} on average, "
        f"{made.dearest:.2f} at most"
    )
    lines += [f"{option} left out {count:,} tracks" for option, count in made.left_out.items()]
    if made.broken:
        lines.append(f"{made.broken:,} times an artist had to come nearer or oftener than asked")
    lines += [f"changed nothing: {option}" for option in made.unused]
    if made.output is not None:
        lines.append(f"written: {made.output}")
    return "\n".join(lines)


def _table(tracks: list[PlaylistEntry], *, explain: bool) -> str:
    terms = list(next((track.terms for track in tracks if track.terms), {})) if explain else []
    rows = [
        (
            number,
            one_line(" - ".join(text for text in (track.artist, track.title) if text) or track.path),
            "" if track.bpm is None else f"{track.bpm:.0f}",
            track.camelot or "",
            "" if track.loudness_lufs is None else f"{track.loudness_lufs:.1f}",
            "" if track.transition is None else f"{track.transition:.2f}",
            *("" if track.terms is None else f"{track.terms[term]:.2f}" for term in terms),
        )
        for number, track in enumerate(tracks, 1)
    ]
    columns = ("", "track", "bpm", "key", "LUFS", "transition", *terms)
    return table(columns, rows, right=[True, False, True, False, True, *[True] * (1 + len(terms))])
