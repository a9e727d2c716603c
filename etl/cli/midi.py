"""`etl midi`: a folder of MIDI files in, a searchable, split and tagged library out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli import midi_find, midi_forget, midi_rename, midi_roll
from etl.cli.combinations import not_with, only_with
from etl.cli.groups import examples
from etl.cli.midi_models import (
    Notes,
    PianoRoll,
    TableFormat,
    Tables,
    TablesFormat,
    Tokens,
    note_options,
    write_tables,
)
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
from etl.cli.midi_summary import done, exported_lines, planned
from etl.cli.options import AsJson, ClusterAt, Database, Maps, parse_cluster
from etl.cli.output import show
from etl.cli.tables import Full, frame_table
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import one_line
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from etl.pipelines.midi.delivery import Delivery
    from etl.runtime.work.cluster.address import Cluster

app = typer.Typer(help="Import, analyze, split, find, rename and export MIDI files.", no_args_is_help=True)
app.add_typer(midi_find.app)
app.add_typer(midi_rename.app)
app.add_typer(midi_forget.app)
app.add_typer(midi_roll.app)


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
    typer.Option(
        help="Worker processes; default: all cores; 0: only this process. Of a list (32,64,16) the largest "
        "counts."
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many files.")]
Filter = Annotated[str, typer.Option("--filter", help="Only paths that match this glob.")]
Force = Annotated[bool, typer.Option("--force", help="Redo finished work.")]
AllowGone = Annotated[
    bool, typer.Option("--allow-gone", help="Continue even if over half of the files of a folder are gone.")
]
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
    allow_gone: bool
    dry_run: bool
    log_json: bool
    as_json: bool
    cluster: Cluster | None = None


@app.command(
    epilog=examples(
        "etl midi run ~/midi packs.zip --rename --export-to /media/MPC --format mpc-one",
        "etl midi run /nas/midi --library /nas/library --cluster tcp://10.0.0.1:8786 --map /nas=/mnt/nas",
    )
)
def run(
    context: typer.Context,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, folders and archives (zip, tar.*, 7z, rar); none: only library edits."),
    ] = None,
    library: Library = LIBRARY,
    stages: Annotated[str, typer.Option(help="Comma-separated: import, analyze, sanitize, split.")] = STAGES,
    rename: Annotated[bool, typer.Option("--rename", help="Then rename the library, by --template.")] = False,
    template: Template = TEMPLATE,
    export_to: Drive = None,
    device: For = Device.BOTH,
    parts: Annotated[
        Parts, typer.Option(help="Rename and export only parts, parts as well, or no parts.")
    ] = Parts.ALSO,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    allow_gone: AllowGone = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    cluster: ClusterAt = None,
    maps: Maps = None,
    as_json: AsJson = False,
) -> None:
    """Import, analyze, copy under safe names and split new files; then rename and export, if asked to."""
    at = parse_cluster(cluster, maps)
    only_with(context, "--rename", "--template")
    only_with(context, "--export-to", "--format")
    only_with(context, "--rename or --export-to", "--parts")
    not_with(context, "--dry-run", "--rename", "--export-to", "--cluster")
    _check_log(context)
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json, at)
    delivery = None
    if rename or export_to is not None:  # without these nothing heavy is imported
        from etl.midi.mpc import DriveFormat
        from etl.pipelines.midi.delivery import Delivery

        names = template if rename else None
        delivery = Delivery(names, export_to, DriveFormat(device), drive_options(parts))
    if not sources and not library.is_dir():
        raise EtlError(
            f"no sources, and there is no library at {library}.",
            "Pass files, folders or archives: `etl midi run SOURCE`.",
            exit_code=ExitCode.USAGE,
        )
    _run(sources or [], library, [stage.strip() for stage in stages.split(",")], options, delivery)


@app.command("import", epilog="Example: etl midi import ~/midi --filter '*drums*'")
def import_(
    context: typer.Context,
    sources: Sources,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    allow_gone: AllowGone = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Read, hash, parse and tag new files; no analysis and no copies."""
    _check_log(context)
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
    _run(sources, LIBRARY, ["import"], options)


@app.command(epilog="Example: etl midi analyze ~/midi --force")
def analyze(
    context: typer.Context,
    sources: Sources,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    allow_gone: AllowGone = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Find tempo, metre, key, drums, chords and category of new files, importing them first if needed."""
    _check_log(context)
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
    _run(sources, LIBRARY, ["analyze"], options)


@app.command(epilog=examples("etl midi sanitize ~/midi --in-place", "etl midi undo 12"))
def sanitize(
    context: typer.Context,
    sources: Sources,
    library: Library = LIBRARY,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Rename the files themselves; `etl midi undo` reverts it.")
    ] = False,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    allow_gone: AllowGone = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Copy files into the library under safe names, or rename them in place."""
    not_with(context, "--in-place", "--workers", "--limit", "--force", "--allow-gone", "--log-json")
    if in_place:
        from etl.pipelines.midi.rename import sanitize_in_place

        renames = sanitize_in_place(
            tuple(sources), database_path(db), library=library, pattern=pattern, dry_run=dry_run
        )
        show(renames, renamed, as_json=as_json)
        return
    _check_log(context)
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
    _run(sources, library, ["sanitize"], options)


@app.command(epilog="Example: etl midi split ~/midi/song.mid --library ~/midi_library")
def split(
    context: typer.Context,
    sources: Sources,
    library: Library = LIBRARY,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    allow_gone: AllowGone = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Cut files with several parts into one file per track and channel, in the library."""
    _check_log(context)
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
    _run(sources, library, ["split"], options)


@app.command(epilog="Example: etl midi export --export-to /media/MPC --format mpc-one --npz midi.npz")
def export(
    context: typer.Context,
    export_to: Drive = None,
    library: Library = LIBRARY,
    device: For = Device.BOTH,
    parts: Annotated[
        Parts, typer.Option(help="Export only parts, parts and whole files, or no parts.")
    ] = Parts.ALSO,
    layout: Annotated[Layout, typer.Option(help="What to sort folders by.")] = Layout.CATEGORY,
    patterns: Annotated[
        Patterns, typer.Option(help="Pattern files for parts of up to 64 bars, for all, or for none.")
    ] = Patterns.LOOPS,
    progressions: Annotated[
        Progressions,
        typer.Option(help="Put progression files beside their MIDI file, or at the drive's root."),
    ] = Progressions.DEVICE,
    transpose: Annotated[
        str | None, typer.Option(help="Transpose to this key or its relative, e.g. Am.")
    ] = None,
    bpm: Annotated[float | None, typer.Option(help="Set one tempo for all files, e.g. 120.")] = None,
    trim: Annotated[bool, typer.Option("--trim", help="Remove silent bars before the first note.")] = False,
    npz: Annotated[Path | None, typer.Option(help="Write matrices for machine learning.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the analysis, one row per file.")] = None,
    notes: Notes = False,
    piano_roll: PianoRoll = False,
    tokens: Tokens = None,
    tables: Tables = None,
    tables_format: TablesFormat = TableFormat.PARQUET,
    db: Database = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Sort the library onto a drive for an Akai MPC One or Force; write matrices and tables."""
    from etl.midi.mpc import DriveFormat
    from etl.pipelines.midi.export import export_midi
    from etl.runtime.watch.renderers import renderers

    only_with(
        context, "--export-to", "--format", "--layout", "--patterns", "--progressions", "--transpose",
        "--bpm", "--trim",
    )  # fmt: skip
    only_with(context, "--export-to or --npz or --parquet", "--parts")
    only_with(context, "--npz", "--notes", "--piano-roll", "--tokens")
    only_with(context, "--tables", "--tables-format")
    further = note_options(tokens, notes=notes, piano_roll=piano_roll)
    if not (export_to or npz or parquet or tables):
        raise EtlError(
            "nowhere to export to.",
            "Pass --export-to DIR, --npz FILE, --parquet FILE or --tables DIR.",
            exit_code=ExitCode.USAGE,
        )
    ways = {".npz": "--npz", ".parquet": "--parquet"}
    check_name(npz, ".npz", ways=ways)
    check_name(parquet, ".parquet", ways=ways)
    exported = export_midi(
        database_path(db),
        library,
        target=export_to,
        drive_format=DriveFormat(device),
        options=drive_options(parts, layout, patterns, progressions, transpose=transpose, bpm=bpm, trim=trim),
        npz=npz,
        parquet=parquet,
        notes=further,
        dry_run=dry_run,
        renderers=renderers(),
    )
    exported.tables.extend(write_tables(database_path(db), tables, tables_format, dry_run=dry_run))
    aside = is_standard_output(npz) or is_standard_output(parquet)
    show(exported, lambda done: exported_lines(done, dry_run=dry_run), as_json=as_json, aside=aside)


@app.command(epilog="Example: etl midi stats --query duplicates")
def stats(
    query: Annotated[LibraryQuery, typer.Option(help="A named query.")] = LibraryQuery.OVERVIEW,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Summarize the library, or run one of its named queries."""
    from etl.pipelines.midi.find import library_query

    answer = library_query(database_path(db), query)
    show(answer, lambda rows: frame_table(rows, full=full), as_json=as_json)
    midi_find.say_touched(database_path(db))


def _check_log(context: typer.Context) -> None:
    """Refuse a log that would stand beside another document, or that nothing is written to."""
    not_with(context, "--log-json", "--json")
    not_with(context, "--dry-run", "--log-json")


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
        allow_gone=options.allow_gone,
        workers=default_workers() if options.workers is None else read_workers(options.workers),
        cluster=options.cluster,
    )
    if options.dry_run:
        show(plan_midi(request), partial(planned, has_sources=bool(sources)), as_json=options.as_json)
        return
    shown = renderers(request.database, log_json=options.log_json)
    if delivery is None:
        result = run_midi(request, shown)
    else:
        from etl.pipelines.midi.delivery import run_and_deliver

        result = run_and_deliver(request, delivery, shown)
    if not options.log_json:
        show(result, partial(done, has_sources=bool(sources)), as_json=options.as_json)
    if result.silent:
        nothing = f"no MIDI files that can be read in {', '.join(map(one_line, result.silent))}"
        typer.echo(f"etl: {nothing}; `etl midi stats --query unreadable` shows why", err=True)
        raise typer.Exit(ExitCode.FAILURE)
