"""`etl library`: from folders of audio to tags, sonic features and matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli import library_lists, library_plot, library_tags
from etl.cli.combinations import given_options, only_beside, only_with
from etl.cli.groups import examples
from etl.cli.library_summary import (
    artifacts_line,
    finding_lines,
    plan_lines,
    result_lines,
    status_lines,
    warn_of_memory,
)
from etl.cli.options import AsJson, ClusterAt, Database, Maps, parse_cluster
from etl.cli.output import show
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from etl.audio.features import Mode
    from etl.pipelines.audio.artifacts import ArtifactsRequest
    from etl.pipelines.audio.run import LibraryResult, LibraryStage
    from etl.runtime.work.cluster.address import Cluster
    from etl.store.sonic_features import LibraryStatus

app = typer.Typer(help="Scan, describe and export a library of audio files.", no_args_is_help=True)
app.add_typer(library_lists.app)
app.add_typer(library_plot.app)
app.add_typer(library_tags.app)


class Normalize(StrEnum):
    """How the columns of the matrices are scaled."""

    NONE = "none"
    ROBUST = "robust"
    ZSCORE = "zscore"
    L2 = "l2"
    PCA = "pca"


Sources = Annotated[
    list[Path], typer.Argument(help="Folders, or inventories: CSV or Parquet with a column `path`.")
]
Force = Annotated[bool, typer.Option("--force", help="Redo finished work, and retry what failed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done without doing it.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many tracks.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes; default: all cores.")]
Windowed = Annotated[
    bool,
    typer.Option(
        "--windowed/--beat-sync",
        help="Describe three windows of 30 s, or (the default) all beats of the track.",
    ),
]
FollowLinks = Annotated[bool, typer.Option("--follow-links", help="Follow links to folders.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Skip files and folders of this name or path, as in .gitignore; may be repeated. "
        "A file `.etlignore` in a folder can hold such lines too.",
    ),
]
AllowGone = Annotated[
    bool, typer.Option("--allow-gone", help="Continue even if over half of the tracks of a folder are gone.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="The NPZ (or .parquet) to write; `-` is standard output.")
]
NormalizeBy = Annotated[Normalize, typer.Option("--normalize", help="How the columns are scaled.")]
Stats = Annotated[bool, typer.Option("--stats", help="Print library statistics at the end.")]

_DEFAULT_OUTPUT = Path("data_matrices.npz")


@app.command(
    epilog=examples(
        "etl library run ~/Music -o data_matrices.npz",
        "etl library run /nas/music --cluster tcp://10.0.0.1:8786 --map /nas=/mnt/nas",
    )
)
def run(
    context: typer.Context,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders and inventories to scan; without any, nothing is scanned."),
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: scan, genres, sonic, artifacts.", show_default="scan,sonic,artifacts"
        ),
    ] = None,
    output: Output = _DEFAULT_OUTPUT,
    normalize: NormalizeBy = Normalize.ROBUST,
    windowed: Windowed = False,
    force: Force = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    workers: Workers = None,
    follow_links: FollowLinks = False,
    exclude: Exclude = None,
    allow_gone: AllowGone = False,
    db: Database = None,
    stats_only: Annotated[
        bool, typer.Option("--stats", help="Print library statistics, and do nothing else.")
    ] = False,
    cluster: ClusterAt = None,
    maps: Maps = None,
    as_json: AsJson = False,
) -> None:
    """Do the missing work of all stages: scan, sonic, artifacts and, if named, genres.

    `genres` asks MusicBrainz, ListenBrainz and Last.fm as `etl genres fetch` does, which can take hours; it
    runs only where --stages names it.
    """
    only_beside(context, "--stats", "sources", "--windowed", "--db", "--json")
    if stats_only:
        return stats(windowed=windowed, db=db, as_json=as_json)
    default = "scan,sonic,artifacts" if sources else "sonic,artifacts"
    chosen = _parse_stages(stages if stages is not None else default)
    if "scan" in chosen and not sources:
        raise EtlError("nothing to scan.", "Give folders or inventories.", exit_code=ExitCode.USAGE)
    _check_stages(context, chosen)
    look = _Look(follow_links, tuple(exclude or ()), allow_gone)
    where = parse_cluster(cluster, maps)
    options = _Common(windowed, force, dry_run, limit, workers, db, False, as_json, where)  # noqa: FBT003 - no statistics
    return _run(sources or [], chosen, options, look=look, output=output, normalize=normalize)


def _check_stages(context: typer.Context, chosen: tuple[LibraryStage, ...]) -> None:
    """Refuse what is for a stage that does not run."""
    for stage, options in (
        ("scan", {"sources", "--follow-links", "--exclude", "--allow-gone"}),
        ("sonic", {"--cluster"}),
        ("artifacts", {"--output", "--normalize"}),
    ):
        useless = sorted(options & given_options(context))
        if stage not in chosen and useless:
            raise EtlError(
                f"{useless[0]} has no effect without the stage `{stage}`.",
                f"Add it to --stages, or leave out {useless[0]}.",
                exit_code=ExitCode.USAGE,
            )


@app.command(epilog="Example: etl library scan ~/Music /mnt/archive inventory.csv")
def scan(
    sources: Sources,
    force: Force = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    follow_links: FollowLinks = False,
    exclude: Exclude = None,
    allow_gone: AllowGone = False,
    db: Database = None,
    stats_after: Stats = False,
    as_json: AsJson = False,
) -> None:
    """Bring the inventory up to date: new, changed, moved and gone files, and their tags."""
    options = _Common(False, force, dry_run, limit, None, db, stats_after, as_json)  # noqa: FBT003 - not windowed
    look = _Look(follow_links, tuple(exclude or ()), allow_gone)
    _run(sources, _parse_stages("scan"), options, look=look)


@app.command(epilog="Example: etl library sonic --workers 4")
def sonic(
    windowed: Windowed = False,
    force: Force = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    workers: Workers = None,
    db: Database = None,
    stats_after: Stats = False,
    cluster: ClusterAt = None,
    maps: Maps = None,
    as_json: AsJson = False,
) -> None:
    """Describe the sound of the tracks that have no description yet."""
    where = parse_cluster(cluster, maps)
    options = _Common(windowed, force, dry_run, limit, workers, db, stats_after, as_json, where)
    _run([], _parse_stages("sonic"), options)


@app.command(epilog="Example: etl library artifacts -o rock.npz --where \"genre = 'Rock'\" --exclude tonnetz")
def artifacts(
    output: Output = _DEFAULT_OUTPUT,
    normalize: NormalizeBy = Normalize.ROBUST,
    include: Annotated[str | None, typer.Option(help="Regular expression of features to keep.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Regular expression of features to drop.")] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="SQL condition over path, artist, genre, year, bpm, key_name ... of view `library`."
        ),
    ] = None,
    bpm_range: Annotated[
        str | None, typer.Option(help="Fold tempi by octaves into this range, e.g. 70-180.")
    ] = None,
    windowed: Windowed = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Write the matrices of the described tracks."""
    from etl.audio.bpm_range import BpmRange
    from etl.pipelines.audio.artifacts import make_artifacts

    request = _artifacts(output, normalize, windowed=windowed, include=include, exclude=exclude, where=where)
    if bpm_range is not None:
        request = replace(request, bpm_range=BpmRange.parse(bpm_range))
    made = make_artifacts(database_path(db), request)
    show(made, artifacts_line, as_json=as_json, aside=is_standard_output(output))


@app.command(epilog="Example: etl library stats --db music.duckdb")
def stats(windowed: Windowed = False, db: Database = None, as_json: AsJson = False) -> None:
    """Print how many tracks are analyzed, pending and failed."""
    from etl.audio.features import version_of
    from etl.store.database import read_store
    from etl.store.sonic_features import library_status

    with read_store(database_path(db)) as connection:
        status = library_status(connection, version_of(_mode(windowed=windowed)))
    show(status, status_lines, as_json=as_json)


@app.command(epilog=examples("etl library check && echo sound", "etl library check --integrity --json"))
def check(
    context: typer.Context,
    integrity: Annotated[
        bool,
        typer.Option(
            "--integrity",
            help="Also report files that are cut off, damaged, silent or clipped, whose channels cancel out, "
            "or that are lossless copies of lossy ones.",
        ),
    ] = False,
    db: Database = None,
    cluster: ClusterAt = None,
    maps: Maps = None,
    as_json: AsJson = False,
) -> int:
    """Verify features, orphans and files; exits with 1 if anything is wrong.

    With --cluster, its workers first describe the tracks that have not been examined yet.
    """
    from etl.pipelines.audio.check import check_integrity, check_library

    database = database_path(db)
    only_with(context, "--integrity", "--cluster")
    if (where := parse_cluster(cluster, maps)) is not None:
        _examine(database, where)
    findings = check_library(database) + (check_integrity(database) if integrity else [])
    show(findings, finding_lines, as_json=as_json)
    return ExitCode.FAILURE if findings else ExitCode.OK


def _examine(database: Path, cluster: Cluster) -> None:
    """Describe what no run has decoded yet."""
    from etl.pipelines.audio.run import LibraryRequest, run_library
    from etl.runtime.watch.renderers import renderers

    artifacts = _artifacts(_DEFAULT_OUTPUT, Normalize.NONE, windowed=False)
    request = LibraryRequest((), _parse_stages("sonic"), artifacts, cluster=cluster)
    run_library(database, request, renderers(database))


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
    as_json: bool
    cluster: Cluster | None = None


@dataclass(frozen=True)
class _Look:
    """How folders are looked through."""

    follow_links: bool = False
    exclude: tuple[str, ...] = ()
    allow_gone: bool = False


def _run(
    sources: list[Path],
    stages: tuple[LibraryStage, ...],
    options: _Common,
    *,
    look: _Look = _Look(),
    output: Path = _DEFAULT_OUTPUT,
    normalize: Normalize = Normalize.NONE,
) -> None:
    from etl.pipelines.audio.run import LibraryRequest, plan_library, run_library
    from etl.runtime.watch.renderers import renderers

    database = database_path(options.db)
    request = LibraryRequest(
        sources=tuple(sources),
        stages=stages,
        artifacts=_artifacts(output, normalize, windowed=options.windowed),
        force=options.force,
        limit=options.limit,
        workers=options.workers or default_workers(),
        follow_links=look.follow_links,
        exclude=look.exclude,
        allow_gone=look.allow_gone,
        cluster=options.cluster,
    )

    def with_status(lines: list[str], status: LibraryStatus) -> str:
        return "\n".join([*lines, status_lines(status)] if options.stats_after else lines)

    if options.dry_run:
        plan = plan_library(database, request)
        show(plan, lambda found: with_status(plan_lines(found), found.status), as_json=options.as_json)
    else:
        warn_of_memory(request)
        result = run_library(database, request, renderers(database))
        show(
            result,
            lambda done: with_status(result_lines(done), done.status),
            as_json=options.as_json,
            aside=is_standard_output(output),
        )
        _check_yield(result, sources)


def _check_yield(result: LibraryResult, sources: list[Path]) -> None:
    """Exit with 1 where a scan found no track, or no track could be described."""
    scan, sonic = result.scan, result.sonic
    problem = ""
    if scan is not None and not (scan.tracks or scan.unchanged or scan.moved or scan.returned):
        problem = f"no tracks in {', '.join(map(str, sources))}"
    elif sonic is not None and sonic.failed + sonic.unreadable and not (sonic.described or sonic.known):
        problem = "no track could be described"
    if problem:
        typer.echo(f"etl: {problem}", err=True)
        raise typer.Exit(ExitCode.FAILURE)


def _parse_stages(text: str) -> tuple[LibraryStage, ...]:
    from etl.pipelines.audio.run import LibraryStage

    named = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(named - set(LibraryStage))
    if unknown or not named:
        raise EtlError(
            f"unknown stage `{unknown[0]}`." if unknown else "--stages names no stage.",
            f"Choose one of: {', '.join(LibraryStage)}.",
            exit_code=ExitCode.USAGE,
        )
    return tuple(stage for stage in LibraryStage if stage in named)


def _artifacts(
    output: Path,
    normalize: Normalize,
    *,
    windowed: bool,
    include: str | None = None,
    exclude: str | None = None,
    where: str | None = None,
) -> ArtifactsRequest:
    from etl.exports.normalization import Normalization
    from etl.pipelines.audio.artifacts import ArtifactsRequest

    check_name(output, ".npz", ".parquet", ways={})
    return ArtifactsRequest(
        output, Normalization(normalize), _mode(windowed=windowed), include, exclude, where
    )


def _mode(*, windowed: bool) -> Mode:
    from etl.audio.features import Mode

    return Mode.WINDOW if windowed else Mode.BEAT
