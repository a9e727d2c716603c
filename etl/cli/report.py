"""`etl report`: the quality of a build, and a page of charts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, Database, Sources
from etl.pipelines.report.names import PageSection
from etl.runtime.errors import ExitCode
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.pipelines.report.page import Page
    from etl.store.quality import Quality, SongExample, SymbolExample

app = typer.Typer(help="Report the quality of a build, or write a page of charts.", no_args_is_help=True)

_CHORDS_SHOWN = 60


@app.command(name="quality", epilog="Example: etl report quality --db data/music.duckdb")
def report_quality(db: Database = None, source: Sources = None, as_json: AsJson = False) -> int:
    """Report on the latest build, with examples of what is wrong; exit code 1 if a limit is exceeded."""
    from etl.cli.output import show
    from etl.runtime.settings import database_path
    from etl.store.database import read_store
    from etl.store.quality import quality
    from etl.store.scope import use_sources

    with read_store(database_path(db)) as connection:
        use_sources(connection, source or ())
        report = quality(connection)
    show(report, describe_quality, as_json=as_json)
    return ExitCode.OK if report.is_within_limits else ExitCode.FAILURE


@app.command(epilog="Example: etl report page -o report.html --open")
def page(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The HTML file to write; `-` is standard output.")
    ],
    where: Annotated[
        str | None,
        typer.Option(help="SQL condition over songs, tracks and MIDI files: decade, genre, bpm, path ..."),
    ] = None,
    section: Annotated[
        list[PageSection] | None, typer.Option(help="Only this section; may be repeated.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Write everything in the store as one page of charts and tables.

    The file needs nothing else: no network, no server, no program but a browser. The same store gives the
    same bytes.
    """
    from etl.cli.output import show
    from etl.cli.targets import check_name, is_standard_output
    from etl.pipelines.report.page import PageRequest, make_page
    from etl.runtime.disk.targets import is_stream
    from etl.runtime.errors import EtlError
    from etl.runtime.settings import database_path
    from etl.runtime.watch.renderers import renderers

    check_name(output, ".html", ways={})
    if open_it and is_stream(output):
        raise EtlError(
            "--open needs a file.", "Give a name, such as -o report.html.", exit_code=ExitCode.USAGE
        )
    request = PageRequest(output, where, tuple(section or ()))
    made = make_page(database_path(db), request, renderers())
    show(made, _describe_page, as_json=as_json, aside=is_standard_output(output))
    if open_it:
        typer.launch(output.absolute().as_uri())


def _describe_page(made: Page) -> str:
    lines = [f"{name}: {number_of(len(figures), 'figure')}" for name, figures in made.sections.items()]
    lines += [f"{name}: nothing to show" for name in made.empty]
    if made.left_out:
        lines.append(f"left out, because --where does not apply to them: {', '.join(made.left_out)}")
    lines.append(f"written: {made.output} ({made.bytes:,} bytes)")
    return "\n".join(lines)


def describe_quality(report: Quality) -> str:
    """Word a quality report: the columns, then each share with what lowers it."""
    lines = [
        f"quality of {number_of(report.songs, 'song')}",
        f"  {'column':<26}  {'filled':>8}  {'invalid':>8}",
    ]
    for column in report.columns:
        line = f"  {column.name:<26}  {_percent(column.filled, report.songs):>8}  {column.invalid:>8,}"
        examples = ", ".join(map(repr, column.examples))
        lines.append(f"{line}  such as {examples}" if examples else line)
    for measure in report.measures:
        share = _percent(measure.count, measure.total)
        name = measure.name.replace("_", " ")
        line = f"  {name:<26}  {share:>8}  {measure.count:,} of {measure.total:,}"
        if measure.limit is not None:
            verdict = "within" if measure.is_within_limit else "ABOVE"
            line += f", {verdict} the limit of {measure.limit:.0%}"
        lines.append(line)
        lines += [f"      {_example(example)}" for example in measure.examples]
    return "\n".join(lines)


def _example(example: SongExample | SymbolExample | str) -> str:
    from etl.store.quality import SymbolExample

    if isinstance(example, str):
        return example
    if isinstance(example, SymbolExample):
        return f"{example.symbol} ({number_of(example.occurrences, 'time')})"
    chords = "(no chords)" if example.chords is None else example.chords[:_CHORDS_SHOWN]
    return f"song {example.id}: {example.key_name}, confidence {example.key_confidence:.2f}: {chords}"


def _percent(count: int, total: int) -> str:
    return f"{count / total:.2%}" if total else "-"
