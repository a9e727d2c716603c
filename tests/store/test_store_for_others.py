"""The store explains itself to whoever opens it with another tool."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

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
        connection.execute("CREATE OR REPLACE MACRO views_version() AS 'older'")
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


def test_views_call_only_functions_that_duckdb_1_2_has(path):
    """Views are in the file as they were parsed: to call a newer function is an error of old clients."""
    listed = Path(__file__).parents[1] / "golden" / "duckdb_1_2_functions.txt"
    known = {*listed.read_text().split(), "row_number"}  # functions of windows are not listed
    newer = {}
    with duckdb.connect(path, read_only=True) as connection:
        views = connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
        for view, sql in views:
            query = sql[sql.index(" AS ") + 4 :].removesuffix(";")
            ((parsed,),) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
            called = set(re.findall(r'"function_name":"([a-z]\w*)"', parsed))
            assert json.loads(parsed)["error"] is False
            if called - known:
                newer[view] = called - known
    assert len(views) > 20
    assert newer == {}


READ_ALL = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print(duckdb.__version__.rsplit(".", 1)[0])
for (table,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall():
    print(table, *connection.execute(f"SELECT count(*), count(hash(r)) FROM {table} AS r").fetchall()[0])
for (view,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
    connection.execute(f"SELECT count(hash(r)) FROM {view} AS r").fetchall()
"""


def test_an_old_client_reads_every_table_and_view(chords):
    """A Python with DuckDB 1.2 (ETL_OLD_DUCKDB) counts the same rows, and can read all values."""
    python = os.environ.get("ETL_OLD_DUCKDB")
    if not python:
        pytest.skip("ETL_OLD_DUCKDB does not name a Python that has duckdb==1.2.2")
    songs = [chords.row(number, "<verse_1> C F G Amin xx") for number in range(3000)]
    chords.build(chords.file("in.csv", *songs), database=chords.database, section_keys=True)
    command = [python, "-c", READ_ALL, str(chords.database)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said[0] == "1.2"
    with duckdb.connect(chords.database, read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        rows = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for (table,) in tables
        }
    assert said[1:] == [f"{table} {number} {number}" for table, number in rows.items()]
    assert rows["song_harmony"] == 3000
