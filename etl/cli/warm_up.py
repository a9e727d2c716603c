"""`etl warm-up`: compile ahead."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.runtime.work.cores import default_workers


def warm_up(
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: all cores.")] = None,
) -> None:
    """Compile ahead what the first run of each kind would compile; for containers and CI."""
    from etl.pipelines.warm_up import warm_up as compile_families
    from etl.runtime.compile_folder import writable_folder

    folder = writable_folder()
    where = f"into {folder}" if folder else "to try it: nothing can be kept"
    typer.echo(f"compiling for midi, chords and audio {where}; up to half a minute on two cores.")
    total = 0
    for done in compile_families(workers or default_workers()):
        total += done.functions
        what = f"functions compiled: {done.functions}" if done.functions else "everything was compiled"
        typer.echo(f"{done.family}: {what}, {done.seconds:.1f} s")
    typer.echo(f"functions compiled in all: {total}")
