"""`etl validate`: check a file against its schema."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, ChordsColumn, IdColumn
from etl.cli.output import show
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.wording import number_of
from etl.runtime.work.cores import default_workers

if TYPE_CHECKING:
    from etl.pipelines.validate import Report
    from etl.runtime.table_schema import TableSchema

app = typer.Typer()

_VALUE_SHOWN = 60


@app.command("validate", epilog="Example: etl validate data3.csv --schema data3")
def validate(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, TSV, JSON lines (also .gz, .zst, .bz2), Parquet; - for standard input."),
    ],
    schema: Annotated[
        str,
        typer.Option("--schema", "-s", help="data3, chordonomicon, another shipped schema, or a JSON file."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where to write the bad rows; default: FILE.rejects.csv.", show_default=False),
    ] = None,
    chords_column: ChordsColumn = None,
    id_column: IdColumn = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of threads; default: all cores.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a file against a schema.

    Broken rules are counted and the bad rows go into a file; the exit code is 1 if there are any.
    """
    from etl.pipelines.validate import validate as check
    from etl.runtime.watch.renderers import renderers

    table = _schema(schema)
    rejects_file = rejects or file.with_name(f"{'stdin' if str(file) == '-' else file.name}.rejects.csv")
    check_name(rejects_file, ".csv", ways={})
    options = {"chords": chords_column, "id": id_column}
    report = check(
        file,
        table,
        rejects_file,
        chosen={field: header for field, header in options.items() if header is not None},
        workers=workers or default_workers(),
        renderers=renderers(),
    )
    show(report, _describe, as_json=as_json, aside=is_standard_output(rejects_file))
    if report.bad:
        raise typer.Exit(ExitCode.FAILURE)


def _schema(name: str) -> TableSchema:
    from etl.runtime.table_schema import load_schema, shipped_schemas

    shipped = shipped_schemas()
    if name in shipped:
        return load_schema(shipped[name])
    if Path(name).suffix == ".json":
        return load_schema(Path(name))
    hint = "Choose data3, chordonomicon or the name of another file in schemas/, or give a JSON file."
    if near := get_close_matches(name, shipped):
        hint = f"Did you mean {' or '.join(near)}?"
    raise EtlError(f"there is no schema `{name}`.", hint, exit_code=ExitCode.USAGE)


def _describe(report: Report) -> str:
    if not report.bad:
        return f"{report.file}: {number_of(report.rows, 'row')}, all good by the schema {report.schema}"
    good = report.rows - report.bad
    counts = f"{number_of(report.rows, 'row')} = {good:,} good + {report.bad:,} bad"
    lines = [f"{report.file}: {counts} by the schema {report.schema}"]
    for broken in report.broken:
        lines.append(f"  {broken.rows:>9,}  {broken.rule}")
        lines += [
            f"             line {example.line}: {example.value[:_VALUE_SHOWN]!r}"
            for example in broken.examples
        ]
    return "\n".join([*lines, f"bad rows: {report.rejects_file}"])
