"""`etl library` commands that list tracks and say what is in their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import Full, table, unlisted_lines
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.audio.duplicates import Duplicates
    from etl.pipelines.audio.find import FoundTracks
    from etl.pipelines.audio.show import ShownFile
    from etl.pipelines.audio.similar import ListedTrack, SimilarTracks

app = typer.Typer()

Playlist = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write the list as an M3U8 playlist; `-` is standard output."),
]


@app.command(epilog="Example: etl library similar 'Anna - Blue' 'Moon River' --per-artist 2 -o like.m3u8")
def similar(
    tracks: Annotated[list[str], typer.Argument(help="Titles, `artist - title`, paths or track ids.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="List at most this many tracks.")] = 50,
    per_artist: Annotated[
        int | None, typer.Option(min=1, help="List at most this many tracks by one artist.")
    ] = None,
    windowed: Annotated[
        bool, typer.Option("--windowed", help="Compare descriptions of windows instead of beats.")
    ] = False,
    genres: Annotated[
        float,
        typer.Option(min=0, max=1, help="Weight of similar genres, 0 to 1; the rest is sound."),
    ] = 0.0,
    output: Playlist = None,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """List the tracks that sound most like one or more tracks."""
    from etl.audio.features import Mode
    from etl.pipelines.audio.similar import SimilarRequest, similar_tracks

    check_name(output, ".m3u8", ways={})
    mode = Mode.WINDOW if windowed else Mode.BEAT
    request = SimilarRequest(tuple(tracks), limit, per_artist, mode, output, genres)
    found = similar_tracks(database_path(db), request)
    aside = is_standard_output(output)
    show(found, lambda found: _similar_lines(found, full=full), as_json=as_json, aside=aside)


@app.command(epilog="Example: etl library find blue anna -o blue.m3u8")
def find(
    words: Annotated[list[str], typer.Argument(help="Words of artist, title, album, genre or path.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="List at most this many tracks.")] = 100,
    output: Playlist = None,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> int:
    """List tracks with all these words in their tags or path; exits with 1 if there are none."""
    from etl.pipelines.audio.find import find_tracks

    check_name(output, ".m3u8", ways={})
    found = find_tracks(database_path(db), words, limit=limit, output=output)
    aside = is_standard_output(output)
    show(found, lambda found: _found_lines(found, full=full), as_json=as_json, aside=aside)
    return 0 if found.tracks else 1


@app.command(epilog="Example: etl library duplicates -o copies.m3u8")
def duplicates(output: Playlist = None, db: Database = None, as_json: AsJson = False) -> None:
    """List tracks that exist more than once: with the same sound, or nearly the same."""
    from etl.pipelines.audio.duplicates import find_duplicates

    check_name(output, ".m3u8", ways={})
    found = find_duplicates(database_path(db), output)
    aside = is_standard_output(output)
    show(found.groups, lambda _: _duplicate_lines(found), as_json=as_json, aside=aside)


@app.command("show", epilog="Example: etl library show song.flac")
def show_file(
    file: Annotated[Path, typer.Argument(help="An audio file; no store is needed.")],
    windowed: Annotated[
        bool, typer.Option("--windowed", help="Three windows of 30 s rather than all beats of the track.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the tags of a file, and tempo, key and loudness of its sound."""
    from etl.audio.features import Mode
    from etl.pipelines.audio.show import show_file as look
    from etl.runtime.watch.renderers import renderers

    shown = look(file, Mode.WINDOW if windowed else Mode.BEAT, renderers())
    show(shown, _shown_lines, as_json=as_json)


@app.command(epilog="Example: etl library rekordbox -o rekordbox.xml --where \"genre = 'House'\"")
def rekordbox(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The XML to write; `-` is standard output.")
    ] = Path("rekordbox.xml"),
    where: Annotated[
        str | None, typer.Option(help="SQL condition over the columns of view `library`.")
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Write a collection for Rekordbox: tags, tempo, key and beat grid of the described tracks."""
    from etl.pipelines.audio.rekordbox import export_rekordbox

    check_name(output, ".xml", ways={})
    made = export_rekordbox(database_path(db), output, where)
    show(
        made,
        lambda collection: f"{number_of(collection.tracks, 'track')} in {collection.output}",
        as_json=as_json,
        aside=is_standard_output(output),
    )


def _duplicate_lines(found: Duplicates) -> str:
    lines = []
    for group in found.groups:
        lines.append(f"{group.sameness}:")
        for copy in group.tracks:
            name = " - ".join(text for text in (copy.artist, copy.title) if text)
            lines.append(f"  {one_line(copy.path)}  {one_line(name)}".rstrip())
    extra = sum(len(group.tracks) - 1 for group in found.groups)
    more = f"{number_of(len(found.groups), 'recording')} more than once, {number_of(extra, 'copy')} in all"
    return "\n".join([*lines, more, *_written(found)])


def _shown_lines(shown: ShownFile) -> str:
    lines = [str(shown.path)]
    for title, values in (("tags", shown.tags), ("sound", shown.sound)):
        lines.append(f"{title}:")
        width = max((len(name) for name in values), default=0)
        lines += [
            f"  {name:<{width}}  {f'{value:.2f}' if isinstance(value, float) else one_line(str(value))}"
            for name, value in values.items()
        ]
    return "\n".join(lines)


def _similar_lines(found: SimilarTracks, *, full: bool) -> str:
    seeds = "; ".join(_name(seed) for seed in found.seeds)
    return "\n".join([f"like {seeds}:", *_track_table(found.tracks, full=full), *_written(found)])


def _found_lines(found: FoundTracks, *, full: bool) -> str:
    if not found.tracks:
        return "no track has these words"
    return "\n".join([*_track_table(found.tracks, full=full), *_written(found)])


def _track_table(tracks: Sequence[ListedTrack], *, full: bool) -> list[str]:
    if not tracks:
        return ["no other track"]
    columns = ("like", "artist", "title", "bpm", "key", "path")
    rows = [
        (track.likeness, track.artist, track.title, track.bpm, track.key_name, track.path) for track in tracks
    ]
    first = 0 if tracks[0].likeness is not None else 1
    right = (True, False, False, True, False, False)
    return [table(columns[first:], [row[first:] for row in rows], right=right[first:], full=full)]


def _written(found: SimilarTracks | FoundTracks | Duplicates) -> list[str]:
    written = [] if found.output is None else [f"written: {found.output}"]
    return [*written, *unlisted_lines(found.unlisted)]


def _name(track: ListedTrack) -> str:
    return " - ".join(text for text in (track.artist, track.title) if text) or track.path
