"""`etl midi`: a folder of MIDI files in, a searchable, split and tagged library out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import Database
from etl.cli.tables import one_line
from etl.runtime.errors import EtlError
from etl.runtime.pool import ProcessPool
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from etl.exports.drive import Exported
    from etl.pipelines.midi.request import MidiSummary

app = typer.Typer(
    help="MIDI library: import, analyse, sanitize, split, find, rename, export.", no_args_is_help=True
)

Sources = Annotated[list[Path], typer.Argument(help="Files, folders and archives (zip, tar.*, gz, 7z, rar).")]
Library = Annotated[Path, typer.Option(help="Folder for copies with safe names and for parts.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; default: all cores.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take so many files at most.")]
Filter = Annotated[str, typer.Option("--filter", help="Only paths that match this glob.")]
Force = Annotated[bool, typer.Option("--force", help="Do again what is done.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

KERNELS = ("etl.pipelines.midi.preload",)
LIBRARY = Path("midi_library")
STAGES = "import,analyze,sanitize,split"


@app.command(epilog="Example: etl midi run ~/midi packs.zip --library ~/midi_library")
def run(
    sources: Sources,
    library: Library = LIBRARY,
    stages: Annotated[str, typer.Option(help="Comma-separated: import, analyze, sanitize, split.")] = STAGES,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Read, analyse, copy with safe names and split whatever is new; every file is read once."""
    _run(sources, library, stages.split(","), db, workers, limit, pattern, force=force, dry_run=dry_run)


@app.command("import", epilog="Example: etl midi import ~/midi --filter '*drums*'")
def import_(
    sources: Sources,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Read, hash, parse and tag what is new; no analysis and no copies."""
    _run(sources, LIBRARY, ["import"], db, workers, limit, pattern, force=force, dry_run=dry_run)


@app.command(epilog="Example: etl midi analyze ~/midi --force")
def analyze(
    sources: Sources,
    db: Database = None,
    workers: Workers = None,
    limit: Limit = None,
    pattern: Filter = "*",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Find tempo, metre, key, drums, chords and category of what has none, importing it first if need be."""
    _run(sources, LIBRARY, ["analyze"], db, workers, limit, pattern, force=force, dry_run=dry_run)


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
) -> None:
    """Copy files into the library under safe names, or rename them in place."""
    if in_place:
        from etl.pipelines.midi.rename import sanitize_in_place

        renames = sanitize_in_place(
            tuple(sources), database_path(db), library=library, pattern=pattern, dry_run=dry_run
        )
        typer.echo(_renamed(renames.rows, renames.run_id, dry_run=dry_run))
        return
    _run(sources, library, ["sanitize"], db, workers, limit, pattern, force=force, dry_run=dry_run)


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
) -> None:
    """Cut files with several parts into one file per track and channel, in the library."""
    _run(sources, library, ["split"], db, workers, limit, pattern, force=force, dry_run=dry_run)


@app.command(epilog="Example: etl midi rename --template '{bpm}bpm_{key}_{category}.mid' --dry-run")
def rename(
    library: Library = LIBRARY,
    template: Annotated[
        str, typer.Option(help="Of {bpm}, {key}, {tags}, {category}, {bars}, {name}.")
    ] = "{bpm}bpm_{key}_{tags}.mid",
    db: Database = None,
    dry_run: DryRun = False,
) -> None:
    """Rename the library's files by what they are; `etl midi undo` takes it back."""
    from etl.pipelines.midi.rename import rename_library

    renames = rename_library(library, database_path(db), template=template, dry_run=dry_run)
    typer.echo(_renamed(renames.rows, renames.run_id, dry_run=dry_run))


@app.command(epilog="Example: etl midi undo 12")
def undo(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="The run to take back.")], db: Database = None
) -> None:
    """Take back the renames of a run, last first."""
    from etl.pipelines.midi.rename_journal import undo as take_back

    undone, kept = take_back(database_path(db), run_id)
    typer.echo(
        f"{undone:,} renames taken back"
        + (f", {kept:,} left: the file has gone, or another has its old name" if kept else "")
    )


@app.command(epilog="Example: etl midi export --export-to /media/MPC --format mpc-one --npz midi.npz")
def export(
    export_to: Annotated[Path | None, typer.Option("--export-to", help="A drive, or a folder.")] = None,
    library: Library = LIBRARY,
    format_: Annotated[str, typer.Option("--format", help="mpc-one, force or both.")] = "both",
    npz: Annotated[Path | None, typer.Option(help="Write matrices for machine learning.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the analysis, one row per file.")] = None,
    db: Database = None,
    dry_run: DryRun = False,
) -> None:
    """Sort the library onto a drive for an Akai MPC One or Force; write matrices and tables."""
    from etl.midi.mpc import DriveFormat
    from etl.pipelines.midi.export import check_tables, export_drive, export_tables

    if format_ not in set(DriveFormat):
        raise EtlError(f"no format `{format_}`.", f"Choose one of: {', '.join(DriveFormat)}.")
    if not (export_to or npz or parquet):
        raise EtlError("nowhere to export to.", "Pass --export-to DIR, --npz FILE or --parquet FILE.")
    check_tables(npz, parquet)
    if export_to:
        done = export_drive(library, database_path(db), export_to, DriveFormat(format_), dry_run=dry_run)
        typer.echo(_exported(done, export_to, dry_run=dry_run))
    if dry_run:
        typer.echo(
            "\n".join(f"would write {target}" for target in (npz, parquet) if target), nl=bool(npz or parquet)
        )
        return
    for target, rows in export_tables(database_path(db), npz=npz, parquet=parquet) if npz or parquet else ():
        typer.echo(f"written: {target}, {rows:,} rows")


def _exported(done: Exported, drive: Path, *, dry_run: bool) -> str:
    verb = "would copy" if dry_run else "copied"
    lines = [f"{verb} {done.copied:,} files ({done.bytes / 2**20:,.1f} MB) to {drive}"]
    lines[0] += f"; {done.unchanged:,} unchanged, {done.removed:,} no longer wanted"
    for count, what in (
        (done.kept, "changed on the drive and kept, as NAME_kept_N where replaced"),
        (
            done.damaged,
            "left out: the library has lost or changed them; `etl midi run --force` brings back the lost",
        ),
        (done.unanalysed, "left out: not analysed; run `etl midi analyze SOURCE`"),
    ):
        if count:
            lines.append(f"{count:,} files {what}")
    return "\n".join(lines)


@app.command(epilog="Example: etl midi find --bpm 118-124 --key Am --category bass --tag house")
def find(
    bpm: Annotated[str | None, typer.Option(help="A tempo or a range: 118-124.")] = None,
    key: Annotated[str | None, typer.Option(help="A key: Am, 'F# minor', Bb.")] = None,
    category: Annotated[str | None, typer.Option(help="A category, or the start of one: bass, drum.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    format_: Annotated[str, typer.Option("--format", help="text, csv or json (all columns).")] = "text",
    db: Database = None,
) -> None:
    """List the files that fit, best known first."""
    from etl.pipelines.midi.find import find_files

    if format_ not in {"text", "csv", "json"}:
        raise EtlError(f"no format `{format_}`.", "Choose one of: text, csv, json.")
    frame = find_files(
        database_path(db), bpm=bpm, key=key, category=category, tags=tuple(tag or ()), limit=limit + 1
    )
    found = frame.head(limit)
    if format_ == "csv":
        typer.echo(found.with_columns(found["tags"].list.join("|")).write_csv(), nl=False)
    elif format_ == "json":
        typer.echo(json.dumps(found.to_dicts(), ensure_ascii=False, indent=1))
    else:
        for row in found.iter_rows(named=True):
            tempo = f"{row['bpm']:6.1f}" if row["bpm"] is not None else f"{'-':>6}"
            typer.echo(
                f"{tempo}  {row['key'] or '-':9}  {row['category'] or '-':12}  {one_line(row['path'])}"
            )
    more = "the first " if frame.height > limit else ""
    typer.echo(f"{more}{found.height:,} files{'; --limit shows more' if more else ''}", err=True)


@app.command(epilog="Example: etl midi stats --query duplicates")
def stats(
    query: Annotated[
        str, typer.Option(help="A named query: overview, duplicates, unreadable, categories, tempos, keys.")
    ] = "overview",
    db: Database = None,
) -> None:
    """Sum the library up, or run one of its named queries."""
    from etl.pipelines.midi.find import library_query

    frame = library_query(database_path(db), query)
    typer.echo("\t".join(frame.columns))
    for row in frame.iter_rows():
        typer.echo("\t".join("" if cell is None else one_line(str(cell)) for cell in row))


def _run(
    sources: list[Path],
    library: Path,
    stages: list[str],
    db: Path | None,
    workers: int | None,
    limit: int | None,
    pattern: str,
    *,
    force: bool,
    dry_run: bool,
) -> None:
    from etl.pipelines.midi.request import MidiRun, Stage
    from etl.pipelines.midi.run import preview, run_midi
    from etl.runtime.compile_folder import writable_folder

    unknown = [stage for stage in stages if stage not in set(Stage)]
    if unknown:
        raise EtlError(f"no stage `{unknown[0]}`.", f"Choose of: {', '.join(Stage)}.")
    request = MidiRun(
        sources=tuple(sources),
        database=database_path(db),
        library=library,
        stages=frozenset(Stage(stage) for stage in stages),
        limit=limit,
        pattern=pattern,
        force=force,
    )
    if dry_run:
        typer.echo(preview(request))
        return
    writable_folder()  # where there is none it is said here, for all workers
    typer.echo(describe(run_midi(request, ProcessPool(workers or default_workers(), KERNELS))))


def describe(summary: MidiSummary) -> str:
    """Say what a run did."""
    seconds = summary.meter.elapsed
    counts = (
        f"{summary.found:,} files found: {summary.unchanged:,} unchanged, {summary.read:,} read, "
        f"{summary.new:,} new, {summary.rejected:,} rejected; {summary.parts:,} parts split"
    )
    speed = (
        f"{seconds:.1f} s, {summary.read / max(seconds, 1e-9):,.0f} files/s read; "
        f"CPU use of all cores {summary.meter.cpu_use:.0%}"
    )
    lines = [
        counts,
        speed,
        "seconds by stage: "
        + ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(summary.meter.seconds.items())),
    ]
    lines += [f"rejected, {name}: {count:,}" for name, count in sorted(summary.rejects.items())]
    return "\n".join(lines)


def _renamed(rows: list[tuple[str, str]], run_id: int, *, dry_run: bool) -> str:
    if not rows:
        return "nothing to rename"
    if not dry_run:
        return f"{len(rows):,} files renamed; to take it back: etl midi undo {run_id}"
    names = [(one_line(old), one_line(Path(new).name)) for old, new in rows]
    width = max(len(old) for old, _ in names)
    return "\n".join(
        [*(f"{old:{width}}  ->  {new}" for old, new in names), f"{len(rows):,} files would be renamed"]
    )
