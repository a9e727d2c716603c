"""`etl query`: ask the store, by a shipped query's name or in SQL."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, Database
from etl.cli.output import show
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from etl.store.queries import Format, Query

EXAMPLES = (
    "Examples: etl query progressions -p n=3 -p by=genre | "
    "etl query songs-with-progression -p progression='I V vi IV' --format csv -o songs.csv | "
    "etl query 'SELECT count(*) FROM songs WHERE decade = $decade' -p decade=1980.0"
)

_SHOWN_ROWS = 100
_WIDTH = 100
_INDENT = "    "


class Output(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def query(
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL|NAME", help="A shipped query, or SQL in quotes.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; may be given several times."),
    ] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List the shipped queries.")] = False,
    file_format: Annotated[
        Output,
        typer.Option("--format", help=f"How to write the rows; a table has the first {_SHOWN_ROWS}."),
    ] = Output.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, not to the terminal.")
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Ask the store: a shipped query by its name, or SQL; the store is opened for reading only."""
    from etl.runtime.settings import database_path
    from etl.store import queries
    from etl.store.database import read_store

    if list_queries:
        shipped = list(queries.named_queries().values())
        show(shipped, lambda shipped: "\n\n".join(map(_describe, shipped)), as_json=as_json)
        return
    if sql is None:
        raise EtlError(
            "no query given.", "Give a name from `etl query --list`, or SQL.", exit_code=ExitCode.USAGE
        )
    if as_json and file_format not in {Output.TABLE, Output.JSON}:
        raise EtlError(
            f"--json is not --format {file_format}.", "Leave out one of them.", exit_code=ExitCode.USAGE
        )
    if as_json:
        file_format = Output.JSON
    given = _pairs(param or [])
    if sql.split() == [sql]:
        named = queries.named_query(sql)
        text, values = named.sql, named.bind(given)
    else:
        text, values = sql, {name: queries.plain_value(value) for name, value in given.items()}
    with read_store(database_path(db)) as connection:
        relation = queries.select(connection, text, values)
        if file_format is Output.TABLE:
            _show(relation, output)
        else:
            _write(connection, relation, queries.Format(file_format), output)


def _describe(named: Query) -> str:
    lines = [
        f"{named.name}: {named.title}",
        *textwrap.wrap(named.description, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT),
    ]
    for parameter in named.parameters:
        default = "required" if parameter.default is None else f"default {parameter.default}"
        values = f"{'|'.join(parameter.choices)}; " if parameter.choices else ""
        text = f"--param {parameter.name}=...  {parameter.description} ({values}{default})"
        lines += textwrap.wrap(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
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


def _show(relation: duckdb.DuckDBPyRelation, output: Path | None) -> None:
    from etl.cli.tables import table
    from etl.runtime.files import atomic_file
    from etl.store.queries import first_rows

    rows = first_rows(relation, _SHOWN_ROWS + 1)
    right = [_is_number(str(each)) for each in relation.types]
    text = table(relation.columns, rows[:_SHOWN_ROWS], right=right)
    if output:
        with atomic_file(output) as file:
            file.write(f"{text}\n".encode())
    else:
        typer.echo(text)
    if len(rows) > _SHOWN_ROWS:
        typer.echo(f"(the first {_SHOWN_ROWS} rows; --format csv, json or parquet gives all)", err=True)
    elif not rows:
        typer.echo("(no rows)", err=True)


def _is_number(name: str) -> bool:
    return name.startswith(("DECIMAL", "FLOAT", "DOUBLE")) or (name.endswith("INT") or name == "INTEGER")


def _write(
    connection: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation,
    file_format: Format,
    output: Path | None,
) -> None:
    from etl.runtime.files import atomic_path
    from etl.store.queries import write_rows

    if output:
        with atomic_path(output) as path:
            write_rows(connection, relation, path, file_format)
        return
    if file_format == "parquet" and sys.stdout.isatty():
        raise EtlError("Parquet is not for the terminal.", "Pass --output FILE.", exit_code=ExitCode.USAGE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        write_rows(connection, relation, path, file_format)
        with path.open("rb") as file:
            sys.stdout.flush()
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
