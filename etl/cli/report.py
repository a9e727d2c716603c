"""`etl report`: the quality of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etl.cli.options import AsJson, Database, Sources
from etl.runtime.errors import ExitCode

if TYPE_CHECKING:
    from etl.store.quality import Quality, SongExample, SymbolExample

app = typer.Typer(help="Report the quality of a build.", no_args_is_help=True)

_CHORDS_SHOWN = 60


@app.callback()
def _group() -> None:
    """Report the quality of a build."""


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


def describe_quality(report: Quality) -> str:
    """Word a quality report: the columns, then each share with what lowers it."""
    lines = [f"quality of {report.songs:,} songs", f"  {'column':<26}  {'filled':>8}  {'invalid':>8}"]
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
        return f"{example.symbol} ({example.occurrences:,} times)"
    chords = "(no chords)" if example.chords is None else example.chords[:_CHORDS_SHOWN]
    return f"song {example.id}: {example.key_name}, confidence {example.key_confidence:.2f}: {chords}"


def _percent(count: int, total: int) -> str:
    return f"{count / total:.2%}" if total else "-"
