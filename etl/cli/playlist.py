"""`etl playlist`: lists whose tracks and order are chosen together."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from etl.cli.combinations import not_with, only_with
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database
from etl.cli.output import show as print_result
from etl.cli.playlist_summary import drawn_line, kept_lines, made_lines, shown_lines
from etl.cli.tables import Full
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

app = typer.Typer(
    help="Make and show playlists of tracks or of chord songs.",
    no_args_is_help=True,
)


class Presets(StrEnum):
    """What matters in a transition."""

    BALANCED = "balanced"
    DJ = "dj"
    DISCOVERY = "discovery"


class Curves(StrEnum):
    """How loudness changes along the list."""

    FLAT = "flat"
    RISE = "rise"
    FALL = "fall"
    WAVE = "wave"


class Bases(StrEnum):
    """What a list goes by."""

    SOUND = "sound"
    HARMONY = "harmony"


def parse_seconds(text: str) -> tuple[float, float]:
    """Read least and most seconds.

    Raises
    ------
    typer.BadParameter
        If it is not that.

    Examples
    --------
    >>> parse_seconds("60-900"), parse_seconds("60-")
    ((60.0, 900.0), (60.0, inf))
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?", text.strip())
    least, most = (float(match[1]), float(match[2] or "inf")) if match else (1.0, 0.0)
    if least > most:
        raise typer.BadParameter(f"`{text}` is not a range of seconds. Write it like 60-900.")
    return least, most


def parse_map(text: str) -> tuple[str, str]:
    r"""Read what the beginning of paths becomes.

    Raises
    ------
    typer.BadParameter
        If it is not that.

    Examples
    --------
    >>> parse_map(r"/music=Z:\Music")
    ('/music', 'Z:\\Music')
    """
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise typer.BadParameter(rf"`{text}` is not a mapping. Write it like /music=Z:\Music.")
    return ours, theirs


def parse_day(text: str) -> date:
    """Read a day.

    Raises
    ------
    typer.BadParameter
        If it is not one.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"`{text}` is not a day. Write it like 2026-12-24.") from None


KeptList = Annotated[
    str, typer.Argument(metavar="LIST", help="`last`, or a number from `etl playlist list`.")
]


@app.command(
    epilog=examples(
        "etl playlist make --seed 'Anna - Blue' --count 30 -o blue.m3u8",
        "etl playlist make --from 'Moon River' --to 'Night Train' --minutes 90 --avoid last:5",
        "etl playlist make --by harmony --seed 1234 -o like.json",
    )
)
def make(
    context: typer.Context,
    seed: Annotated[
        list[str] | None,
        typer.Option(help="Track to sound like: title, `artist - title`, path or id; may be repeated."),
    ] = None,
    artist: Annotated[str | None, typer.Option(help="Only tracks by this artist.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The track to begin with.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The track to end with.")] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            min=1,
            max=1000,
            show_default="50",
            help="Number of tracks; with --minutes, as many as fit.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=1, max=6000, help="Length of the list, to within a minute.")
    ] = None,
    by: Annotated[
        Bases, typer.Option(help="Tracks by their sound, or chord songs by their harmony.")
    ] = Bases.SOUND,
    where: Annotated[
        str | None,
        typer.Option(
            help="SQL condition over path, artist, genre, year, bpm, key_name ... (songs: `song_overview`)."
        ),
    ] = None,
    curve: Annotated[Curves, typer.Option(help="How loudness changes along the list.")] = Curves.FLAT,
    avoid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Use no track of this playlist: a file, `last:5` or a number; may be repeated.",
        ),
    ] = None,
    preset: Annotated[Presets, typer.Option(help="What matters in a transition.")] = Presets.BALANCED,
    gap: Annotated[int, typer.Option(min=0, help="Tracks by others between two by the same artist.")] = 8,
    per_artist: Annotated[
        int | None, typer.Option(min=1, help="At most this many tracks by one artist.")
    ] = None,
    per_album: Annotated[
        int | None, typer.Option(min=1, help="At most this many tracks of one album.")
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="MIN-MAX", help="Length of a track in seconds.", show_default="10-1800"),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Leave out tracks whose tempo or key is less certain than this."),
    ] = None,
    exclude_genre: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave out a genre and its subgenres; may be repeated."),
    ] = None,
    day: Annotated[
        date | None,
        typer.Option(
            parser=parse_day,
            metavar="DATE",
            help="Leave out music for other seasons than that of this date.",
            show_default="today",
        ),
    ] = None,
    analyze_seconds: Annotated[
        float | None,
        typer.Option(
            min=0, help="First describe tracks that have no description yet, for about this many seconds."
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Show every term of every transition, and why other tracks were not chosen."
        ),
    ] = False,
    absolute: Annotated[bool, typer.Option("--absolute", help="Write absolute paths.")] = False,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="OURS=THEIRS", help=r"Write paths for another machine: /music=Z:\Music."
        ),
    ] = None,
    full: Full = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write an .m3u8, .jspf, .json or .csv; `-` is standard output."),
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a playlist and store it; the same library and options give the same list."""
    from etl.pipelines.playlists.make import make_playlist
    from etl.pipelines.playlists.request import Basis, PlaylistRequest, Quality
    from etl.playlists.rules import Curve

    check_name(output, ".m3u8", ".jspf", ".json", ".csv", ways={})
    only_with(context, "--output", "--absolute", "--force")
    only_with(context, "--output or --avoid", "--map")
    if by is Bases.HARMONY:
        not_with(
            context,
            "--by harmony",
            *("--absolute", "--analyze-seconds", "--confidence", "--curve", "--day", "--duration"),
            *("--exclude-genre", "--map", "--minutes", "--per-album"),
        )
    not_with(context, "--artist", "--gap")
    quality = Quality(
        seconds=parse_seconds(duration) if duration else Quality.seconds,
        confidence=confidence,
        excluded_genres=tuple(exclude_genre or ()),
        day=day or date.today(),  # noqa: DTZ011 - the season where the user is
        is_day_given=day is not None,
    )
    request = PlaylistRequest(
        seeds=tuple(seed or ()),
        artist=artist,
        first=first,
        last=last,
        count=count,
        minutes=minutes,
        where=where,
        curve=Curve(curve),
        avoid=tuple(avoid or ()),
        preset=preset.value,
        gap=gap,
        per_artist=per_artist,
        per_album=per_album,
        quality=quality,
        basis=Basis(by),
        output=output,
        absolute=absolute,
        maps=tuple(parse_map(each) for each in map_ or ()),
        force=force,
    )
    analyzed = None
    if analyze_seconds is not None:
        analyzed = _analyze(database_path(db), analyze_seconds)
    # After an analysis there have been threads.
    made = make_playlist(
        database_path(db), request, before_search=None if analyzed is not None else _load_kernels_sooner
    )
    print_result(
        made,
        lambda found: made_lines(found, gap=gap, explain=explain, analyzed=analyzed, full=full),
        as_json=as_json,
        aside=is_standard_output(output),
    )


def _load_kernels_sooner() -> None:
    from etl.runtime.jit import without_matrix_products

    without_matrix_products()


def _analyze(database: Path, seconds: float) -> int:
    """Describe tracks for some time; give how many."""
    from etl.pipelines.audio.artifacts import ArtifactsRequest
    from etl.pipelines.audio.run import LibraryRequest, LibraryStage, run_library
    from etl.runtime.watch.renderers import renderers

    request = LibraryRequest(
        sources=(),
        stages=(LibraryStage.SONIC,),
        artifacts=ArtifactsRequest(Path()),
        seconds=seconds,
        workers=default_workers(),
    )
    sonic = run_library(database, request, renderers(database)).sonic
    return 0 if sonic is None else sonic.described


@app.command("list", epilog="Example: etl playlist list --json")
def list_kept(full: Full = False, db: Database = None, as_json: AsJson = False) -> None:
    """List the stored playlists, newest first."""
    from etl.pipelines.playlists.kept import list_playlists

    kept = list_playlists(database_path(db))
    print_result(kept, lambda kept: kept_lines(kept, full=full), as_json=as_json)


@app.command(epilog="Example: etl playlist show last")
def show(
    playlist: KeptList = "last", full: Full = False, db: Database = None, as_json: AsJson = False
) -> None:
    """Show a stored playlist, with its curves of energy, key, tempo and transitions."""
    from etl.pipelines.playlists.kept import show_playlist

    shown = show_playlist(database_path(db), playlist)
    print_result(shown, lambda shown: shown_lines(shown, full=full), as_json=as_json)


@app.command(epilog="Example: etl playlist plot last -o list.png")
def plot(
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write; `-` is standard output.")],
    playlist: KeptList = "last",
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Draw energy, key, tempo and transitions of a stored playlist; needs the extra `plot`."""
    from etl.pipelines.playlists.draw import draw_playlist

    check_name(output, ".png", ways={})
    picture = draw_playlist(database_path(db), playlist, output)
    print_result(picture, drawn_line, as_json=as_json, aside=is_standard_output(output))
