"""`etl build`: from raw input to store, CSV and matrices."""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.build_parts import check_inputs, run_parts
from etl.cli.build_summary import describe, describe_plan, quality_lines
from etl.cli.combinations import not_with, only_with
from etl.cli.enrich import (
    Budget,
    LogJson,
    PartialEvery,
    PartialKeep,
    Priority,
    Wait,
    describe as describe_enrichment,
    parse_priority,
    run_enrichment,
    this_command,
)
from etl.cli.groups import examples
from etl.cli.options import (
    AsJson,
    ChordsColumn,
    ClusterAt,
    Database,
    IdColumn,
    Maps,
    Memory,
    RomanStyles,
    Spelling,
    parse_cluster,
)
from etl.cli.output import show
from etl.cli.targets import SONGS, check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.data3.request import Data3Build
    from etl.pipelines.data3.result import BuildResult
    from etl.pipelines.enrich.request import Enrichment
    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.services.contract import Service
    from etl.store.quality import Quality

app = typer.Typer(help="Build data sets from raw input.", no_args_is_help=True)


class KeyMethods(StrEnum):
    """How keys are found."""

    TRAINED = "trained"
    KRUMHANSL = "krumhansl"


class Notations(StrEnum):
    """How chord symbols are spelled."""

    AUTO = "auto"
    CHORDONOMICON = "chordonomicon"
    LEADSHEET = "leadsheet"
    HARTE = "harte"


@dataclass(frozen=True)
class Built:
    """What the command did.

    Attributes
    ----------
    build
        The build.
    enrichment
        How the names stand after ``--enrich``, or None.
    """

    build: BuildResult
    enrichment: EnrichmentResult | None = None


_EXIT_CODES = """

Only the chords are needed; songs without an id get the number of their row. Refused rows are counted, listed
and kept; the exit code is 0 all the same, or 1 if one of several inputs gave no song. In all other cases
nothing was written: 1 if an input cannot be read or no row is good, 2 for wrong options, 65 if an input is
damaged or not a table of chord songs, 73 if a target cannot be written, 75 if the store is in use, 130 after
an interruption.
"""


@app.command(
    epilog=examples(
        "etl build data3 chordonomicon_v2.csv --npz data3.npz",
        "etl build data3 'parts/*.csv.gz' -o all.csv --no-db --limit 1000",
        "etl build data3 songs.parquet --dry-run",
        "etl build data3 'parts/*.csv.gz' --output-dir built --cluster tcp://10.0.0.1:8786",
        "zcat songs.tsv.gz | etl build data3 - --chords-column progression",
    )
    + _EXIT_CODES
)
def data3(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tables with a column of chords: CSV, TSV, JSON lines (also .gz, .zst, .bz2), Parquet; "
            "quoted globs of them; - for standard input."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The data3 CSV to write; `-` is standard output.")
    ] = Path("data3.csv"),
    chords_column: ChordsColumn = None,
    id_column: IdColumn = None,
    notation: Annotated[
        Notations,
        typer.Option(help="Notation of the chords; auto picks the one that reads most of each input."),
    ] = Notations.AUTO,
    db: Database = None,
    no_db: Annotated[bool, typer.Option("--no-db", help="Write only the files, no store.")] = False,
    npz: Annotated[Path | None, typer.Option(help="Write matrices for machine learning as well.")] = None,
    key_method: Annotated[
        KeyMethods | None,
        typer.Option(
            help="How keys are found from chords. Default: trained; for MIDI files, the key found from their "
            "notes.",
            show_default=False,
        ),
    ] = None,
    roman_style: Spelling = RomanStyles.HOUSE,
    section_keys: Annotated[
        bool, typer.Option("--section-keys", help="Store the key of each section as well.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many rows.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done, and an estimate from a timed sample."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Analyze again what the store already has.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of threads; default: all cores.", show_default=False)
    ] = None,
    memory: Memory = None,
    enrich: Annotated[
        bool, typer.Option("--enrich", help="Then fill in names from Spotify; see `etl enrich spotify`.")
    ] = False,
    budget: Budget = None,
    priority: Priority = None,
    wait: Wait = False,
    partial_every: PartialEvery = 50_000,
    partial_keep: PartialKeep = 1,
    log_json: LogJson = False,
    from_midi: Annotated[
        bool, typer.Option("--from-midi", help="Analyze the chords of the MIDI library as well.")
    ] = False,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            help="Write a CSV and a Parquet file for each input into this folder, then the store; "
            "results of earlier runs are kept."
        ),
    ] = None,
    cluster: ClusterAt = None,
    maps: Maps = None,
    as_json: AsJson = False,
) -> None:
    """Analyze chord songs: key, Roman numerals, fingerprints; write the 17-column data3 CSV."""
    from etl.chords.keys import KeyMethod
    from etl.chords.notations import Notation
    from etl.chords.romantext import RomanStyle
    from etl.pipelines.data3.build import build
    from etl.pipelines.data3.request import Data3Build
    from etl.runtime.jit import without_matrix_products
    from etl.runtime.limits import LIMITS
    from etl.runtime.watch.renderers import renderers

    where = parse_cluster(cluster, maps)
    only_with(context, "--output-dir", "--cluster")
    not_with(
        context, "--output-dir", "--output", "--npz", "--section-keys", "--limit", "--dry-run", "--enrich",
        "--from-midi",
    )  # fmt: skip
    not_with(context, "--log-json", "--json")
    only_with(context, "--enrich", "--budget", "--priority", "--wait", "--partial-every", "--partial-keep")
    not_with(context, "--no-db", "--section-keys", "--enrich", *(["--force"] if output_dir is None else []))
    not_with(context, "--dry-run", "--log-json", "--enrich")
    if not from_midi:
        not_with(context, "--no-db", "--db")
    check_name(output, ".csv", ways={**SONGS, ".npz": "--npz"})
    check_name(npz, ".npz", ways={**SONGS, ".csv": "--output"})
    aside = is_standard_output(output) or is_standard_output(npz)
    paths = expand(inputs or [])
    if output_dir is not None:
        from etl.pipelines.data3.parts import PartsBuild

        check_inputs(paths)
        parts = PartsBuild(
            inputs=paths,
            folder=output_dir,
            database=None if no_db else database_path(db),
            chords_column=chords_column,
            id_column=id_column,
            notation=None if notation is Notations.AUTO else Notation(notation),
            method=KeyMethod(key_method) if key_method else None,
            style=RomanStyle(roman_style),
            force=force,
            workers=workers or default_workers(),
            limits=replace(LIMITS, memory_bytes=memory or LIMITS.memory_bytes),
            cluster=where,
        )
        run_parts(parts, log_json=log_json, as_json=as_json)
        return
    _check_options(
        has_input=bool(paths) or from_midi,
        enrich=enrich,
        as_json=as_json,
        log_json=log_json,
        aside=aside,
    )
    request = Data3Build(
        inputs=paths,
        output=output,
        database=None if no_db else database_path(db),
        npz=npz,
        chords_column=chords_column,
        id_column=id_column,
        midi=database_path(db) if from_midi else None,
        notation=None if notation is Notations.AUTO else Notation(notation),
        method=KeyMethod(key_method) if key_method else None,
        style=RomanStyle(roman_style),
        section_keys=section_keys,
        limit=limit,
        force=force,
        workers=workers or default_workers(),
        limits=replace(LIMITS, memory_bytes=memory or LIMITS.memory_bytes),
    )
    if dry_run:
        from etl.pipelines.data3.estimate import estimate

        show(estimate(request), describe_plan, as_json=as_json)
        return
    # Asked for before the build, so that a missing secret shows at once.
    enrichment = (
        _enrichment(
            request,
            database_path(db),
            budget=budget,
            priority=parse_priority(priority),
            wait=wait,
            partial_every=partial_every,
            partial_keep=partial_keep,
        )
        if enrich
        else None
    )
    without_matrix_products()
    result = build(request, renderers(request.database, log_json=log_json))
    if enrichment is not None:
        if not as_json:
            typer.echo(describe(result, with_quality=False), err=log_json)
        todo, service = enrichment
        state = run_enrichment(replace(todo, sources=result.sources), service, log_json=log_json)
        built = Built(replace(result, quality=_quality(database_path(db))), state)
        told = "\n".join([describe_enrichment(state, output), *quality_lines(built.build)])
    else:
        built, told = Built(result), describe(result)
    if log_json:
        typer.echo(told, err=True)
    else:
        show(built, lambda _: told, as_json=as_json, aside=aside)
    if result.empty:
        raise typer.Exit(ExitCode.FAILURE)


def _check_options(
    *,
    has_input: bool,
    enrich: bool,
    as_json: bool,
    log_json: bool,
    aside: bool,
) -> None:
    """Refuse options that make no sense together.

    Raises
    ------
    EtlError
        If some do not.
    """
    problem = hint = ""
    if not has_input:
        problem, hint = "nothing to build from.", "Name a chord CSV, or pass --from-midi."
    elif aside and (enrich or log_json):
        problem = f"{'--enrich writes the CSV twice' if enrich else '--log-json writes there as well'}."
        hint = "Give the name of a file instead of standard output."
    elif as_json and log_json:
        problem, hint = "both --json and --log-json write to standard output.", "Choose one."
    if problem:
        raise EtlError(problem, hint, exit_code=ExitCode.USAGE)


def _enrichment(
    request: Data3Build,
    database: Path,
    *,
    budget: int | None,
    priority: dict[str, list[str]],
    wait: bool,
    partial_every: int,
    partial_keep: int,
) -> tuple[Enrichment, Service]:
    """Prepare to fill in the names of the songs of a build, all of which the CSV then has."""
    from etl.pipelines.enrich.request import Enrichment
    from etl.services import catalog
    from etl.services.settings import service_settings

    settings = service_settings("spotify")
    enrichment = Enrichment(
        database=database,
        command=this_command(),
        folder=request.output.parent,
        output=request.output,
        output_is_fresh=True,
        style=request.style,
        budget=budget,
        priority=priority,
        wait=wait,
        partial_every=partial_every,
        partial_keep=partial_keep,
        patience=settings.patience,
        contact=settings.contact,
    )
    return enrichment, catalog.configured("spotify", settings)


def _quality(database: Path) -> Quality:
    """Measure the store again: the names have changed."""
    from etl.store.database import read_store
    from etl.store.quality import quality

    with read_store(database) as connection:
        return quality(connection)


def expand(patterns: Sequence[str]) -> tuple[Path, ...]:
    """Turn paths and globs into paths, in order and each once.

    Raises
    ------
    EtlError
        If nothing matches one of them.
    """
    paths: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if pattern == "-":
            paths[path] = None
            continue
        found = [] if path.exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute)
        matches = [path] if path.exists() else [Path(match) for match in found]
        if not matches:
            problem = "matches no file" if glob.has_magic(pattern) else "does not exist"
            raise EtlError(f"{pattern} {problem}.", "Check the path; quote globs that etl is to expand.")
        paths |= dict.fromkeys(matches)
    return tuple(paths)
