"""`etl db info|check|migrate`, the views, and the keys of the tables."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest
from typer.testing import CliRunner, Result

from etl.cli.main import app
from etl.pipelines.data3.check import GROUPS
from etl.runtime.resources import resource
from etl.store.database import open_store, read_store
from etl.store.integrity import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

CSV = """\
id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id
a,<verse_1> C Cs/ G Amin F <chorus_1> C G Amin F,1980,,1980.0,,x,pop,,
b,<verse_1> Dmin G7 C,,,,,x,,,
c,,,,,,y,,,
d,broken
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a store from four rows, one of them broken."""
    folder = tmp_path_factory.mktemp("db")
    (folder / "songs.csv").write_text(CSV, encoding="utf-8")
    arguments = ["build", "data3", str(folder / "songs.csv"), "-o", str(folder / "data3.csv")]
    result = CliRunner().invoke(app, [*arguments, "--db", str(folder / "music.duckdb")])
    assert result.exit_code == 0, result.output
    return folder / "music.duckdb"


@pytest.fixture
def store(built, tmp_path):
    """Copy the store, to change it."""
    return shutil.copy(built, tmp_path / "music.duckdb")


def db(command: str, path: Path | str) -> Result:
    """Run a command of `etl db`."""
    return CliRunner().invoke(app, ["db", command, "--db", str(path)], standalone_mode=False)


def test_info_shows_size_tables_sources_and_versions(built):
    """Rows of each table, songs of each source, migration and versions are there."""
    output = db("info", built).output
    assert re.search(r"MB, DuckDB \d", output)
    assert re.search(r"migration \d+, last written by music-etl \d", output)
    assert re.search(r"^songs +3$", output, re.MULTILINE)
    assert re.search(r"\d +\S+songs\.csv +3 +1 +current$", output, re.MULTILINE)


def test_a_fresh_store_passes_every_check(built):
    """What a build writes is sound, and the command says so."""
    result = db("check", built)
    assert result.return_value == 0
    held, checks = re.findall(r"(\d+) of (\d+) checks passed", result.output)[0]
    assert held == checks
    assert int(checks) > len(CHECKS) + len(GROUPS)


def test_violations_are_shown_and_are_a_failure(store):
    """With examples, and what was computed again is counted."""
    with duckdb.connect(str(store)) as connection:
        connection.execute("UPDATE song_harmony SET key = 24 WHERE song_id = 1")
    result = db("check", store)
    assert result.return_value == 1
    assert re.search(r"FAIL  keys and confidences.*\n +1 violation\n +song_id 1, key 24", result.output)
    assert "(3 of 3 songs analyzed again)" in result.output


@pytest.mark.usefixtures("own_migrations")
def test_migrate_makes_a_store_and_then_has_nothing_to_do(tmp_path):
    """The first run applies all migrations, the second none."""
    path = tmp_path / "new.duckdb"
    assert "applied 0001, 0002" in db("migrate", path).output
    assert "up to date" in db("migrate", path).output


def test_a_changed_view_is_replaced_without_a_migration(store):
    """A writer renews the views in the file, a reader sees this version's whatever the file has."""
    with duckdb.connect(str(store)) as connection:
        connection.execute("CREATE OR REPLACE VIEW song_overview AS SELECT 1 AS old")
        connection.execute("DROP VIEW categories")
        connection.execute("DROP MACRO views_version")  # which an older version did not write
    with read_store(store) as connection:
        assert "key_name" in connection.sql("FROM song_overview").columns
        assert connection.execute("SELECT count(*) FROM categories").fetchall() == [(49,)]
    with open_store(store):
        pass
    with duckdb.connect(str(store), read_only=True) as connection:
        assert "key_name" in connection.sql("FROM song_overview").columns


def test_primary_keys_of_the_schemas_hold(built):
    """What a schema calls a primary key tells the rows of a built store apart."""
    with duckdb.connect(str(built), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name <> 'schema_migrations'"
        ).fetchall()
        for (table,) in names:
            schema = json.loads((resource("schemas") / f"{table}.json").read_text(encoding="utf-8"))
            keys = ", ".join(schema.get("primaryKey", ["*"]))
            repeated = connection.sql(f"SELECT {keys} FROM {table} GROUP BY ALL HAVING count(*) > 1")
            assert keys == "*" or repeated.fetchall() == [], table
