"""`etl library`: from folders of audio to tags, sonic features and matrices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli import library_cache
from etl.cli.options import Database
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.executor import default_workers
from etl.runtime.settings import database_path

if TYPE_CHECKING:
    from etl.exports.sonic import Normalization
    from etl.pipelines.library import LibraryRun

app = typer.Typer(help="Scan, describe and export a library of audio files.", no_args_is_help=True)
app.add_typer(library_cache.app, name="cache")

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
    stages: Annotated[str, typer.Option(help="Which stages, of scan,genres,sonic,artifacts.")] = (
        "scan,genres,sonic,artifacts"
    ),
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
    from etl.pipelines.library import parse_stages

    chosen = parse_stages(stages)
    if not sources:
        chosen = tuple(stage for stage in chosen if stage != "scan")
    request = _request(
        sources or [], chosen, output, normalize, windowed=windowed, force=force, limit=limit, workers=workers
    )
    _run(request, database_path(db), dry_run=dry_run, stats_after=stats_after)


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
    request = _request(
        sources, ("scan",), _DEFAULT_OUTPUT, "none", windowed=False, force=force, limit=limit, workers=None
    )
    _run(request, database_path(db), dry_run=dry_run, stats_after=stats_after)


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
    request = _request(
        [], ("sonic",), _DEFAULT_OUTPUT, "none", windowed=windowed, force=force, limit=limit, workers=workers
    )
    _run(request, database_path(db), dry_run=dry_run, stats_after=stats_after)


@app.command(epilog="Example: etl library artifacts -o rock.npz --where \"genre = 'Rock'\" --exclude tonnetz")
def artifacts(
    output: Output = _DEFAULT_OUTPUT,
    normalize: Normalize = "robust",
    include: Annotated[str | None, typer.Option(help="Regular expression of features to keep.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Regular expression of features to drop.")] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition over view `library`.")] = None,
    db: Database = None,
) -> None:
    """Write the matrices of the described tracks."""
    from etl.pipelines.library import make_artifacts
    from etl.store.database import read_store

    method = _normalization(normalize)
    with read_store(database_path(db)) as connection:
        made = make_artifacts(
            connection, output, normalization=method, include=include, exclude=exclude, where=where
        )
    typer.echo(f"{len(made.track_ids):,} tracks, {len(made.feature_names)} features in {output}")


@app.command(epilog="Example: etl library stats --db music.duckdb")
def stats(windowed: Windowed = False, db: Database = None) -> None:
    """Print how many tracks are analyzed, pending and failed."""
    from etl.audio.sonic import Mode
    from etl.pipelines.library import status
    from etl.store.database import read_store

    with read_store(database_path(db)) as connection:
        typer.echo(str(status(connection, Mode.WINDOW if windowed else Mode.BEAT)))


@app.command(epilog="Example: etl library check && echo sound")
def check(db: Database = None) -> None:
    """Verify features, orphans and files; exits with 1 if anything is wrong."""
    from etl.pipelines.library import check as find_problems
    from etl.store.database import read_store

    with read_store(database_path(db)) as connection:
        problems = find_problems(connection)
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(problems):,} problems")
    if problems:
        raise typer.Exit(ExitCode.FAILURE)


@app.command(epilog="Examples: etl library plot 'Song title' -o song.png | etl library plot --overview")
def plot(
    track: Annotated[str | None, typer.Argument(help="Title, path or track id.")] = None,
    overview: Annotated[bool, typer.Option("--overview", help="All tracks on a plane, by PCA.")] = False,
    colour: Annotated[str, typer.Option(help="Colour of the overview: key or genre.")] = "key",
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path("plot.png"),
    db: Database = None,
) -> None:
    """Draw a track (waveform, beats, chroma, tempo) or the whole library."""
    from etl.pipelines.library import draw_overview, draw_track
    from etl.store.database import read_store

    if (track is None) is not overview or colour not in {"key", "genre"}:
        raise EtlError("give a track, or --overview with --colour key or genre.", exit_code=ExitCode.USAGE)
    with read_store(database_path(db)) as connection:
        if track is not None:
            draw_track(connection, track, output)
        else:
            draw_overview(connection, output, colour=colour)
    typer.echo(str(output))


def _request(
    sources: list[Path],
    stages: tuple[str, ...],
    output: Path,
    normalize: str,
    *,
    windowed: bool,
    force: bool,
    limit: int | None,
    workers: int | None,
) -> LibraryRun:
    from etl.audio.sonic import Mode
    from etl.pipelines.library import LibraryRun

    return LibraryRun(
        sources=tuple(sources),
        stages=stages,
        mode=Mode.WINDOW if windowed else Mode.BEAT,
        output=output,
        normalization=_normalization(normalize),
        force=force,
        limit=limit,
        workers=workers or default_workers(),
    )


def _normalization(name: str) -> Normalization:
    from etl.exports.sonic import Normalization

    if name not in set(Normalization):
        raise EtlError(f"no normalization `{name}`.", f"Choose one of: {', '.join(Normalization)}.")
    return Normalization(name)


def _run(request: LibraryRun, database: Path, *, dry_run: bool, stats_after: bool) -> None:
    from etl.pipelines.library import plan, run_library, status
    from etl.store.database import read_store

    if dry_run:
        typer.echo(plan(database, request))
        return
    for line in run_library(database, request):
        typer.echo(line)
    if stats_after:
        with read_store(database) as connection:
            typer.echo(str(status(connection, request.mode)))
