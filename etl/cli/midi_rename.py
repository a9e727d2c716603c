"""`etl midi rename` and `undo`: names by what the files are, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.midi_options import LIBRARY, TEMPLATE, DryRun, Library, Parts, Template
from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from etl.pipelines.midi.rename_journal import Renames, Undone

app = typer.Typer()


@app.command(epilog="Example: etl midi rename --template '{bpm}bpm_{key}_{category}.mid' --dry-run")
def rename(
    library: Library = LIBRARY,
    template: Template = TEMPLATE,
    parts: Annotated[
        Parts, typer.Option(help="Rename only parts, parts and files, or files with parts named after them.")
    ] = Parts.ALSO,
    db: Database = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Rename the library's files and parts after what they contain; `etl midi undo` reverts it."""
    from etl.pipelines.midi.rename import rename_library
    from etl.pipelines.midi.request import PartsWanted

    renames = rename_library(
        library, database_path(db), template=template, parts=PartsWanted(parts), dry_run=dry_run
    )
    show(renames, renamed, as_json=as_json)


@app.command(epilog="Example: etl midi undo 12")
def undo(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="Number of the run to undo.")],
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Undo the renames of a run."""
    from etl.pipelines.midi.rename_journal import undo as take_back

    show(take_back(database_path(db), run_id), _undone, as_json=as_json)


def renamed(renames: Renames) -> str:
    """Say what was renamed, or would be."""
    if not renames.files:
        return "nothing to rename"
    if renames.run_id is not None:
        return f"{number_of(len(renames.files), 'file')} renamed; to undo it: etl midi undo {renames.run_id}"
    names = [(one_line(file.old), one_line(Path(file.new).name)) for file in renames.files]
    width = max(len(old) for old, _ in names)
    return "\n".join(
        [
            *(f"{old:{width}}  ->  {new}" for old, new in names),
            f"{number_of(len(names), 'file')} would be renamed",
        ]
    )


def _undone(done: Undone) -> str:
    kept = f", {done.kept:,} kept: the file is gone, or another one has its old name" if done.kept else ""
    return f"{number_of(done.undone, 'rename')} undone{kept}"
