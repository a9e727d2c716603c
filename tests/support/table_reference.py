"""The reference of docs/tables.md, written from the store's own tables and views and from ``schemas/``.

Run `python -m tests.support.table_reference > docs/tables.md` after a change of any table or view.
"""

from __future__ import annotations

import json
import re
import sys
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from etl.runtime.resources import resource
from etl.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

_HEAD = """\
# Tables and views

Written by `python -m tests.support.table_reference`; do not edit.

What SQL can ask for, in `etl query`, in `library.sql` and in conditions of `--where`. Views put together
what belongs together: begin with `song_overview`, `library` and `midi`. `etl db info` counts the rows of
each table.
"""


def reference(connection: duckdb.DuckDBPyConnection) -> str:
    """Write all views, then all tables of a store as Markdown, with the columns of each."""
    parts = [_HEAD, "## Views\n"]
    for name, columns in _columns(connection, views=True):
        listed = ", ".join(f"`{column}` {kind}" for column, kind in columns)
        parts.append(f"### {name}\n\n{_header(name)}\n\n{listed}\n")
    parts.append("## Tables\n")
    for name, columns in _columns(connection, views=False):
        schema = _schema(name)
        meant = {field["name"]: field["description"] for field in schema["fields"]}
        rows = [f"| `{column}` | {kind} | {_cell(meant[column])} |" for column, kind in columns]
        table = "\n".join(["| column | type | what it is |", "|---|---|---|", *rows])
        parts.append(f"### {name}\n\n{schema['description'].rstrip('.')}.\n\n{table}\n")
    return "\n".join(parts)


def _columns(
    connection: duckdb.DuckDBPyConnection, *, views: bool
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give each view or table with the names and types of its columns."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_catalog, table_schema, table_name) "
        "WHERE table_catalog = current_database() AND (table_type = 'VIEW') = ? "
        "AND table_name <> 'schema_migrations' ORDER BY table_name, ordinal_position",
        [views],
    ).fetchall()
    for name, found in groupby(rows, lambda row: row[0]):
        yield name, [(column, kind) for _, column, kind in found]


def _schema(table: str) -> Any:
    return json.loads((resource("schemas") / f"{table}.json").read_text(encoding="utf-8"))


def _header(view: str) -> str:
    """Give what the comment at the head of a view's file says."""
    lines = (resource("sql/views") / f"{view}.sql").read_text(encoding="utf-8").splitlines()
    comment = lines[: next(number for number, line in enumerate(lines) if not line.startswith("--"))]
    return " ".join(re.sub(r"^-- ?", "", line) for line in comment)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    with TemporaryDirectory() as folder, open_store(Path(folder) / "empty.duckdb") as store:
        sys.stdout.write(reference(store))
