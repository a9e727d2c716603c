"""`etl midi forget`: take out of the store what is gone from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.deletions import DryRun, deleted_rows
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database, Yes, ask
from etl.cli.output import show
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.store.midi_gone import ForgottenMidi

app = typer.Typer()


@app.command(epilog=examples("etl midi forget --dry-run", "etl midi forget ~/midi/old.zip --yes"))
def forget(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files, archives and folders, whether gone or not; default: everything that is gone."
        ),
    ] = None,
    db: Database = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove files that no longer exist from the store; library copies and sources are not touched."""
    from etl.sources.folders.walk import shown, whole
    from etl.store.database import open_store, read_store
    from etl.store.midi_gone import forget_midi, rows_of_midi

    database = database_path(db)
    # Version 0.1.0 stored paths with the `..` of their sources.
    places = [shown(form) for path in paths or () for form in (whole(path), str(path.absolute()))]
    with read_store(database) as connection:
        found = rows_of_midi(connection, places)
    if places and not found.rows["midi_paths"]:
        named = ", ".join(map(str, paths or ()))
        raise EtlError(
            f"{database} has no MIDI files of {named}.",
            "`etl midi find` lists what it has.",
            exit_code=ExitCode.USAGE,
        )
    if found.rows["midi_paths"] and not dry_run:
        if not yes:
            paths_and_files = " and ".join(
                number_of(found.rows[f"midi_{thing}s"], thing) for thing in ("path", "file")
            )
            ask(f"Delete {paths_and_files} from {database}?")
        with open_store(database) as connection:
            found = forget_midi(connection, places)
    show(found, lambda result: _described(result, dry_run=dry_run), as_json=as_json)


def _described(found: ForgottenMidi, *, dry_run: bool) -> str:
    if not found.rows["midi_paths"]:
        return "nothing is gone"
    lines = [deleted_rows(found.rows, dry_run=dry_run)]
    if found.library:
        lines.append(f"left in the library folder: {number_of(len(found.library), 'file')}")
    return "\n".join(lines)
