"""What ``schemas/`` and the migrations say of the tables, as SQL that finds what is otherwise."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from etl.runtime.resources import resource
from etl.store.database import view_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def table_problems(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Name the tables, columns and views that the store lacks, or that are not as this version makes them."""
    has, due = _columns(connection), _declared()
    missing = sorted(due.keys() - has.keys())
    tables = sorted({table for table, _ in missing} - {table for table, _ in has})
    return [
        *(f"there is no table {table}" for table in tables),
        *(f"{table} has no column {name}" for table, name in missing if table not in tables),
        *(
            f"{table}.{name} is {has[table, name]} instead of {kind}"
            for (table, name), kind in sorted(due.items())
            if has.get((table, name), kind) != kind
        ),
        *(f"{each}: `etl db migrate` makes it again" for each in view_problems(connection)),
    ]


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND NOT internal "
        "AND table_name IN (SELECT table_name FROM duckdb_tables())"
    ).fetchall()
    return {(table, column): kind for table, column, kind in rows}


@cache
def _declared() -> dict[tuple[str, str], str]:
    """Type of each column of each table, as the migrations make them."""
    with duckdb.connect() as connection:
        for file in sorted(resource("sql/migrations").glob("[0-9]*.sql")):
            connection.execute(file.read_text(encoding="utf-8"))
        return _columns(connection)


@cache
def _schemas() -> dict[str, Mapping[str, Any]]:
    """Read the schema of each table."""
    tables = {table for table, _ in _declared()}
    return {
        table: json.loads((resource("schemas") / f"{table}.json").read_text(encoding="utf-8"))
        for table in sorted(tables)
    }


def value_checks() -> str:
    """Find the values that break a constraint of their column: bounds, lengths, patterns, choices."""
    return " UNION ALL ".join(
        f"SELECT '{table}' AS table_name, '{field['name']}' AS column_name, "
        f'"{field["name"]}"::VARCHAR AS value FROM {table} WHERE {" OR ".join(broken)}'
        for table, schema in _schemas().items()
        for field in schema["fields"]
        if (broken := list(_broken(field)))
    )


def _broken(field: Mapping[str, Any]) -> Iterator[str]:
    """Conditions under which a value is wrong."""
    name = f'"{field["name"]}"'
    for constraint, bound in field.get("constraints", {}).items():
        match constraint:
            case "minimum":
                yield f"{name} < {bound}"
            case "maximum":
                yield f"{name} > {bound}"  # so is NaN
            case "minLength":
                yield f"len({name}) < {bound}"
            case "maxLength":
                yield f"len({name}) > {bound}"
            case "pattern":
                yield f"NOT regexp_full_match({name}, {_quoted(bound)})"
            case "enum":
                yield f"{name} NOT IN ({', '.join(map(_quoted, bound))})"


def key_checks() -> str:
    """Find the primary keys that several rows have."""
    return " UNION ALL ".join(
        f"SELECT '{table}' AS table_name, ({', '.join(schema['primaryKey'])},)::VARCHAR AS value, "
        f"count(*) AS row_count FROM {table} GROUP BY {', '.join(schema['primaryKey'])} HAVING count(*) > 1"
        for table, schema in _schemas().items()
        if "primaryKey" in schema
    )


def reference_checks() -> str:
    """Find the foreign keys that lead nowhere."""
    return " UNION ALL ".join(
        f"SELECT '{table}' AS table_name, '{field}' AS column_name, {field}::VARCHAR AS value "
        f"FROM {table} WHERE {field} NOT IN (SELECT {other} FROM {key['reference']['resource']})"
        for table, schema in _schemas().items()
        for key in schema.get("foreignKeys", [])
        for field, other in zip(key["fields"], key["reference"]["fields"], strict=True)
    )


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
