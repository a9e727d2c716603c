"""`etl batch`: many items described locally and by a language model, under its limits, for days."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from etl.cli.batch_options import (
    ASKING,
    ITEMS,
    PLANNING,
    SPENDING,
    WORKING,
    Engines,
    Job,
    Layouts,
    LogJson,
    Priorities,
    Tasks,
    Wait,
    taking,
)
from etl.cli.combinations import given_options, not_with, only_with
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etl.pipelines.batch.request import BatchOptions, BatchRequest
    from etl.pipelines.batch.run import BatchResult
    from etl.services.chat_settings import ChatSettings

app = typer.Typer(
    help="Describe many samples, songs or rows with a language model.",
    no_args_is_help=True,
)


@app.command(
    epilog=examples(
        "etl batch process samples --engine local",
        "etl batch process samples --tasks vibe --model openai/gpt-oss-20b:free --rpm 5 --per-day 50 --wait",
        "etl batch process --pairs samples --tasks pairs",
        "etl batch process --tasks genre "
        '--sql "SELECT track_id AS name, artist, title, year FROM library WHERE genre IS NULL"',
    )
)
@taking(ITEMS, ASKING, SPENDING, PLANNING, WORKING)
def process(
    chosen: dict[str, Any],
    context: typer.Context,
    tasks: Tasks = "local",
    wait: Wait = False,
    db: Database = None,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Describe items: measure and name them locally, then ask the model what is not known yet.

    What is answered is stored at once and never asked again. Stopped, killed or parked, the same command or
    `etl batch resume` continues.
    """
    not_with(context, "--log-json", "--json")
    _check_together(context, chosen, tasks)
    _run([_new_request(database_path(db), tasks, chosen, wait=wait)], log_json=log_json, as_json=as_json)


@app.command(epilog=examples("etl batch resume", "etl batch resume my-samples --wait"))
def resume(
    context: typer.Context,
    job: Job = None,
    wait: Wait = False,
    db: Database = None,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a job, or with all open ones, the most urgent first, as they were begun."""
    from etl.pipelines.batch.jobs import resumed

    not_with(context, "--log-json", "--json")
    requests = resumed(database_path(db), job, wait=wait, command=_this_command())
    _run([(request, _settings(request.options)) for request in requests], log_json=log_json, as_json=as_json)


@app.command(
    epilog="Example: etl batch estimate samples --tasks vibe --model x:free --batch-size auto --days 2"
)
@taking(ITEMS, ASKING, PLANNING)
def estimate(
    chosen: dict[str, Any],
    context: typer.Context,
    tasks: Tasks = "vibe",
    show_plan: Annotated[
        bool, typer.Option("--show-plan", help="Name the items of the first requests.")
    ] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say how many requests a job takes, how long, and what it costs; nothing is sent."""
    from etl.cli.batch_summary import plan_lines
    from etl.pipelines.batch.estimate import estimate as estimated

    _check_together(context, chosen, tasks)
    request, settings = _new_request(database_path(db), tasks, chosen, needs_key=False)
    show(estimated(request, settings, shown=5 if show_plan else 0), plan_lines, as_json=as_json)


@app.command(epilog="Example: etl batch status my-samples --json")
def status(job: Job = None, db: Database = None, as_json: AsJson = False) -> None:
    """Show how a job stands: items by stage and state, requests, errors by class, why items were skipped."""
    from etl.cli.batch_summary import status_lines
    from etl.pipelines.batch.jobs import job_status

    show(job_status(database_path(db), job), status_lines, as_json=as_json)


@app.command("list", epilog="Example: etl batch list --json")
def list_all(db: Database = None, as_json: AsJson = False) -> None:
    """List the jobs of a store."""
    from etl.cli.batch_summary import list_lines
    from etl.pipelines.batch.jobs import list_jobs

    show(list_jobs(database_path(db)), list_lines, as_json=as_json)


@app.command(epilog="Example: etl batch retry my-samples")
def retry(job: Job = None, db: Database = None, as_json: AsJson = False) -> None:
    """Have failed items asked again by the next run; what is answered stays."""
    from etl.pipelines.batch.jobs import retry_failed

    show(
        retry_failed(database_path(db), job),
        lambda made: (
            f"open again: {number_of(made.items, 'failed item')} of `{made.job}`; "
            f"run: etl batch resume {made.job}"
            if made.items
            else f"no item of `{made.job}` has failed"
        ),
        as_json=as_json,
    )


@app.command(epilog="Example: etl batch cancel my-samples")
def cancel(job: Job = None, db: Database = None, as_json: AsJson = False) -> None:
    """Take a job out of those that `etl batch resume` continues; answers stay."""
    from etl.pipelines.batch.jobs import cancel_job

    show(
        cancel_job(database_path(db), job),
        lambda made: f"`{made.job}` is cancelled with {number_of(made.items, 'item')} open; its answers stay",
        as_json=as_json,
    )


@app.command(
    epilog=examples("etl batch export my-samples -o samples.csv", "etl batch export --layout folders -o done")
)
def export(
    context: typer.Context,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="A .csv, .json, .jsonl, .parquet or .m3u8; with --layout folders, a folder.",
        ),
    ],
    job: Job = None,
    layout: Annotated[
        Layouts, typer.Option("--layout", help="One file, or a folder of them.")
    ] = Layouts.FILE,
    force: Annotated[
        bool, typer.Option("--force", help="Set aside a folder that holds other files.")
    ] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Write the results: a row for each item, with its state and the best answer of each task."""
    from etl.cli.batch_summary import exported_lines
    from etl.exports.batch import ENDINGS
    from etl.pipelines.batch.export import export_job

    only_with(context, "--layout", "--force")
    is_folder = layout is Layouts.FOLDERS
    if not is_folder:
        check_name(output, *ENDINGS, ways={})
    ending = output.suffix.lower()
    made = export_job(
        database_path(db),
        job,
        output,
        ending if ending in ENDINGS else ".jsonl",
        as_folder=is_folder,
        force=force,
    )
    show(
        made,
        exported_lines,
        as_json=as_json,
        aside=is_standard_output(output),
    )


@app.command(epilog="Example: etl batch evaluate category --truth labels.csv --engine local")
@taking(ASKING, SPENDING)
def evaluate(
    chosen: dict[str, Any],
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="Name of a task, or its folder.")],
    truth: Annotated[
        Path, typer.Option("--truth", help="CSV or Parquet: facts of items, and fields of the answer.")
    ],
    engine: Annotated[
        Engines, typer.Option("--engine", help="Also ask the model, or the local engine alone.")
    ] = Engines.LOCAL,
    wait: Wait = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Compare answers with a truth: accuracy, confusions and calibration of both engines.

    What a model has answered once is not asked again.
    """
    from etl.cli.batch_summary import evaluation_lines
    from etl.pipelines.batch.evaluate import evaluate as evaluated
    from etl.runtime.watch.renderers import renderers

    if engine is Engines.LOCAL:
        _refuse_asking(context, "the engine `local`")
    chosen |= {
        "source": str(truth),
        "name": f"evaluate-{Path(task).name}-{truth.stem}",
        "engine": engine,
        "priority": Priorities.LOW,
        "parallel_local": 0,
        "error_threshold": 1.0,
    }
    request, settings = _new_request(database_path(db), task, chosen, wait=wait)
    show(evaluated(request, truth, settings, renderers(request.database)), evaluation_lines, as_json=as_json)


_OF_A_MODEL: Final = (
    "--model", "--batch-size", "--rpm", "--per-day", "--max-cost", "--days", "--overnight", "--async",
    "--wait",
)  # fmt: skip
"""Options that say how a model is asked."""


def _check_together(context: typer.Context, chosen: Mapping[str, Any], tasks: str) -> None:
    """Refuse options that would be ignored.

    Raises
    ------
    EtlError
        If one is there.
    """
    given = given_options(context)
    if chosen.get("engine") is Engines.LOCAL:
        _refuse_asking(context, "the engine `local`")
    elif chosen.get("pairs") is None and {part.strip() for part in tasks.split(",")} == {"local"}:
        _refuse_asking(context, "the task `local` alone")
    if chosen.get("batch_size") != 0 and "--days" in given:
        raise EtlError(
            "--days has no effect without --batch-size auto.",
            "Pass --batch-size auto as well, or leave out --days.",
            exit_code=ExitCode.USAGE,
        )
    not_with(context, "--async", "--rpm", "--per-day", "--overnight")
    source = chosen.get("source")
    if "--filter" in given and (source is None or Path(source).is_file()):
        raise EtlError(
            "--filter has no effect on items that are not files.",
            "Leave it out, or use --where.",
            exit_code=ExitCode.USAGE,
        )


def _refuse_asking(context: typer.Context, other: str) -> None:
    useless = [option for option in _OF_A_MODEL if option in given_options(context)]
    if useless:
        raise EtlError(
            f"{useless[0]} has no effect with {other}.",
            "Leave it out, or name a task that a model answers.",
            exit_code=ExitCode.USAGE,
        )


def _options(tasks: str, chosen: dict[str, Any]) -> BatchOptions:
    from etl.batch.plan import Strategy
    from etl.pipelines.batch.request import BatchOptions, Engine, Priority

    names = tuple(dict.fromkeys(part.strip() for part in tasks.split(",") if part.strip()))
    if not names:
        raise EtlError("--tasks names no task.", "Such as: --tasks local,vibe", exit_code=ExitCode.USAGE)
    for name, kind in (("strategy", Strategy), ("priority", Priority), ("engine", Engine)):
        if chosen.get(name) is not None:
            chosen[name] = kind(chosen[name])
    if set(names) == {"local"}:  # needs no model
        chosen["engine"] = Engine.LOCAL
    return BatchOptions(tasks=names, **chosen | {"overnight": chosen.get("overnight") or None})


def _new_request(
    database: Path, tasks: str, chosen: dict[str, Any], *, wait: bool = False, needs_key: bool = True
) -> tuple[BatchRequest, ChatSettings | None]:
    from etl.pipelines.batch.jobs import check_same_source, job_name, named_job, query_job
    from etl.pipelines.batch.request import PAIRS, BatchRequest, Kind
    from etl.store.batch_pairs import pairs_query

    source, sql, pairs, name = (chosen.pop(key, None) for key in ("source", "sql", "pairs", "name"))
    if [source, sql, pairs].count(None) != 2:
        raise EtlError(
            "say what the items are: one of SOURCE, --sql and --pairs.",
            "Such as: etl batch process samples",
            exit_code=ExitCode.USAGE,
        )
    kind, meant = Kind.QUERY, (sql or "").strip().rstrip(";").strip()
    if source is not None:
        path = Path(source)
        if not path.exists():
            raise EtlError(f"{source} does not exist.", "Give a folder, a CSV or a Parquet file.")
        kind, meant = (Kind.FILES if path.is_dir() else Kind.ROWS), str(path.resolve())
    elif pairs is not None:
        paired = named_job(database, pairs)
        name, meant = name or f"{paired}-{PAIRS}", pairs_query(paired)
        tasks = PAIRS if tasks in {"local", "vibe"} else tasks
    job = name or (query_job(database, meant) if sql is not None else job_name(meant, kind))
    check_same_source(database, job, kind, meant)
    options = _options(tasks, chosen)
    request = BatchRequest(
        database=database,
        job=job,
        kind=kind,
        source=meant,
        options=options,
        command=_this_command(),
        wait=wait,
    )
    return request, _settings(options, needs_key=needs_key)


def _settings(options: BatchOptions, *, needs_key: bool = True) -> ChatSettings | None:
    """Read where and how the model is asked; None where it is not."""
    from etl.pipelines.batch.request import Engine as Who
    from etl.services.chat_settings import chat_settings

    if options.engine is Who.LOCAL:
        return None
    given: dict[str, Any] = {
        "model": options.model,
        "per_minute": options.per_minute,
        "per_day": options.per_day,
        "overnight": options.overnight,
    }
    found = chat_settings(needs_key=needs_key, **given)
    if options.max_cost is not None and found.price(1, 1) is None:
        typer.echo(
            "etl: no prices are set (prompt_price, completion_price): for --max-cost only counts what the "
            "service says that a request cost.",
            err=True,
        )
    return found


def _this_command() -> str:
    return shlex.join(["etl", *sys.argv[1:]])


def _run(
    requests: Sequence[tuple[BatchRequest, ChatSettings | None]], *, log_json: bool, as_json: bool
) -> None:
    from etl.cli.batch_summary import result_lines
    from etl.pipelines.batch.run import process as run
    from etl.runtime.watch.renderers import renderers

    results: list[BatchResult] = [
        run(request, settings, renderers(request.database, log_json=log_json))
        for request, settings in requests
    ]
    if not log_json:
        shown: Any = results[0] if len(results) == 1 else results
        show(
            shown,
            lambda found: "\n\n".join(map(result_lines, found if isinstance(found, list) else [found])),
            as_json=as_json,
        )
    if any(stage.failed for result in results for stage in result.stages):
        raise typer.Exit(ExitCode.FAILURE)
