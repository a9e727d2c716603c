"""`etl library`: from folders of audio to tags, sonic features and matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import Database
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from etl.audio.sonic import Mode
    from etl.exports.sonic import Normalization

app = typer.Typer(help="Scan, describe and export a library of audio files.", no_args_is_help=True)

Sources = Annotated[
    list[Path], typer.Argument(help="Folders, or inventories: CSV or Parquet with a column `path`.")
]
Force = Annotated[bool, typer.Option("--force", help="Do again what is done, and try again what failed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Do so many tracks at most.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes; default: all cores.")]
Windowed = Annotated[
    bool, typer.Option("--windowed", help="Three windows of 30 s rather than all beats of the track.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The NPZ (or .parquet) to write.")]
Normalize = Annotated[str, typer.Option(help="robust, zscore, l2, pca or none.")]
Stats = Annotated[bool, typer.Option("--stats", help="Print how the library stands afterwards.")]

_DEFAULT_OUTPUT = Path("data_matrices.npz")


@app.command(epilog="Example: etl library run ~/Music -o data_matrices.npz --stats")
def run(
    sources: Annotated[
        list[Path] | None, typer.Argument(help="Folders and inventories; without any, nothing is scanned.")
    ] = None,
    stages: Annotated[
        str, typer.Option(help="Which stages; genres is a place kept for a later version.")
    ] = "scan,genres,sonic,artifacts",
    output: Output = _DEFAULT_OUTPUT,
    normalize: Normalize = "robust",
    windowed: Windowed = False,
    force: Force = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    workers: Workers = None,
    db: Database = None,
    stats_after: Stats = False,
) -> None:
    """Do the missing work of all stages: scan, describe, write the matrices."""
    from etl.pipelines.audio.library import parse_stages

    chosen = tuple(stage for stage in parse_stages(stages) if sources or stage != "scan")
    if not chosen:
        raise EtlError("nothing to scan.", "Give folders or inventories.", exit_code=ExitCode.USAGE)
    options = _Common(windowed, force, dry_run, limit, workers, db, stats_after)
    _run(sources or [], chosen, options, output=output, normalize=normalize)


@app.command(epilog="Example: etl library scan ~/Music /mnt/archive inventory.csv")
def scan(
    sources: Sources,
    force: Force = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    db: Database = None,
    stats_after: Stats = False,
) -> None:
    """Bring the inventory up to date: new, changed, moved and gone files, and their tags."""
    _run(
        sources,
        ("scan",),
        _Common(
            windowed=False,
            force=force,
            dry_run=dry_run,
            limit=limit,
            workers=None,
            db=db,
            stats_after=stats_after,
        ),
    )


@app.command(epilog="Example: etl library sonic --workers 4")
def sonic(
    windowed: Windowed = False,
    force: Force = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    workers: Workers = None,
    db: Database = None,
    stats_after: Stats = False,
) -> None:
    """Describe the sound of the tracks that have no description yet."""
    _run([], ("sonic",), _Common(windowed, force, dry_run, limit, workers, db, stats_after))


@app.command(epilog="Example: etl library artifacts -o rock.npz --where \"genre = 'Rock'\" --exclude tonnetz")
def artifacts(
    output: Output = _DEFAULT_OUTPUT,
    normalize: Normalize = "robust",
    include: Annotated[str | None, typer.Option(help="Regular expression of features to keep.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Regular expression of features to drop.")] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="SQL condition over path, artist, genre, year, bpm, key_name ... of view `library`."
        ),
    ] = None,
    windowed: Windowed = False,
    db: Database = None,
) -> None:
    """Write the matrices of the described tracks."""
    from etl.pipelines.audio.library import make_artifacts
    from etl.store.database import read_store

    method = _normalization(normalize)
    with read_store(database_path(db)) as connection:
        made = make_artifacts(
            connection,
            output,
            normalization=method,
            mode=_mode(windowed=windowed),
            include=include,
            exclude=exclude,
            where=where,
        )
    typer.echo(f"{len(made.track_ids):,} tracks, {len(made.feature_names)} features in {output}")


@app.command(epilog="Example: etl library stats --db music.duckdb")
def stats(windowed: Windowed = False, db: Database = None) -> None:
    """Print how many tracks are analyzed, pending and failed."""
    from etl.pipelines.audio.library import status
    from etl.store.database import read_store

    with read_store(database_path(db)) as connection:
        typer.echo(str(status(connection, _mode(windowed=windowed))))


@app.command(epilog="Example: etl library check && echo sound")
def check(db: Database = None) -> int:
    """Verify features, orphans and files; exits with 1 if anything is wrong."""
    from etl.cli.tables import list_problems
    from etl.pipelines.audio.library import check as find_problems
    from etl.store.database import read_store

    with read_store(database_path(db)) as connection:
        problems = find_problems(connection)
    return list_problems(problems)


@app.command(epilog="Examples: etl library plot 'Song title' -o song.png | etl library plot --overview")
def plot(
    track: Annotated[str | None, typer.Argument(help="Title, path or track id.")] = None,
    overview: Annotated[bool, typer.Option("--overview", help="All tracks on a plane, by PCA.")] = False,
    colour: Annotated[str, typer.Option(help="Colour of the overview: key or genre.")] = "key",
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path("plot.png"),
    db: Database = None,
) -> None:
    """Draw a track (waveform, beats, chroma, tempo) or the whole library."""
    from etl.pipelines.audio.library import draw_overview, draw_track
    from etl.store.database import read_store

    if (track is None) is not overview or colour not in {"key", "genre"}:
        raise EtlError("give a track, or --overview with --colour key or genre.", exit_code=ExitCode.USAGE)
    with read_store(database_path(db)) as connection:
        if track is not None:
            draw_track(connection, track, output)
        else:
            draw_overview(connection, output, colour=colour)
    typer.echo(str(output))


@dataclass(frozen=True)
class _Common:
    """What the commands that change the store have in common."""

    windowed: bool
    force: bool
    dry_run: bool
    limit: int | None
    workers: int | None
    db: Path | None
    stats_after: bool


def _run(
    sources: list[Path],
    stages: tuple[str, ...],
    options: _Common,
    *,
    output: Path = _DEFAULT_OUTPUT,
    normalize: str = "none",
) -> None:
    from etl.pipelines.audio.library import LibraryRun, plan, run_library, status
    from etl.runtime.compile_folder import writable_folder
    from etl.store.database import read_store

    database = database_path(options.db)
    request = LibraryRun(
        sources=tuple(sources),
        stages=stages,
        mode=_mode(windowed=options.windowed),
        output=output,
        normalization=_normalization(normalize),
        force=options.force,
        limit=options.limit,
        workers=options.workers or default_workers(),
    )
    if "sonic" in stages and not options.dry_run:
        writable_folder()  # where there is none it is said here, for all workers
    for line in (plan if options.dry_run else run_library)(database, request):
        typer.echo(line)
    if options.stats_after and database.exists():
        with read_store(database) as connection:
            typer.echo(str(status(connection, request.mode)))


def _mode(*, windowed: bool) -> Mode:
    from etl.audio.sonic import Mode

    return Mode.WINDOW if windowed else Mode.BEAT


def _normalization(name: str) -> Normalization:
    from etl.exports.sonic import Normalization

    if name not in set(Normalization):
        raise EtlError(f"no normalization `{name}`.", f"Choose one of: {', '.join(Normalization)}.")
    return Normalization(name)
