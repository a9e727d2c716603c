"""What `etl build data3 --output-dir` does and says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from etl.cli.output import show
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.pipelines.data3.parts import PartsBuild, PartsResult


def check_inputs(inputs: tuple[Path, ...]) -> None:
    """Refuse inputs that are not files.

    Raises
    ------
    EtlError
        If there are some, or none at all.
    """
    if not inputs:
        raise EtlError("nothing to build from.", "Name chord CSVs.", exit_code=ExitCode.USAGE)
    if Path("-") in inputs:
        raise EtlError(
            "standard input cannot be built into a folder.", "Name files.", exit_code=ExitCode.USAGE
        )


def run_parts(request: PartsBuild, *, log_json: bool, as_json: bool) -> None:
    """Build parts, and say so; exits with 1 if one failed."""
    from etl.pipelines.data3.parts import build_parts
    from etl.runtime.watch.renderers import renderers

    result = build_parts(request, renderers(request.database, log_json=log_json))
    if log_json:
        typer.echo(describe_parts(result), err=True)
    else:
        show(result, describe_parts, as_json=as_json)
    if result.failed:
        raise typer.Exit(ExitCode.FAILURE)


def describe_parts(result: PartsResult) -> str:
    """Say what a build of parts did."""
    rows, songs = number_of(result.records, "row"), number_of(result.songs, "song")
    lines = [
        f"{rows} in = {songs} out + {result.rejected:,} rejected",
        f"{number_of(result.built, 'part')} built, {result.unchanged:,} unchanged, in {result.folder}",
        f"{result.seconds:.1f} s",
    ]
    if result.repeated_ids:
        keeps = "the store keeps" if result.database else "a build into one file keeps"
        ids = number_of(result.repeated_ids, "id")
        lines.append(f"in more than one part: {ids}, of which {keeps} the first song")
    if result.database is not None:
        before = ", as before" if result.is_stored else ""
        lines.append(f"{number_of(result.stored, 'song')} in {result.database}{before}")
    lines += [f"failed: {source}: {reason}" for source, reason in result.failed.items()]
    return "\n".join(lines)
