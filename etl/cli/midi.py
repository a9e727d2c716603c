"""`etl midi`: a folder of MIDI files in, a searchable, split and tagged library out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli import midi_forget, midi_roll
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
from etl.cli.midi_summary import done, planned
from etl.cli.options import AsJson, ClusterAt, Database, Maps, parse_cluster
from etl.cli.output import show
from etl.cli.tables import one_line
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    import polars as pl

    from etl.exports.drive import Exported
    from etl.pipelines.midi.export import MidiExport
    from etl.pipelines.midi.rename_journal import Renames, Undone
    from etl.runtime.work.cluster.address import Cluster

app = typer.Typer(help="Import, analyze, split, find, rename and export MIDI files.", no_args_is_help=True)
app.add_typer(midi_forget.app)
app.add_typer(midi_roll.app)


class Device(StrEnum):
    """The device that a drive is for."""

    MPC_ONE = "mpc-one"
    FORCE = "force"
    BOTH = "both"


class LibraryQuery(StrEnum):
    """A named query over the library."""

    OVERVIEW = "overview"
    DUPLICATES = "duplicates"
    UNREADABLE = "unreadable"
    CATEGORIES = "categories"
    TEMPOS = "tempos"
    KEYS = "keys"


class Format(StrEnum):
    """How a list is printed."""

    TEXT = "text"
    CSV = "csv"


Sources = Annotated[list[Path], typer.Argument(help="Files, folders and archives (zip, tar.*, gz, 7z, rar).")]
Library = Annotated[Path, typer.Option(help="Folder for copies with safe names and for parts.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Processes; default: all cores; 0: in this one.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many files.")]
Filter = Annotated[str, typer.Option("--filter", help="Only paths that match this glob.")]
Force = Annotated[bool, typer.Option("--force", help="Redo finished work.")]
AllowGone = Annotated[
    bool, typer.Option("--allow-gone", help="Go on where over half of the files of a folder are gone.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done without doing it.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Show the state as JSON lines on standard output.")]

LIBRARY = Path("midi_library")
STAGES = "import,analyze,sanitize,split"


@dataclass(frozen=True)
class _Common:
    """Options that all runs have."""

    db: Path | None
    workers: int | None
    limit: int | None
    pattern: str
    force: bool
    allow_gone: bool
    dry_run: bool
    log_json: bool
    as_json: bool
    cluster: Cluster | None = None


@app.command(
    epilog="""Examples:

    etl midi run ~/midi packs.zip --library ~/midi_library

    etl midi run /nas/midi --library /nas/library --cluster tcp://10.0.0.1:8786 --map /nas=/mnt/nas
"""
)
def run(
    sources: Sources,
    library: Library = LIBRARY,
    stages: Annotated[str, typer.Option(help="Comma-separated: import, analyze, sanitize, split.")] = STAGES,
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
    """Read, analyze, copy with safe names and split whatever is new; every file is read once."""
    at = parse_cluster(cluster, maps)
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json, at)
    _run(sources, library, stages.split(","), options)


@app.command("import", epilog="Example: etl midi import ~/midi --filter '*drums*'")
def import_(
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
    """Read, hash, parse and tag what is new; no analysis and no copies."""
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
    _run(sources, LIBRARY, ["import"], options)


@app.command(epilog="Example: etl midi analyze ~/midi --force")
def analyze(
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
    """Find tempo, metre, key, drums, chords and category of what has none, importing it first if need be."""
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
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
    allow_gone: AllowGone = False,
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
        show(renames, _renamed, as_json=as_json)
        return
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
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
    allow_gone: AllowGone = False,
    dry_run: DryRun = False,
    log_json: LogJson = False,
    as_json: AsJson = False,
) -> None:
    """Cut files with several parts into one file per track and channel, in the library."""
    options = _Common(db, workers, limit, pattern, force, allow_gone, dry_run, log_json, as_json)
    _run(sources, library, ["split"], options)


@app.command(epilog="Example: etl midi rename --template '{bpm}bpm_{key}_{category}.mid' --dry-run")
def rename(
    library: Library = LIBRARY,
    template: Annotated[
        str, typer.Option(help="Of {bpm}, {key}, {tags}, {category}, {bars}, {name}.")
    ] = "{bpm}bpm_{key}_{tags}.mid",
    db: Database = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Rename the library's files by what they are; `etl midi undo` takes it back."""
    from etl.pipelines.midi.rename import rename_library

    renames = rename_library(library, database_path(db), template=template, dry_run=dry_run)
    show(renames, _renamed, as_json=as_json)


@app.command(epilog="Example: etl midi undo 12")
def undo(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="The run to take back.")],
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Take back the renames of a run, last first."""
    from etl.pipelines.midi.rename_journal import undo as take_back

    show(take_back(database_path(db), run_id), _undone, as_json=as_json)


@app.command(epilog="Example: etl midi export --export-to /media/MPC --format mpc-one --npz midi.npz")
def export(
    export_to: Annotated[Path | None, typer.Option("--export-to", help="A drive, or a folder.")] = None,
    library: Library = LIBRARY,
    device: Annotated[
        Device, typer.Option("--format", help="The device that the drive is for.")
    ] = Device.BOTH,
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

    further = note_options(npz, tokens, notes=notes, piano_roll=piano_roll)
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
        npz=npz,
        parquet=parquet,
        notes=further,
        dry_run=dry_run,
        renderers=renderers(),
    )
    exported.tables.extend(write_tables(database_path(db), tables, tables_format, dry_run=dry_run))
    aside = is_standard_output(npz) or is_standard_output(parquet)
    show(exported, lambda done: _exported(done, dry_run=dry_run), as_json=as_json, aside=aside)


@app.command(epilog="Example: etl midi find --bpm 118-124 --key Am --category bass --tag house")
def find(
    bpm: Annotated[str | None, typer.Option(help="A tempo or a range: 118-124.")] = None,
    key: Annotated[str | None, typer.Option(help="A key: Am, 'F# minor', Bb.")] = None,
    category: Annotated[str | None, typer.Option(help="A category, or the start of one: bass, drum.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 50,
    format_: Annotated[Format, typer.Option("--format", help="CSV has all columns.")] = Format.TEXT,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """List matching files, most certain first."""
    from etl.pipelines.midi.find import find_files

    frame = find_files(
        database_path(db), bpm=bpm, key=key, category=category, tags=tuple(tag or ()), limit=limit + 1
    )
    found = frame.head(limit)
    if format_ is Format.CSV and not as_json:
        typer.echo(found.with_columns(found["tags"].list.join("|")).write_csv(), nl=False)
    elif as_json or found.height:
        show(found, _files, as_json=as_json)
    more = "the first " if frame.height > limit else ""
    typer.echo(f"{more}{found.height:,} files{'; --limit shows more' if more else ''}", err=True)


@app.command(epilog="Example: etl midi stats --query duplicates")
def stats(
    query: Annotated[LibraryQuery, typer.Option(help="A named query.")] = LibraryQuery.OVERVIEW,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Summarize the library, or run one of its named queries."""
    from etl.pipelines.midi.find import library_query

    show(library_query(database_path(db), query), _rows, as_json=as_json)


def _run(sources: list[Path], library: Path, stages: list[str], options: _Common) -> None:
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
        workers=default_workers() if options.workers is None else options.workers,
        cluster=options.cluster,
    )
    if options.dry_run:
        show(plan_midi(request), planned, as_json=options.as_json)
        return
    result = run_midi(request, renderers(request.database, log_json=options.log_json))
    if not options.log_json:
        show(result, done, as_json=options.as_json)
    if result.silent:
        nothing = f"no MIDI files that can be read in {', '.join(map(one_line, result.silent))}"
        typer.echo(f"etl: {nothing}; `etl midi stats --query unreadable` says why", err=True)
        raise typer.Exit(ExitCode.FAILURE)


def _renamed(renames: Renames) -> str:
    if not renames.files:
        return "nothing to rename"
    if renames.run_id is not None:
        return f"{len(renames.files):,} files renamed; to take it back: etl midi undo {renames.run_id}"
    names = [(one_line(file.old), one_line(Path(file.new).name)) for file in renames.files]
    width = max(len(old) for old, _ in names)
    return "\n".join(
        [*(f"{old:{width}}  ->  {new}" for old, new in names), f"{len(names):,} files would be renamed"]
    )


def _undone(done: Undone) -> str:
    kept = f", {done.kept:,} left: the file has gone, or another has its old name" if done.kept else ""
    return f"{done.undone:,} renames taken back{kept}"


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


def _files(found: pl.DataFrame) -> str:
    lines = []
    for row in found.iter_rows(named=True):
        tempo = f"{row['bpm']:6.1f}" if row["bpm"] is not None else f"{'-':>6}"
        lines.append(f"{tempo}  {row['key'] or '-':9}  {row['category'] or '-':12}  {one_line(row['path'])}")
    return "\n".join(lines)


def _rows(answer: pl.DataFrame) -> str:
    rows = ("\t".join("" if cell is None else one_line(str(cell)) for cell in row) for row in answer.rows())
    return "\n".join(["\t".join(answer.columns), *rows])
