"""`etl midi`: a folder of MIDI files in, a searchable, split and tagged library out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli import midi_find, midi_rename
from etl.cli.midi_options import (
    LIBRARY,
    TEMPLATE,
    Device,
    Drive,
    DryRun,
    For,
    Layout,
    Library,
    Parts,
    Patterns,
    Progressions,
    Template,
    drive_options,
    read_workers,
)
from etl.cli.midi_rename import renamed
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import one_line
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    import polars as pl

    from etl.exports.drive import Exported
    from etl.pipelines.midi.delivery import Delivery
    from etl.pipelines.midi.export import MidiExport
    from etl.pipelines.midi.request import MidiPlan, MidiResult

app = typer.Typer(
    help="MIDI library: import, analyze, sanitize, split, find, rename, export.", no_args_is_help=True
)
app.add_typer(midi_find.app)
app.add_typer(midi_rename.app)


class LibraryQuery(StrEnum):
    """A named query over the library."""

    OVERVIEW = "overview"
    DUPLICATES = "duplicates"
    UNREADABLE = "unreadable"
    CATEGORIES = "categories"
    TEMPOS = "tempos"
    KEYS = "keys"


Sources = Annotated[list[Path], typer.Argument(help="Files, folders and archives (zip, tar.*, gz, 7z, rar).")]
Workers = Annotated[
    str | None,
    typer.Option(help="Processes; default: all cores; 0: in this one. Of several (32,64,16) the largest."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many files.")]
Filter = Annotated[str, typer.Option("--filter", help="Only paths that match this glob.")]
Force = Annotated[bool, typer.Option("--force", help="Redo finished work.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Show the state as JSON lines on standard output.")]

STAGES = "import,analyze,sanitize,split"


@dataclass(frozen=True)
class _Common:
    """Options that all runs have."""

    db: Path | None
    workers: str | None
    limit: int | None
    pattern: str
    force: bool
    dry_run: bool
    log_json: bool
    as_json: bool


@app.command(epilog="Example: etl midi run ~/midi packs.zip --rename --export-to /media/MPC --format mpc-one")
def run(
    sources: Sources,
    library: Library = LIBRARY,
    stages: Annotated[str, typer.Option(help="Comma-separated: import, analyze, sanitize, split.")] = STAGES,
    rename: Annotated[bool, typer.Option("--rename", help="Then rename the library, by --template.")] = False,
    template: Template = TEMPLATE,
    export_to: Drive = None,
    device: For = Device.BOTH,
    parts: Annotated[Parts, typer.Option(help="Rename and export parts: alone, also, or not.")] = Parts.ALSO,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Read, analyze, copy with safe names and split whatever is new; then rename and export, if asked to."""
    options = _Common(db, workers, limit, pattern, force, dry_run, log_json, as_json)
    delivery = None
    if rename or export_to is not None:  # without these nothing heavy is imported
        from etl.midi.mpc import DriveFormat
        from etl.pipelines.midi.delivery import Delivery

        names = template if rename else None
        delivery = Delivery(names, export_to, DriveFormat(device), drive_options(parts))
    _run(sources, library, stages.split(","), options, delivery)


@app.command("import", epilog="Example: etl midi import ~/midi --filter '*drums*'")
def import_(
    sources: Sources,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Read, hash, parse and tag what is new; no analysis and no copies."""
    options = _Common(db, workers, limit, pattern, force, dry_run, log_json, as_json)
    _run(sources, LIBRARY, ["import"], options)


@app.command(epilog="Example: etl midi analyze ~/midi --force")
def analyze(
    sources: Sources,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Find tempo, metre, key, drums, chords and category of what has none, importing it first if need be."""
    options = _Common(db, workers, limit, pattern, force, dry_run, log_json, as_json)
    _run(sources, LIBRARY, ["analyze"], options)


@app.command(epilog="Example: etl midi sanitize ~/midi --in-place, and back: etl midi undo RUN")
def sanitize(
    sources: Sources,
    library: Library = LIBRARY,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Rename the files themselves; `etl midi undo` takes it back.")
    ] = False,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Copy files into the library under safe names, or rename them in place."""
    if in_place:
        from etl.pipelines.midi.rename import sanitize_in_place

        renames = sanitize_in_place(
            tuple(sources), database_path(db), library=library, pattern=pattern, dry_run=dry_run
        )
        show(renames, renamed, as_json=as_json)
        return
    options = _Common(db, workers, limit, pattern, force, dry_run, log_json, as_json)
    _run(sources, library, ["sanitize"], options)


@app.command(epilog="Example: etl midi split ~/midi/song.mid --library ~/midi_library")
def split(
    sources: Sources,
    library: Library = LIBRARY,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Cut files with several parts into one file per track and channel, in the library."""
    options = _Common(db, workers, limit, pattern, force, dry_run, log_json, as_json)
    _run(sources, library, ["split"], options)


@app.command(epilog="Example: etl midi export --export-to /media/MPC --format mpc-one --npz midi.npz")
def export(
    export_to: Drive = None,
    library: Library = LIBRARY,
    device: For = Device.BOTH,
    parts: Annotated[Parts, typer.Option(help="Parts alone, with whole files, or none.")] = Parts.ALSO,
    layout: Annotated[Layout, typer.Option(help="By what folders are made.")] = Layout.CATEGORY,
    patterns: Annotated[
        Patterns, typer.Option(help="Pattern files beside parts: up to 64 bars, all, none.")
    ] = Patterns.LOOPS,
    progressions: Annotated[
        Progressions, typer.Option(help="Progression files beside their file, or at the drive's root.")
    ] = Progressions.DEVICE,
    transpose: Annotated[str | None, typer.Option(help="To this key or its relative: Am.")] = None,
    bpm: Annotated[float | None, typer.Option(help="Set one tempo: 120.")] = None,
    trim: Annotated[bool, typer.Option("--trim", help="Take off silent bars before the first note.")] = False,
    npz: Annotated[Path | None, typer.Option(help="Write matrices for machine learning.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the analysis, one row per file.")] = None,
    db: Database = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Sort the library onto a drive for an Akai MPC One or Force; write matrices and tables."""
    from etl.midi.mpc import DriveFormat
    from etl.pipelines.midi.export import export_midi
    from etl.runtime.watch.renderers import renderers

    if not (export_to or npz or parquet):
        raise EtlError(
            "nowhere to export to.",
            "Pass --export-to DIR, --npz FILE or --parquet FILE.",
            exit_code=ExitCode.USAGE,
        )
    ways = {".npz": "--npz", ".parquet": "--parquet"}
    check_name(npz, ".npz", ways=ways)
    check_name(parquet, ".parquet", ways=ways)
    done = export_midi(
        database_path(db),
        library,
        target=export_to,
        drive_format=DriveFormat(device),
        options=drive_options(parts, layout, patterns, progressions, transpose=transpose, bpm=bpm, trim=trim),
        npz=npz,
        parquet=parquet,
        dry_run=dry_run,
        renderers=renderers(),
    )
    aside = is_standard_output(npz) or is_standard_output(parquet)
    show(done, lambda done: _exported(done, dry_run=dry_run), as_json=as_json, aside=aside)


@app.command(epilog="Example: etl midi stats --query duplicates")
def stats(
    query: Annotated[LibraryQuery, typer.Option(help="A named query.")] = LibraryQuery.OVERVIEW,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Summarize the library, or run one of its named queries."""
    from etl.pipelines.midi.find import library_query

    show(library_query(database_path(db), query), _rows, as_json=as_json)


def _run(
    sources: list[Path],
    library: Path,
    stages: list[str],
    options: _Common,
    delivery: Delivery | None = None,
) -> None:
    from etl.pipelines.midi.request import MidiRun, Stage
    from etl.pipelines.midi.run import plan_midi, run_midi
    from etl.runtime.watch.renderers import renderers

    unknown = [stage for stage in stages if stage not in set(Stage)]
    if unknown:
        raise EtlError(
            f"unknown stage `{unknown[0]}`.",
            f"Choose one of: {', '.join(Stage)}.",
            exit_code=ExitCode.USAGE,
        )
    request = MidiRun(
        sources=tuple(sources),
        database=database_path(options.db),
        library=library,
        stages=frozenset(Stage(stage) for stage in stages),
        limit=options.limit,
        pattern=options.pattern,
        force=options.force,
        workers=default_workers() if options.workers is None else read_workers(options.workers),
    )
    if options.dry_run:
        show(plan_midi(request), _planned, as_json=options.as_json)
        return
    shown = renderers(request.database, log_json=options.log_json)
    if delivery is None:
        result = run_midi(request, shown)
    else:
        from etl.pipelines.midi.delivery import run_and_deliver

        result = run_and_deliver(request, delivery, shown)
    if not options.log_json:
        show(result, _done, as_json=options.as_json)
    if not result.unchanged and result.rejected >= result.read:
        typer.echo(f"etl: no MIDI files that can be read in {', '.join(map(str, sources))}", err=True)
        raise typer.Exit(ExitCode.FAILURE)


def _planned(plan: MidiPlan) -> str:
    lines = [
        f"{plan.files:,} MIDI files and {plan.archives:,} archives to read, {plan.bytes / 2**20:,.1f} MB",
        f"{plan.unchanged:,} files unchanged; nothing was written",
        f"stages: {', '.join(sorted(plan.stages))}; store: {plan.database}; library: {plan.library}",
    ]
    rejects = (f"would be rejected, {name}: {count:,}" for name, count in sorted(plan.rejects.items()))
    return "\n".join([*lines, *rejects])


def _done(result: MidiResult) -> str:
    counts = (
        f"{result.found:,} files found: {result.unchanged:,} unchanged, {result.read:,} read, "
        f"{result.new:,} new, {result.rejected:,} rejected; {result.parts:,} parts split"
    )
    speed = (
        f"{result.elapsed_s:.1f} s, {result.read / max(result.elapsed_s, 1e-9):,.0f} files/s read; "
        f"CPU use of all cores {result.cpu_share:.0%}"
    )
    stages = ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(result.stage_s.items()))
    rejects = (f"rejected, {name}: {count:,}" for name, count in sorted(result.rejects.items()))
    lines = [counts, speed, f"seconds by stage: {stages}", *rejects]
    if result.renames is not None:
        lines.append(renamed(result.renames))
    if result.export is not None:
        lines.append(_exported(result.export, dry_run=False))
    return "\n".join(lines)


def _exported(done: MidiExport, *, dry_run: bool) -> str:
    lines = [] if done.drive is None else _copied(done.drive, done.target, dry_run=dry_run)
    for table in done.tables:
        rows = "" if table.rows is None else f", {table.rows:,} rows"
        lines.append(f"{'would write' if dry_run else 'written:'} {table.path}{rows}")
    return "\n".join(lines)


def _copied(done: Exported, target: Path | None, *, dry_run: bool) -> list[str]:
    copied = f"{done.copied:,} files ({done.bytes / 2**20:,.1f} MB) to {target}"
    others = f"{done.unchanged:,} unchanged, {done.removed:,} no longer wanted"
    lines = [f"{'would copy' if dry_run else 'copied'} {copied}; {others}"]
    for count, what in (
        (done.kept, "changed on the drive and kept, as NAME_kept_N where replaced"),
        (
            done.damaged,
            "left out: the library has lost or changed them; `etl midi run --force` brings back the lost",
        ),
        (done.unanalysed, "left out: not analyzed; run `etl midi analyze SOURCE`"),
    ):
        if count:
            lines.append(f"{count:,} files {what}")
    return lines


def _rows(answer: pl.DataFrame) -> str:
    rows = ("\t".join("" if cell is None else one_line(str(cell)) for cell in row) for row in answer.rows())
    return "\n".join(["\t".join(answer.columns), *rows])
