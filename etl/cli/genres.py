"""`etl genres`: one name for each genre, what is near to it, and matrices of them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from etl.cli.combinations import not_with
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import Full, table
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from etl.pipelines.genres.export import GenreExport
    from etl.pipelines.genres.fetch import FetchResult
    from etl.pipelines.genres.plan import GenrePlan
    from etl.pipelines.genres.show import GenreCard, GenreStats

app = typer.Typer(help="Fetch, show and export genres of songs and tracks.", no_args_is_help=True)


class Items(StrEnum):
    """What has genres."""

    TRACKS = "tracks"
    SONGS = "songs"


@app.command(
    epilog=examples(
        "etl genres fetch --estimate",
        "etl genres fetch --limit 500",
        "etl genres fetch --db data/music.duckdb",
    )
)
def fetch(
    context: typer.Context,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Show how many requests it would take, and how long.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be asked without asking.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Ask each service about at most N artists and albums.", metavar="N"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="At most N requests at a time; default: what the rates allow.", metavar="N"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask again about known artists and albums.")] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Fetch genres of the library from MusicBrainz, ListenBrainz and Last.fm, and unify their names.

    MusicBrainz needs ETL_CONTACT, Last.fm LASTFM_API_KEY; without them they are skipped. Your own names and
    aliases go into `genres.yaml` beside the store; numbers that you change in `genre_similarity.yaml` stay.
    """
    from etl.pipelines.genres.fetch import fetch_genres
    from etl.pipelines.genres.plan import plan_questions
    from etl.pipelines.genres.questions import GenreQuestions
    from etl.runtime.watch.renderers import renderers

    not_with(context, "--estimate", "--dry-run")
    database = database_path(db)
    questions = GenreQuestions(force, limit, workers)
    if estimate or dry_run:
        show(plan_questions(database, questions), _plan_lines, as_json=as_json)
    else:
        show(fetch_genres(database, questions, renderers(database)), fetch_lines, as_json=as_json)


@app.command("show", epilog="Example: etl genres show 'trip hop'")
def show_one(
    genre: Annotated[str, typer.Argument(help="The genre, in any spelling.")],
    most: Annotated[int, typer.Option("--limit", min=1, help="Show at most N neighbors.", metavar="N")] = 15,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show a genre: its neighbors and why, its tracks and songs, and its spellings."""
    from etl.pipelines.genres.show import show_genre

    card = show_genre(database_path(db), genre)
    show(card, lambda card: _card(card, most, full=full), as_json=as_json)


@app.command(epilog="Example: etl genres stats --limit 50")
def stats(
    most: Annotated[int, typer.Option("--limit", min=1, help="List at most N genres.", metavar="N")] = 20,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show how many songs and tracks have genres, the most common ones, and what was rejected."""
    from etl.pipelines.genres.show import genre_stats

    found = genre_stats(database_path(db), most)
    show(found, lambda found: _stats_lines(found, full=full), as_json=as_json)


@app.command(epilog="Example: etl genres export -o genres.npz --of songs")
def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="An .npz of matrices, a .parquet or .csv of rows, or a .yaml of similar genres.",
        ),
    ],
    of: Annotated[Items, typer.Option(help="Genres of tracks or of songs.")] = Items.TRACKS,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Write genres for models: raw, smoothed over similar genres, and with their parent genres."""
    from etl.pipelines.genres.export import export_genres

    check_name(output, ".npz", ".parquet", ".csv", ".yaml", ways={})
    made = export_genres(database_path(db), output, item=of.value)
    show(made, _export_line, as_json=as_json, aside=is_standard_output(output))


def _plan_lines(plan: GenrePlan) -> str:
    from etl.runtime.watch.format import duration

    lines = []
    for source in plan.sources:
        kinds = [number_of(count, _KINDS[kind]) for kind, count in source.ids.items() if count]
        what = f"{' and '.join(kinds) or 'nothing'} to ask"
        if source.skipped:
            lines.append(f"{source.source}: {what}; skipped: {source.skipped}")
        else:
            asked = number_of(source.requests, "request")
            lines.append(f"{source.source}: {what}, {asked}, {duration(source.seconds)}")
    in_all = number_of(plan.requests, "request")
    return "\n".join([*lines, f"in all: {in_all}, {duration(plan.seconds)}"])


_KINDS: Final = {
    "tagged_artist": "artist",
    "artist": "artist",
    "named_artist": "artist name",
    "release_group": "album",
    "release": "release",
    "named_release_group": "album title",
}


def fetch_lines(result: FetchResult) -> str:
    """Say what services answered, and what genres there are."""
    lines = []
    for source in result.sources:
        left = f", {source.left:,} left for the next run" if source.left else ""
        counts = f"{source.found:,} found, {source.none:,} none, {source.errors:,} failed{left}"
        line = f"{source.source}: {counts} with {number_of(source.requests, 'request')}"
        if source.skipped and not source.requests:
            line = f"{source.source}: skipped"
        why = f"{source.skipped.rstrip('.')}. {source.hint}".rstrip()
        lines.append(f"{line}: {why}" if source.skipped else line)
    genres = result.genres
    if genres is None:
        lines.append("no song or track has a genre")
    else:
        lines.append(
            f"{number_of(genres.tags, 'different tag')}: {number_of(genres.genres, 'genre')} "
            f"({genres.unknown:,} not in the vocabulary), {number_of(genres.facets, 'facet')}, "
            f"{genres.rejects:,} rejected"
        )
        lines.append(
            f"{number_of(genres.pairs, 'pair')} of near genres ({genres.by_user:,} of them yours) "
            f"in {genres.similarity}"
        )
    return "\n".join(lines)


def _card(card: GenreCard, most: int, *, full: bool) -> str:
    lines = [
        card.name + (f", a kind of {', '.join(card.parents)}" if card.parents else ""),
        f"{number_of(card.tracks, 'track')}, {number_of(card.songs, 'song')}",
        f"spelled {', '.join(card.spellings[:8])}",
    ]
    if card.some_tracks:
        named = (" - ".join(part for part in track if part) or "untitled" for track in card.some_tracks)
        lines.append(f"tracks: {'; '.join(map(one_line, named))}")
    if card.some_songs:
        lines.append(f"songs: {', '.join(map(one_line, card.some_songs))}")
    if card.keys:
        lines.append("keys: " + ", ".join(f"{key} {count:,}" for key, count in card.keys))
    if card.progressions:
        counted = (f"{progression} ({count:,})" for progression, count in card.progressions)
        lines.append(f"progressions: {', '.join(counted)}")
    rows = [
        (
            near.name,
            *(near.weight, near.first, near.second, near.words, near.parent, near.jaccard),
            "yours" if near.by_user else "",
        )
        for near in card.neighbours[:most]
    ]
    columns = ("near", "weight", "same tracks", "same company", "words", "parent", "jaccard", "")
    return "\n".join([*lines, "", table(columns, rows, right=[False, *[True] * 6, False], full=full)])


def _stats_lines(stats: GenreStats, *, full: bool) -> str:
    parts = [
        table(
            ("item", "source", "tagged", "with a tag", "with a genre"),
            [
                (item, source, about, f"{tagged:,}", f"{named:,}")
                for item, source, about, tagged, named in stats.coverage.iter_rows()
            ],
            right=[False, False, False, True, True],
            full=full,
        ),
        *(
            [
                table(
                    ("service", "asked about", "answer", "count"),
                    [
                        (source, kind, status, f"{number:,}")
                        for source, kind, status, number in stats.answers.iter_rows()
                    ],
                    right=[False, False, False, True],
                    full=full,
                )
            ]
            if stats.answers.height
            else []
        ),
        table(
            ("genre", "tracks", "songs", ""),
            [
                (name, f"{tracks:,}", f"{songs:,}", "" if known else "not in the vocabulary")
                for name, tracks, songs, known in stats.top.iter_rows()
            ],
            right=[False, True, True, False],
            full=full,
        ),
        table(
            ("rejected as", "reason", "tags", "examples"),
            [
                (kind, reason, f"{tags:,}", ", ".join(examples))
                for kind, reason, tags, examples in stats.rejects.iter_rows()
            ],
            right=[False, False, True, False],
            full=full,
        ),
        f"{number_of(stats.orphans, 'genre')} without a parent in the vocabulary; `genres.yaml` can give it.",
    ]
    return "\n\n".join(parts)


def _export_line(made: GenreExport) -> str:
    return f"{number_of(made.rows, 'row')}, {number_of(made.genres, 'genre')} in {made.output}"
