"""`etl query`: ask the store, by a shipped query's name or in SQL."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.combinations import only_beside
from etl.cli.groups import examples
from etl.cli.options import AsJson, Database, Sources
from etl.cli.output import show
from etl.cli.tables import Full, table
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from etl.store.queries import Query
    from etl.store.statements import Format

app = typer.Typer()

_SHOWN_ROWS = 100
_WIDTH = 100
_INDENT = "    "


class Output(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@app.command(
    "query",
    epilog=examples(
        "etl query progressions -p n=3 -p by=genre",
        "etl query songs-with-progression -p progression='I V vi IV' --format csv -o songs.csv",
        "etl query 'SELECT count(*) FROM songs WHERE decade = $decade' -p decade=1980.0",
    ),
)
def query(
    context: typer.Context,
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL|NAME", help="A shipped query, or SQL in quotes.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; may be repeated."),
    ] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List the shipped queries.")] = False,
    file_format: Annotated[
        Output | None,
        typer.Option(
            "--format",
            help="Format of the rows; default: by the ending of --output, else a table of the first "
            f"{_SHOWN_ROWS}.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; `-` is standard output.")
    ] = None,
    full: Full = False,
    source: Sources = None,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let the SQL read and write other files, and attach them.")
    ] = False,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Query the store: a shipped query by name, or SQL.

    `-` reads the SQL from standard input. The store is never changed.
    """
    from etl.runtime.settings import database_path
    from etl.store.queries import named_queries, named_query
    from etl.store.statements import Format, plain_value

    only_beside(context, "--list", "--db", "--json")
    if list_queries:
        shipped = list(named_queries().values())
        show(shipped, lambda shipped: "\n\n".join(map(_describe, shipped)), as_json=as_json)
        return
    if sql is None:
        raise EtlError(
            "no query given.", "Give a name from `etl query --list`, or SQL.", exit_code=ExitCode.USAGE
        )
    if str(output) == "-":
        output = None
    chosen = _format(file_format, output, as_json=as_json)
    if full and chosen is not Output.TABLE:
        raise EtlError(
            f"--full has no effect with the format {chosen}.",
            "Leave it out.",
            exit_code=ExitCode.USAGE,
        )
    if sql == "-":
        sql = sys.stdin.read()
    given = _pairs(param or [])
    if sql.split() == [sql]:
        named, title = named_query(sql), f"etl query {sql}"
        text, values = named.sql, named.bind(given)
    else:
        named, title, text = None, "etl query", sql
        values = {name: plain_value(value) for name, value in given.items()}
    question = _Question(
        title,
        database_path(db),
        text,
        values,
        named,
        tuple(source or ()),
        allow_files=allow_files,
        output=output,
    )
    if chosen is Output.TABLE:
        _show(question, full=full)
    else:
        _write(question, Format(chosen))


@dataclass(frozen=True)
class _Question:
    """SQL with its values, about a store; the rows go to ``output``, None for standard output."""

    title: str
    database: Path
    sql: str
    values: Mapping[str, Any]
    named: Query | None
    sources: Sequence[str]
    allow_files: bool
    output: Path | None

    @contextmanager
    def asked(self, target: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation]]:
        """Open the store for reading and prepare the SQL; nothing but ``target`` can be written."""
        from etl.runtime.watch.progress import Watch
        from etl.runtime.watch.renderers import renderers
        from etl.store.database import read_store
        from etl.store.kept_files import check_known, check_outputs
        from etl.store.queries import check_known_values
        from etl.store.scope import use_sources
        from etl.store.statements import progress_told, restrict, select

        check_outputs([self.output], database=self.database)
        with (
            Watch(self.title, [], renderers()) as watch,
            read_store(self.database, alone=True) as connection,
            progress_told(connection, lambda percent: watch.note(f"{percent:.0f}% done")),
        ):
            check_known(connection, [self.output])
            watch.waiting_for("the answer")
            if self.sources:
                use_sources(connection, self.sources)
            if self.named is not None:
                check_known_values(connection, self.named, self.values)
            if not self.allow_files:
                restrict(connection, target)
            yield connection, select(connection, self.sql, self.values)


def _format(asked: Output | None, output: Path | None, *, as_json: bool) -> Output:
    """Decide how rows are written: as asked, else as the name of the output ends."""
    from etl.runtime.disk.targets import is_stream

    if as_json and asked not in {None, Output.JSON}:
        raise EtlError(
            f"--json and --format {asked} contradict each other.",
            "Leave out one of them.",
            exit_code=ExitCode.USAGE,
        )
    if as_json or asked is not None or output is None or is_stream(output):
        return Output.JSON if as_json else asked or Output.TABLE
    endings = {".csv": Output.CSV, ".json": Output.JSON, ".parquet": Output.PARQUET, ".txt": Output.TABLE}
    if output.suffix.lower() not in endings:
        raise EtlError(
            f"the name {output.name} does not say how to write the rows.",
            f"Pass --format, or end it in {', '.join(endings)}.",
            exit_code=ExitCode.USAGE,
        )
    return endings[output.suffix.lower()]


def _describe(named: Query) -> str:
    width = min(_WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _WIDTH
    lines = [
        f"{named.name}: {named.title}",
        *textwrap.wrap(named.description, width, initial_indent=_INDENT, subsequent_indent=_INDENT),
    ]
    for parameter in named.parameters:
        default = "required" if parameter.default is None else f"default {parameter.default}"
        values = f"{'|'.join(parameter.choices)}; " if parameter.choices else ""
        text = f"--param {parameter.name}=...  {parameter.description} ({values}{default})"
        lines += textwrap.wrap(text, width, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join(lines)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise EtlError(
                f"`{text}` is not a parameter.", "Write --param NAME=VALUE.", exit_code=ExitCode.USAGE
            )
        pairs[name] = value
    return pairs


def _show(question: _Question, *, full: bool) -> None:
    from etl.runtime.disk.files import atomic_file
    from etl.store.statements import first_rows

    output = question.output
    with question.asked(output or question.database) as (_, relation):
        rows = first_rows(relation, _SHOWN_ROWS + 1)
        kinds = [str(each) for each in relation.types]
        values = [list(map(_value, row, kinds)) for row in rows[:_SHOWN_ROWS]]
        text = table(relation.columns, values, right=list(map(_is_number, kinds)), full=full)
    if output:
        with atomic_file(output) as file:
            file.write(f"{text}\n".encode())
    else:
        typer.echo(text)
    if len(rows) > _SHOWN_ROWS:
        typer.echo(f"(the first {_SHOWN_ROWS} rows; --format csv, json or parquet gives all)", err=True)
    elif not rows:
        typer.echo("(no rows)", err=True)


def _value(text: str | None, kind: str) -> str | float | None:
    """Give a fraction as a number, to be rounded; the rest stays as the database writes it."""
    return float(text) if text is not None and _is_fraction(kind) else text


def _is_number(kind: str) -> bool:
    return _is_fraction(kind) or kind.endswith(("INT", "INTEGER"))


def _is_fraction(kind: str) -> bool:
    return kind in {"FLOAT", "DOUBLE"} or (kind.startswith("DECIMAL") and not kind.endswith("]"))


def _write(question: _Question, file_format: Format) -> None:
    from etl.runtime.disk.files import atomic_path
    from etl.store.statements import write_rows

    output = question.output
    if output:
        with atomic_path(output) as path, question.asked(path) as (connection, relation):
            write_rows(connection, relation, path, file_format)
        return
    if file_format == "parquet" and sys.stdout.isatty():
        raise EtlError(
            "Parquet cannot be shown in a terminal.", "Pass --output FILE.", exit_code=ExitCode.USAGE
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        with question.asked(path) as (connection, relation):
            write_rows(connection, relation, path, file_format)
        with path.open("rb") as file:
            sys.stdout.flush()
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
