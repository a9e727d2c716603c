"""`etl warm-up`: compile ahead."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.cli.options import AsJson
from etl.runtime.work.cores import default_workers

app = typer.Typer()


@app.command("warm-up", epilog="Example: etl warm-up --workers 2")
def warm_up(
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: all cores.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compile ahead of time what the first runs would compile.

    For containers and CI.
    """
    from etl.cli.output import show
    from etl.pipelines.warm_up import warm_up as compile_families
    from etl.runtime.compile_folder import writable_folder

    folder = writable_folder()
    where = f"into {folder}" if folder else "to try it: nothing can be kept"
    typer.echo(f"compiling for midi, chords and audio {where}; up to half a minute on two cores.", err=True)
    done = []
    for family in compile_families(workers or default_workers()):
        done.append(family)
        what = f"functions compiled: {family.functions}" if family.functions else "everything was compiled"
        typer.echo(f"{family.family}: {what}, {family.seconds:.1f} s", err=True)
    show(
        done,
        lambda families: f"functions compiled in all: {sum(family.functions for family in families)}",
        as_json=as_json,
    )
