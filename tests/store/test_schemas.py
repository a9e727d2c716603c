"""The tables that the migrations make are those that the schemas describe."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from etl.runtime.resources import resource
from etl.store.database import open_store, read_store

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {
    "BIGINT": "integer", "INTEGER": "integer", "TINYINT": "integer", "UINTEGER": "integer",
    "SMALLINT": "integer", "UTINYINT": "integer", "USMALLINT": "integer", "UBIGINT": "integer",
    "VARCHAR": "string", "BOOLEAN": "boolean", "FLOAT": "number", "DOUBLE": "number",
    "TIMESTAMP WITH TIME ZONE": "datetime", "JSON": "object",
}  # fmt: skip


def made_by_migrations() -> list[str]:
    """Names of the tables that the migrations make."""
    files = sorted(resource("sql/migrations").glob("*.sql"))
    return re.findall(r"CREATE TABLE (\w+)", "".join(file.read_text(encoding="utf-8") for file in files))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty store."""
    path: Path = tmp_path_factory.mktemp("schemas") / "music.duckdb"
    with open_store(path):
        pass
    return path


@pytest.mark.parametrize("table", made_by_migrations())
def test_table_and_schema_agree(store, table):
    """The schema has the table's columns in order, with their types, lengths, nullability and uniqueness."""
    schema = json.loads((resource("schemas") / f"{table}.json").read_text(encoding="utf-8"))
    with read_store(store) as connection:
        columns = connection.execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE table_name = ? AND database_name = current_database() ORDER BY column_index",
            [table],
        ).fetchall()
        constraints = connection.execute(
            "SELECT constraint_type, constraint_column_names, constraint_text FROM duckdb_constraints() "
            "WHERE table_name = ?",
            [table],
        ).fetchall()
    assert schema["title"] == table
    assert [field["name"] for field in schema["fields"]] == [name for name, _, _ in columns]
    for field, (name, dtype, is_nullable) in zip(schema["fields"], columns, strict=True):
        checks = [text for kind, names, text in constraints if kind == "CHECK" and names == [name]]
        assert field["description"], name
        assert described(field) == declared(dtype, is_nullable=is_nullable), name
        if checks:  # a schema may be stricter than its table, not laxer
            choices = sorted(re.findall(r"'(\w+)'", "".join(checks)))
            assert sorted(field["constraints"]["enum"]) == choices, name
    unique = {
        names[0] for kind, names, _ in constraints if kind in {"UNIQUE", "PRIMARY KEY"} and len(names) == 1
    }
    assert {f["name"] for f in schema["fields"] if f.get("constraints", {}).get("unique")} >= unique


def described(field: dict[str, Any]) -> dict[str, Any]:
    """Say what a field of a schema is."""
    rules = field.get("constraints", {})
    is_array = field["type"] == "array"
    return {
        "type": field["arrayItem"]["type"] if is_array else field["type"],
        "is_array": is_array,
        "lengths": (rules.get("minLength"), rules.get("maxLength")) if is_array else (None, None),
        "is_nullable": not rules.get("required", False),
    }


def declared(dtype: str, *, is_nullable: bool) -> dict[str, Any]:
    """Say the same of a column of a table."""
    item, _, length = dtype.rstrip("]").partition("[")
    return {
        "type": TYPES[item],
        "is_array": dtype.endswith("]"),
        "lengths": (int(length), int(length)) if length else (None, None),
        "is_nullable": is_nullable,
    }
