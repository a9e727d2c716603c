"""`etl build`: from raw input to store, CSV and matrices."""

from __future__ import annotations

import glob
import shlex
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
from etl.cli.options import Database
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.data3.build import Data3Build
    from etl.pipelines.data3.estimate import BuildPlan
    from etl.pipelines.data3.midi_songs import MidiSongs
    from etl.pipelines.data3.summary import Summary
    from etl.store.quality import Quality

app = typer.Typer(help="Build data sets from raw input.", no_args_is_help=True)


@app.command(
    epilog="""Examples:

    etl build data3 chordonomicon_v2.csv --npz data3.npz

    etl build data3 'parts/*.csv.gz' -o all.csv --no-db --limit 1000

    etl build data3 songs.parquet --dry-run

Refused rows are counted, listed and kept; the exit code is 0 all the same. It is 1 if nothing was written
because an input cannot be read or a target cannot be written, 2 for wrong options, 130 after an interruption.
"""
)
def data3(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Chordonomicon CSVs (also .gz, .zst, .bz2), Parquet files, or quoted globs of them."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The data3 CSV to write.")] = Path(
        "data3.csv"
    ),
    db: Database = None,
    no_db: Annotated[bool, typer.Option("--no-db", help="Write no store, only the files.")] = False,
    npz: Annotated[Path | None, typer.Option(help="Write matrices for machine learning as well.")] = None,
    key_method: Annotated[
        str | None,
        typer.Option(
            help="How keys are found: trained or krumhansl, from the chords. Default: trained; "
            "for MIDI files the key that their notes gave."
        ),
    ] = None,
    roman_style: Annotated[
        str, typer.Option(help="How the CSV spells numerals: house, or romantext as music21 reads it.")
    ] = "house",
    section_keys: Annotated[
        bool, typer.Option("--section-keys", help="Store the key of each section as well.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Read so many rows at most.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and an estimate from a timed sample.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Analyse again what the store already has.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that analyse; default: all cores.")
    ] = None,
    enrich: Annotated[
        bool, typer.Option("--enrich", help="Then fill in names from Spotify; see `etl enrich spotify`.")
    ] = False,
    budget: Budget = None,
    priority: Priority = None,
    wait: Wait = False,
    partial_every: PartialEvery = 50_000,
    log_json: LogJson = False,
    from_midi: Annotated[
        bool, typer.Option("--from-midi", help="Analyse the chords of the MIDI library as well.")
    ] = False,
) -> None:
    """Analyse chord songs: key, Roman numerals, fingerprints; write the 17-column data3 CSV."""
    from etl.chords.keys import KeyMethod
    from etl.chords.romantext import RomanStyle
    from etl.pipelines.data3.build import Data3Build, build
    from etl.runtime.jit import without_matrix_products
    from etl.runtime.progress import Progress

    midi = _midi_songs(db) if from_midi else None
    paths = (*expand(inputs or []), *([midi.path] if midi else []))
    if not paths:
        raise EtlError(
            "nothing to build from.", "Name a chord CSV, or pass --from-midi.", exit_code=ExitCode.USAGE
        )
    if key_method not in {*KeyMethod, None}:
        raise EtlError(f"no key method `{key_method}`.", f"Choose one of: {', '.join(KeyMethod)}.")
    if section_keys and no_db:
        raise EtlError("section keys are kept in the store alone.", "Leave out --no-db or --section-keys.")
    if roman_style not in set(RomanStyle):
        raise EtlError(f"no Roman style `{roman_style}`.", f"Choose one of: {', '.join(RomanStyle)}.")
    request = Data3Build(
        inputs=paths,
        output=output,
        database=None if no_db else database_path(db),
        npz=npz,
        method=KeyMethod(key_method or KeyMethod.TRAINED),
        keys=midi.keys if midi and not key_method else None,
        style=RomanStyle(roman_style),
        section_keys=section_keys,
        limit=limit,
        force=force,
        workers=workers or default_workers(),
    )
    if dry_run:
        from etl.pipelines.data3.estimate import estimate

        typer.echo(describe_plan(estimate(request)))
        return
    enrichment = None
    if enrich:
        from etl.pipelines.enrich.run import Enrichment
        from etl.services import catalog
        from etl.services.settings import service_settings

        if request.database is None:
            raise EtlError("--enrich needs a store.", "Leave out --no-db.", exit_code=ExitCode.USAGE)
        # Read before the build, so that a missing secret shows at once.
        settings = service_settings("spotify")
        enrichment = (
            Enrichment(
                database=request.database,
                command=this_command(),
                folder=output.parent,
                output=output,
                output_is_fresh=True,
                sources=[str(path.resolve()) for path in paths],
                style=request.style,
                budget=budget,
                priority=parse_priority(priority),
                wait=wait,
                partial_every=partial_every,
                patience=settings.patience,
                contact=settings.contact,
            ),
            catalog.configured("spotify", settings),
        )
    without_matrix_products()
    total = 0 if limit else sum(path.stat().st_size for path in paths)
    with Progress("songs", total=total) as progress:
        summary = build(request, progress)
    typer.echo(describe(request, summary), err=log_json)
    if enrichment is not None:
        typer.echo(describe_enrichment(run_enrichment(*enrichment, log_json=log_json), output), err=log_json)
    if request.database is not None:
        typer.echo(_quality_report(request.database, None if enrich else summary.quality), err=log_json)


def _quality_report(database: Path, measured: Quality | None) -> str:
    """Report on the build that was just stored, from the store if that has changed since."""
    from etl.cli.report import describe_quality
    from etl.store.database import read_store
    from etl.store.quality import quality

    if measured is None:
        with read_store(database) as connection:
            measured = quality(connection)
    return describe_quality(measured)


def _midi_songs(db: Path | None) -> MidiSongs:
    from etl.pipelines.data3.midi_songs import write_midi_songs

    return write_midi_songs(database_path(db))


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
        found = [] if path.exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute)
        matches = [path] if path.exists() else [Path(match) for match in found]
        if not matches:
            raise EtlError(f"there is no {pattern}.", "Check the path; quote globs that etl is to expand.")
        paths |= dict.fromkeys(matches)
    return tuple(paths)


def describe(request: Data3Build, summary: Summary) -> str:
    """Say what a build did."""
    unknown = summary.unknown / max(summary.chords, 1)
    seconds = summary.meter.elapsed
    lines = [
        f"{summary.records:,} rows in = {summary.songs:,} songs out + {summary.rejected:,} rejected"
        + (" (harmony taken from the store; --force analyses again)" if summary.is_stored else ""),
        f"{seconds:.1f} s, {summary.songs / max(seconds, 1e-9):,.0f} songs/s; CPU use of all cores: "
        + (f"{summary.analysis_cpu_use:.0%} in the analysis, " if summary.analysis_cpu_use else "")
        + f"{summary.meter.cpu_use:.0%} over the whole run",
        "seconds by stage: "
        + ", ".join(f"{name} {spent:.1f}" for name, spent in summary.meter.seconds.items()),
        f"unknown chords: {summary.unknown:,} of {summary.chords:,} ({unknown:.2%})",
        "keys: " + ", ".join(f"{name} {number:,}" for name, number in _by_number(summary.keys)[:8]),
    ]
    for example in summary.examples:
        where = f"{example['source']}, line {example['line']}"
        lines.append(f"rejected: {where}: {example['reason']}: {(example['raw'] or '')[:60]!r}")
    if summary.rejects_file:
        lines.append(f"all rejects: {summary.rejects_file}")
    elif summary.rejected:
        query = "SELECT * FROM rejects ORDER BY source, line"
        lines.append(f"all rejects: etl query {shlex.quote(query)} --db {shlex.quote(str(request.database))}")
    if summary.unread:
        lines.append(f"columns not read: {', '.join(summary.unread)[:200]}")
    lines += [f"written: {path}" for path in (request.output, request.npz, request.database) if path]
    return "\n".join(lines)


def describe_plan(plan: BuildPlan) -> str:
    """Word what a build would do."""
    lines = [f"would read {each.path} ({_size(each.size_bytes)})" for each in plan.inputs]
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
    from etl.runtime.progress import duration

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
