"""`etl doctor`: whether an installation has what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.runtime.errors import ExitCode
from etl.runtime.settings import database_path

if TYPE_CHECKING:
    from etl.pipelines.doctor import Check


app = typer.Typer()


@app.command("doctor", epilog="Example: etl doctor --db data/music.duckdb")
def doctor(db: Database = None, as_json: AsJson = False) -> int:
    """Check what this installation has and what is missing.

    Looks at Python, packages, decoders, compiled code, store, disk, settings and keys; changes nothing.

    Exits with 1 if there is a problem.
    """
    from etl.pipelines.doctor import State, examine

    checks = examine(database_path(db))
    show(list(checks), lambda _: _told(checks), as_json=as_json)
    return ExitCode.FAILURE if any(each.state is State.PROBLEM for each in checks) else ExitCode.OK


def _told(checks: tuple[Check, ...]) -> str:
    width = max(len(each.name) for each in checks)
    lines = []
    for each in checks:
        lines.append(f"{each.state:7}  {each.name:{width}}  {each.found}")
        if each.hint:
            lines.append(f"{'':7}  {'':{width}}  {each.hint}")
    return "\n".join(lines)
