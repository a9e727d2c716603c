"""`etl enrich`: add what web services know; one command for each service of the catalog."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.combinations import not_with
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of
from etl.services.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.pipelines.enrich.estimate import Estimate
    from etl.pipelines.enrich.request import Enrichment
    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.services.contract import Service

app = typer.Typer(help="Add names and more from web services.", no_args_is_help=True)

Budget = Annotated[
    int | None, typer.Option("--budget", min=0, help="Maximum number of requests for this run.")
]
Priority = Annotated[
    str | None,
    typer.Option(
        "--priority",
        help="Songs to do first: genre=jazz,decade=1970; keys: genre, main_genre, rock_genre, decade.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait out rate limits and continue automatically.")]
PartialEvery = Annotated[
    int, typer.Option("--partial-every", min=1, help="Write a partial CSV every N finished songs.")
]
PartialKeep = Annotated[
    int, typer.Option("--partial-keep", min=1, help="Keep the N newest partial CSVs of this store.")
]
LogJson = Annotated[bool, typer.Option("--log-json", help="Show the state as JSON lines on standard output.")]


def _command(name: str) -> Callable[..., None]:
    def command(
        context: typer.Context,
        db: Database = None,
        output: Annotated[
            Path | None, typer.Option("--output", "-o", help="Rewrite the data3 CSV at the end.")
        ] = None,
        budget: Budget = None,
        priority: Priority = None,
        estimate: Annotated[
            bool,
            typer.Option("--estimate", help="Show how many requests it would take, and how long."),
        ] = False,
        wait: Wait = False,
        partial_every: PartialEvery = 50_000,
        partial_keep: PartialKeep = 1,
        log_json: LogJson = False,
        as_json: AsJson = False,
    ) -> None:
        from etl.pipelines.enrich.estimate import estimate as estimated
        from etl.pipelines.enrich.request import Enrichment
        from etl.services import catalog
        from etl.services.settings import limits_path, service_settings

        not_with(
            context,
            "--estimate",
            "--output",
            "--budget",
            "--wait",
            "--partial-every",
            "--partial-keep",
            "--log-json",
        )
        not_with(context, "--log-json", "--json")
        check_name(output, ".csv")
        if log_json and is_standard_output(output):
            raise EtlError(
                "--log-json writes to standard output as well.", "Give a file.", exit_code=ExitCode.USAGE
            )
        database = database_path(db)
        preferred = parse_priority(priority)
        settings = service_settings(name)
        if estimate:
            try:
                service = catalog.configured(name, settings)
            except EtlError:  # without credentials nothing is known about the account
                service = catalog.unidentified(name, settings)
            ahead = estimated(database, service, preferred, limits_path())
            show(ahead, describe_estimate, as_json=as_json)
            return
        if not database.exists():
            raise EtlError(
                f"there is no store at {database}.", "Build one with `etl build data3`, or pass --db."
            )
        request = Enrichment(
            database=database,
            command=this_command(),
            folder=output.parent if output else Path(),
            output=output,
            budget=budget,
            priority=preferred,
            wait=wait,
            partial_every=partial_every,
            partial_keep=partial_keep,
            patience=settings.patience,
            contact=settings.contact,
        )
        result = run_enrichment(request, catalog.configured(name, settings), log_json=log_json)
        if not log_json:
            aside = is_standard_output(output)
            show(result, lambda result: describe(result, output), as_json=as_json, aside=aside)

    return command


for _name, _summary in SERVICES.items():
    app.command(
        _name,
        help=_summary,
        epilog=examples(
            f"etl enrich {_name} --estimate",
            f"etl enrich {_name} --budget 1500 --priority genre=jazz,decade=1970 -o data3.csv",
        ),
    )(_command(_name))


def run_enrichment(request: Enrichment, service: Service, *, log_json: bool) -> EnrichmentResult:
    """Run an enrichment, and show it while it lasts."""
    from etl.pipelines.enrich.run import enrich
    from etl.runtime.watch.renderers import renderers

    return enrich(request, service, renderers(request.database, log_json=log_json))


def parse_priority(text: str | None) -> dict[str, list[str]]:
    """Read ``genre=jazz,genre=blues,decade=1970``: values of one key are alternatives.

    Raises
    ------
    EtlError
        For a key that songs have no column for.
    """
    from etl.store.preferences import PRIORITY_KEYS

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


def describe(result: EnrichmentResult, output: Path | None) -> str:
    """Say what an enrichment did."""
    by_status = ", ".join(f"{number:,} {status}" for status, number in result.answers.items())
    asked = number_of(result.requests, "request")
    lines = [f"{number_of(result.answered, 'id')} answered with {asked}: {by_status}"]
    if result.answered:
        share = result.answers["found"] / result.answered
        lines.append(f"coverage: {share:.1%} of the requested ids were found")
    if not result.ids and not result.cached:
        source = "; `etl enrich musicbrainz` finds the MBIDs" if result.gives == "tags" else ""
        lines.append(f"no song has an id to ask about{source}")
    if doubtful := result.answers["error"]:
        lines.append(
            f"{number_of(doubtful, 'id')} failed or were not found; the next run asks about them again"
        )
    lines.append(
        f"{result.gives}: {result.songs_named:,} of {number_of(result.songs, 'song')}, "
        f"{result.songs_complete:,} complete, "
        f"{result.songs - result.songs_settled:,} with ids still to ask about"
    )
    if output is not None:
        lines.append(f"written: {output}")
    elif result.gives == "names":
        lines.append("write the CSV with: etl export data3")
    return "\n".join(lines)


def describe_estimate(ahead: Estimate) -> str:
    """Say what an enrichment takes."""
    kinds = " and ".join(number_of(number, kind) for kind, number in ahead.ids.items())
    quota = (
        "no daily quota known" if ahead.per_day is None else f"{number_of(ahead.per_day, 'request')} a day"
    )
    lines = [
        f"to ask: {kinds}; known already: {number_of(ahead.cached, 'id')}",
        f"limits: {ahead.per_second:g} requests a second, {quota}",
    ]
    if ahead.sent_today:
        lines.append(f"sent in the last 24 hours: {number_of(ahead.sent_today, 'request')}")
    if ahead.parked_until is not None:
        until = datetime.fromtimestamp(ahead.parked_until).astimezone()
        lines.append(f"parked until {until:%Y-%m-%d %H:%M:%S %Z}; the times below begin now")
    for way in ahead.ways:
        how = "one id at a time" if way.portion == 1 else f"in batches of {way.portion}"
        lines.append(f"{how}: {number_of(way.requests, 'request')}, {days(way.seconds)}")
    if len(ahead.portions) > 1:
        lines.append("whether this app may use batches shows with its first request")
    return "\n".join(lines)


def days(seconds: float) -> str:
    """Write seconds for people, in days where they are many.

    Examples
    --------
    >>> days(3 * 86_400), days(7384)
    ('3.0 days', '2 h 3 min')
    """
    from etl.runtime.watch.format import duration

    return duration(seconds) if seconds < 2 * 86_400 else f"{seconds / 86_400:,.1f} days"
