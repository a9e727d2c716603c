"""The store explains itself to whoever opens it with another tool."""

from __future__ import annotations

import json

import duckdb
import pytest

from etl.runtime.resources import resource
from etl.store.database import open_store, read_store


@pytest.fixture
def path(tmp_path):
    """Make an empty store."""
    path = tmp_path / "s.duckdb"
    with open_store(path):
        pass
    return path


def test_every_table_and_column_has_its_description(path):
    """The words of schemas/, in the file itself."""
    with duckdb.connect(path, read_only=True) as connection:
        tables = dict(connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        columns = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() "
            "WHERE table_name IN (SELECT table_name FROM duckdb_tables())"
        ).fetchall()
    assert "songs" in tables
    for table, comment in tables.items():
        if table != "schema_migrations":
            assert comment == json.loads((resource("schemas") / f"{table}.json").read_text())["description"]
    lacking = {table for table, _, comment in columns if not comment}
    assert lacking == {"schema_migrations"}


def test_each_view_is_listed_once(path):
    """As stored, and as our own commands see it."""
    with read_store(path) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
    assert len(names) == len(set(names))
    assert "song_overview" in names


def test_views_of_another_version_are_passed_over_in_reading_and_replaced_in_writing(path):
    """What the file calls a view may be of an older version."""
    with duckdb.connect(path) as connection:
        connection.execute("CREATE OR REPLACE VIEW song_overview AS SELECT 1 AS old")
        connection.execute("COMMENT ON TABLE schema_migrations IS 'of an older version'")
    with read_store(path) as connection:
        assert "old" not in connection.sql("SELECT * FROM song_overview").columns
    with open_store(path):
        pass
    with duckdb.connect(path, read_only=True) as connection:
        assert "old" not in connection.sql("SELECT * FROM song_overview").columns


def test_clients_of_duckdb_1_2_can_read_it(path):
    """R, Java and many tools are at 1.x; the file says from which version on it is readable."""
    with duckdb.connect(path, read_only=True) as connection:
        ((tags,),) = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE database_name = 's'"
        ).fetchall()
    assert str(tags["storage_version"]).startswith("v1.2.0")
