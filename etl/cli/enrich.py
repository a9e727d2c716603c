"""`etl enrich`: add what web services know."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import Database
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path

if TYPE_CHECKING:
    from etl.pipelines.enrich_state import EnrichmentState

app = typer.Typer(help="Add names and more from web services.", no_args_is_help=True)

Budget = Annotated[
    int | None, typer.Option("--budget", min=0, help="Requests that this run may send at most.")
]
Priority = Annotated[
    str | None,
    typer.Option(
        "--priority",
        help="Songs to prefer, such as genre=jazz,decade=1970; keys: genre, main_genre, rock_genre, decade.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Sleep while Spotify wants no requests, then go on by itself.")
]
PartialEvery = Annotated[
    int,
    typer.Option("--partial-every", min=1, help="Write a partial CSV whenever so many more songs are done."),
]
LogJson = Annotated[bool, typer.Option("--log-json", help="Show the state as JSON lines on standard output.")]


@app.command(
    epilog="Examples: etl enrich spotify --estimate | etl enrich spotify --budget 1500 "
    "--priority genre=jazz,decade=1970 -o data3.csv"
)
def spotify(
    db: Database = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the data3 CSV again at the end.")
    ] = None,
    budget: Budget = None,
    priority: Priority = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say how many requests it takes and how long; send nothing.")
    ] = False,
    wait: Wait = False,
    partial_every: PartialEvery = 50_000,
    log_json: LogJson = False,
) -> None:
    """Fill artist and song names from Spotify; what is fetched once is never asked again."""
    from etl.pipelines.enrich import Enrichment, enrich
    from etl.pipelines.enrich_estimate import estimate as estimated
    from etl.pipelines.spotify_service import spotify_settings
    from etl.services.credentials import spotify_credentials

    database = database_path(db)
    preferred = parse_priority(priority)
    settings = spotify_settings()
    if estimate:
        try:
            credentials = spotify_credentials()
        except EtlError:
            credentials = None
        typer.echo(estimated(database, credentials, settings, preferred))
        return
    request = Enrichment(
        database=database,
        command=this_command(),
        folder=output.parent if output else Path(),
        output=output,
        budget=budget,
        priority=preferred,
        wait=wait,
        partial_every=partial_every,
        log_json=log_json,
    )
    if not database.exists():
        raise EtlError(f"there is no store at {database}.", "Build one with `etl build data3`, or pass --db.")
    state = enrich(request, spotify_credentials(), settings)
    if not log_json:
        typer.echo(describe(state, output))


def parse_priority(text: str | None) -> dict[str, list[str]]:
    """Read ``genre=jazz,genre=blues,decade=1970``: values of one key are alternatives.

    Raises
    ------
    EtlError
        For a key that songs have no column for.
    """
    from etl.store.spotify import PRIORITY_KEYS

    priority: dict[str, list[str]] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in PRIORITY_KEYS or not equals or not value:
            raise EtlError(
                f"--priority cannot be read at `{part.strip()}`.",
                f"Write key=value with a key of: {', '.join(PRIORITY_KEYS)}.",
                exit_code=ExitCode.USAGE,
            )
        priority.setdefault(key, []).append(value)
    return priority


def this_command() -> str:
    """Spell the command line that runs now, to be run again."""
    return shlex.join(["etl", *sys.argv[1:]])


def describe(state: EnrichmentState, output: Path | None) -> str:
    """Say what an enrichment did."""
    lines = [
        f"{state.answered:,} ids answered with {state.requests:,} requests: "
        + ", ".join(f"{number:,} {status}" for status, number in state.answers.items()),
        f"complete: {state.songs_settled:,} of {state.songs:,} songs",
    ]
    if output is not None:
        lines.append(f"written: {output}")
    else:
        lines.append("write the CSV with: etl export data3")
    return "\n".join(lines)
