"""`etl library` commands that write tempo, key and ReplayGain into tags, or compare what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.cli.tables import Full, table
from etl.runtime.errors import ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.pipelines.audio.compare_tags import ComparedTags
    from etl.pipelines.audio.write_tags import SkippedFile, UndoneTags, WrittenTags

app = typer.Typer()

Where = Annotated[str | None, typer.Option(help="SQL condition over the columns of view `library`.")]

_SHOWN: int = 20


@app.command("write-tags", epilog="Example: etl library write-tags --bpm --key --write")
def write_tags(
    bpm: Annotated[bool, typer.Option("--bpm", help="Tempo, a whole number.")] = False,
    key: Annotated[bool, typer.Option("--key", help="Key, as Am or F#.")] = False,
    replaygain: Annotated[
        bool, typer.Option("--replaygain", help="ReplayGain 2.0 of track and album; R128 in Opus.")
    ] = False,
    where: Where = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the changes; without it, only show them.")
    ] = False,
    full: Full = False,
    db: Database = None,
    as_json: AsJson = False,
) -> int:
    """Write tempo, key or ReplayGain into tags; the sound itself is not changed."""
    from etl.pipelines.audio.write_tags import WriteTagsRequest, write_tags as carry_out
    from etl.runtime.watch.renderers import renderers

    database = database_path(db)
    request = WriteTagsRequest(bpm, key, replaygain, where, write)
    result = carry_out(database, request, renderers(database))
    show(result, lambda result: _written_lines(result, full=full), as_json=as_json)
    return ExitCode.FAILURE if write and result.skipped else ExitCode.OK


@app.command("undo-tags", epilog="Example: etl library undo-tags 12")
def undo_tags(
    run_id: Annotated[int, typer.Argument(help="Number of the run, as `etl library write-tags` printed it.")],
    db: Database = None,
    as_json: AsJson = False,
) -> int:
    """Restore the tags that a run changed."""
    from etl.pipelines.audio.write_tags import undo_tags as take_back

    undone = take_back(database_path(db), run_id)
    show(undone, _undone_lines, as_json=as_json)
    return ExitCode.FAILURE if undone.skipped else ExitCode.OK


@app.command("compare-tags", epilog="Example: etl library compare-tags --json")
def compare_tags(
    where: Where = None, full: Full = False, db: Database = None, as_json: AsJson = False
) -> None:
    """Compare tempo and key in the tags with those found in the sound."""
    from etl.pipelines.audio.compare_tags import compare_tags as compare
    from etl.runtime.watch.renderers import renderers

    database = database_path(db)
    compared = compare(database, where, renderers(database))
    show(compared, lambda compared: _compared_lines(compared, full=full), as_json=as_json)


def _written_lines(result: WrittenTags, *, full: bool) -> str:
    lines = []
    if result.changes:
        rows = [
            (each.path, each.field, "; ".join(each.old), "; ".join(each.new))
            for each in result.changes[:_SHOWN]
        ]
        lines.append(table(("path", "tag", "old", "new"), rows, full=full))
        if len(result.changes) > _SHOWN:
            lines.append(f"... and {len(result.changes) - _SHOWN:,} more")
    lines += _skipped_lines(result.skipped)
    files = len({each.path for each in result.changes})
    if result.run_id is not None:
        undo = f"; etl library undo-tags {result.run_id} takes it back" if result.written else ""
        lines.append(
            f"{number_of(result.written, 'file')} written, {result.unchanged:,} already had them{undo}"
        )
    else:
        lines.append(f"{number_of(files, 'file')} would change, {result.unchanged:,} already have them")
        if files:
            lines.append("Pass --write to write.")
    return "\n".join(lines)


def _undone_lines(undone: UndoneTags) -> str:
    return "\n".join(
        [*_skipped_lines(undone.skipped), f"the former tags are back in {number_of(undone.undone, 'file')}"]
    )


def _skipped_lines(skipped: list[SkippedFile]) -> list[str]:
    lines = [f"skipped: {each.path}: {each.reason}" for each in skipped[:_SHOWN]]
    if len(skipped) > _SHOWN:
        lines.append(f"... and {len(skipped) - _SHOWN:,} more were skipped")
    return lines


def _compared_lines(compared: ComparedTags, *, full: bool) -> str:
    lines = []
    if compared.differing:
        rows = [
            (each.field, each.relation, each.tag, each.found, each.path)
            for each in compared.differing[:_SHOWN]
        ]
        lines.append(table(("tag", "relation", "in the tag", "in the sound", "path"), rows, full=full))
        if len(compared.differing) > _SHOWN:
            lines.append(f"... and {len(compared.differing) - _SHOWN:,} more; --json lists all")
    for name, counts in (("bpm", compared.bpm), ("key", compared.key)):
        told = ", ".join(f"{count:,} {relation}" for relation, count in counts.items() if count)
        lines.append(f"{name}: {told or 'nothing to compare'}")
    lines += _skipped_lines(compared.skipped)
    return "\n".join(lines)
