"""`etl build`: from raw input to store, CSV and matrices."""

from __future__ import annotations

import glob
import shlex
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.enrich import (
    Budget,
    LogJson,
    PartialEvery,
    Priority,
    Wait,
    describe as describe_enrichment,
    parse_priority,
    run_enrichment,
    this_command,
)
from etl.cli.options import AsJson, ChordsColumn, Database, IdColumn, Memory, RomanStyles, Spelling
from etl.cli.output import show
from etl.cli.targets import SONGS, check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.data3.estimate import BuildPlan
    from etl.pipelines.data3.notations import NotationUse
    from etl.pipelines.data3.request import Data3Build
    from etl.pipelines.data3.result import BuildResult
    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.pipelines.enrich.run import Enrichment
    from etl.services.contract import Service
    from etl.store.quality import Quality

app = typer.Typer(help="Build data sets from raw input.", no_args_is_help=True)


_LIKENESS = {
    "copy": "has the content of {other} and was not read again",
    "same": "has the content of {other}, which the store knows by this name from now on",
    "longer": "begins with the whole of {other}, whose songs the store has as well; "
    "`etl db forget` removes them",
}


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


@app.command(
    epilog="""Examples:

    etl build data3 chordonomicon_v2.csv --npz data3.npz

    etl build data3 'parts/*.csv.gz' -o all.csv --no-db --limit 1000

    etl build data3 songs.parquet --dry-run

    zcat songs.tsv.gz | etl build data3 - --chords-column progression

Only the chords are needed; the number of the row is the id of songs without one. Refused rows are counted,
listed and kept; the exit code is 0 all the same, or 1 if one of several inputs gave no song. In all other
cases nothing was written: 1 if an input cannot be read or no row is good, 2 for wrong options, 65 if an input
is damaged or not a table of chord songs, 73 if a target cannot be written, 75 if the store is in use, 130
after an interruption.
"""
)
def data3(
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
        typer.Option(help="What chords are spelled in; auto takes what reads most of each input."),
    ] = Notations.AUTO,
    db: Database = None,
    no_db: Annotated[bool, typer.Option("--no-db", help="Write no store, only the files.")] = False,
    npz: Annotated[Path | None, typer.Option(help="Write matrices for machine learning as well.")] = None,
    key_method: Annotated[
        KeyMethods | None,
        typer.Option(
            help="How keys are found from the chords. Default: trained; for MIDI files the key that their "
            "notes gave.",
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
        int | None, typer.Option(min=1, help="Threads that analyze; default: all cores.", show_default=False)
    ] = None,
    memory: Memory = None,
    enrich: Annotated[
        bool, typer.Option("--enrich", help="Then fill in names from Spotify; see `etl enrich spotify`.")
    ] = False,
    budget: Budget = None,
    priority: Priority = None,
    wait: Wait = False,
    partial_every: PartialEvery = 50_000,
    log_json: LogJson = False,
    from_midi: Annotated[
        bool, typer.Option("--from-midi", help="Analyze the chords of the MIDI library as well.")
    ] = False,
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

    check_name(output, ".csv", ways={**SONGS, ".npz": "--npz"})
    check_name(npz, ".npz", ways={**SONGS, ".csv": "--output"})
    aside = is_standard_output(output) or is_standard_output(npz)
    paths = expand(inputs or [])
    _check_options(
        has_input=bool(paths) or from_midi,
        section_keys=section_keys,
        has_store=not no_db,
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
        told = "\n".join([describe_enrichment(state, output), *_quality_lines(built.build)])
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
    has_store: bool,
    section_keys: bool,
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
    elif section_keys and not has_store:
        problem = "section keys are only written to the store."
        hint = "Leave out --no-db or --section-keys."
    elif enrich and not has_store:
        problem, hint = "--enrich needs a store.", "Leave out --no-db."
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
) -> tuple[Enrichment, Service]:
    """Prepare to fill in the names of the songs of a build, all of which the CSV then has."""
    from etl.pipelines.enrich.run import Enrichment
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
            raise EtlError(f"there is no {pattern}.", "Check the path; quote globs that etl is to expand.")
        paths |= dict.fromkeys(matches)
    return tuple(paths)


def describe(result: BuildResult, *, with_quality: bool = True) -> str:
    """Say what a build did."""
    unknown = result.unknown / max(result.chords, 1)
    lines = [
        f"{result.records:,} rows in = {result.songs:,} songs out + {result.rejected:,} rejected"
        + (" (harmony taken from the store; --force analyzes again)" if result.is_stored else ""),
        f"{result.seconds:.1f} s, {result.songs / max(result.seconds, 1e-9):,.0f} songs/s; "
        "CPU use of all cores: "
        + (f"{result.analysis_cpu_use:.0%} in the analysis, " if result.analysis_cpu_use else "")
        + f"{result.cpu_use:.0%} over the whole run",
        "seconds by stage: "
        + ", ".join(f"{name} {spent:.1f}" for name, spent in result.stage_seconds.items()),
        f"unknown chords: {result.unknown:,} of {result.chords:,} ({unknown:.2%})",
        "keys: " + ", ".join(f"{name} {number:,}" for name, number in _by_number(result.keys)[:8]),
        *(line for use in result.notations for line in _notation_lines(use, several=len(result.sources) > 1)),
    ]
    for example in result.examples:
        where = f"{example['source']}, line {example['line']}"
        lines.append(f"rejected: {where}: {example['reason']}: {(example['raw'] or '')[:60]!r}")
    if result.rejects_file:
        lines.append(f"all rejects: {result.rejects_file}")
    elif result.rejected:
        query = "SELECT * FROM rejects ORDER BY source, line"
        lines.append(f"all rejects: etl query {shlex.quote(query)} --db {shlex.quote(str(result.database))}")
    lines += [
        f"{each.name} {_LIKENESS[each.likeness].format(other=each.other)}" for each in result.recognized
    ]
    lines += [f"{name} gave no song" for name in result.empty]
    if any(example["category"] == "encoding" for example in result.examples):
        lines.append("rows that are not UTF-8 can be converted, for example: iconv -f cp1252 -t utf-8")
    if result.kept:
        lines.append(f"further columns, kept in the store: {', '.join(result.kept)[:200]}")
    lines += [
        f"{each.songs:,} of these ids are already in the store from {each.path}; queries and exports take "
        f"the latest build alone (to delete the other: etl db forget {shlex.quote(each.path)})"
        for each in result.overlaps
    ]
    if result.unread:
        lines.append(f"columns not read: {', '.join(result.unread)[:200]}")
    lines += [f"written: {path}" for path in (result.output, result.npz, result.database) if path]
    return "\n".join([*lines, *(_quality_lines(result) if with_quality else [])])


_NOTATION = {"chordonomicon": "Chordonomicon", "leadsheet": "lead sheet", "harte": "Harte"}
_FOREIGN = {
    "german": "German names (H, Fis), which are not guessed: write B, Bb and F#",
    "solfege": "solfege (Do, Re), which is not read: write C, D",
    "degrees": "degrees (IV, 6m), which say no chord without a key: write the chords",
}


def _notation_lines(use: NotationUse, *, several: bool) -> list[str]:
    """Say what was read in a notation, and what to do about the rest."""
    where = f" ({len(use.sources):,} of the inputs)" if several else ""
    read = f"{_floored(use.share)} of {use.spellings:,} spellings"
    lines = [f"notation: {_NOTATION[use.notation]}{where}; read {read}"]
    if use.unknown:
        lines[0] += f", not {', '.join(use.unknown)}"
    lines += [f"{number:,} of these look like {_FOREIGN[look]}" for look, number in use.foreign.items()]
    if use.better is not None and not use.foreign:
        lines.append(f"some of these are {_NOTATION[use.better]} spellings: try --notation {use.better}")
    return lines


def _floored(share: float) -> str:
    """Per cent with one decimal, 100 only where it is all."""
    return f"{int(1000 * share) / 10:g} %"


def _quality_lines(result: BuildResult) -> list[str]:
    from etl.cli.report import describe_quality

    return [] if result.quality is None else [describe_quality(result.quality)]


def describe_plan(plan: BuildPlan) -> str:
    """Word what a build would do."""
    lines = [f"would read {each.name} ({_size(each.size_bytes)})" for each in plan.inputs]
    if plan.limit:
        lines.append(f"  at most {plan.limit:,} rows")
    if plan.database:
        lines += _what_is_known(plan.known, plan.database.path, plan.problem)
    lines += [f"would {'replace' if each.exists else 'write'} {each.path}" for each in plan.outputs]
    if plan.database and plan.known != "stored":
        lines.append(f"would {'add to' if plan.database.exists else 'make'} the store {plan.database.path}")
    return "\n".join([*lines, *_forecast(plan), "nothing was written"])


def _what_is_known(known: str, database: Path, problem: str | None) -> list[str]:
    words = {
        "no_store": f"there is no store at {database} yet",
        "unreadable": f"cannot look into {database}: {problem}",
        "missing": f"{database} does not have the harmony of these files with these options",
        "stored": f"{database} has the harmony of these files; --force would analyze them again",
    }
    return [words[known]] if known in words else []


def _forecast(plan: BuildPlan) -> list[str]:
    from etl.runtime.watch.format import duration

    forecast = plan.forecast
    if forecast is None:
        return ["the first file has no rows"]
    songs, room = f"about {forecast.rows:,} rows", _size(forecast.csv_bytes)
    seconds = f"about {duration(forecast.seconds)} with {plan.workers} threads"
    lines = [
        f"{songs} and {room} of CSV, estimated from the first {forecast.sample_rows:,} rows",
        f"{seconds} (less from the store)" if plan.known == "stored" else seconds,
    ]
    if forecast.sample_rejects:
        lines.append(f"{forecast.sample_rejects:,} rows of the sample would be rejected")
    if forecast.free_bytes < forecast.csv_bytes:
        free = _size(forecast.free_bytes)
        lines.append(f"the disk of {plan.outputs[0].path} has only {free} free")
    return lines


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _by_number(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
