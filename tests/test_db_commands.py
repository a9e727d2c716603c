"""`etl db info|check|migrate`, the views, and the schemas of the tables."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest
from typer.testing import CliRunner, Result

from etl.cli.main import app
from etl.runtime.resources import resource
from etl.store.database import open_store, read_store
from etl.store.integrity import CHECKS, check_store

if TYPE_CHECKING:
    from pathlib import Path

CSV = """\
id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id
a,<verse_1> C Cs/ G Amin F <chorus_1> C G Amin F,1980,,1980.0,,x,pop,,
b,<verse_1> Dmin G7 C,,,,,x,,,
c,,,,,,y,,,
d,broken
"""

DAMAGE = {
    "DELETE FROM song_tokens WHERE song_id = 2": "each song has one row",
    "UPDATE songs SET id = 'a' WHERE song_id = 2": "no two songs",
    "UPDATE sources SET songs = 2": "each source has the songs",
    "DELETE FROM rejects": "rows in are songs and rejects",
    "UPDATE song_tokens SET numeral_ids = numeral_ids[2:] WHERE song_id = 1": "each chord token",
    "UPDATE song_harmony SET n_unknown = 0, n_chords = 9 WHERE song_id = 1": "unknown chords are",
    "UPDATE song_harmony SET n_chords = n_chords + 1 WHERE song_id = 2": "the categories of a song add up",
    "UPDATE song_tokens SET section_starts = [5, 0] WHERE song_id = 1": "sections start in order",
    "UPDATE song_tokens SET chord_ids = [0, 1, 999] WHERE song_id = 2": "tokens stand for",
    "DELETE FROM sections WHERE section_id = 0": "symbols, numerals and sections are numbered",
    "UPDATE source_symbols SET occurrences = 100": "the occurrences of symbols",
    "UPDATE song_harmony SET key = 24 WHERE song_id = 1": "keys and confidences",
    "INSERT INTO ledger VALUES ('data3', 'x.csv', 'v', 'done', 1, NULL, NULL, NULL, now())": "finished",
}


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
    assert re.search(r"\d +\S+songs\.csv +3 +1$", output, re.MULTILINE)


def test_a_fresh_store_passes_every_check(built):
    """What a build writes is sound, and the command says so."""
    result = db("check", built)
    assert result.return_value == 0
    assert f"{len(CHECKS)} of {len(CHECKS)} checks hold" in result.output


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_by_its_check(store, damage):
    """Each check finds the fault that it is for, with an example, and the command fails."""
    with duckdb.connect(str(store)) as connection:
        connection.execute(damage)
        failed = {each.check: each for each in check_store(connection) if each.violations}
    found = [finding for check, finding in failed.items() if check.startswith(DAMAGE[damage])]
    assert found, sorted(failed)
    assert found[0].examples
    assert db("check", store).return_value == 1


def test_every_check_is_shown_to_fail():
    """No check is without a test that damages what it guards."""
    assert all(any(check.startswith(start) for start in DAMAGE.values()) for check in CHECKS)


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
    with read_store(store) as connection:
        assert "key_name" in connection.sql("FROM song_overview").columns
        assert connection.execute("SELECT count(*) FROM categories").fetchall() == [(49,)]
    with open_store(store):
        pass
    with duckdb.connect(str(store), read_only=True) as connection:
        assert "key_name" in connection.sql("FROM song_overview").columns


TYPES = {
    "BIGINT": "integer", "INTEGER": "integer", "TINYINT": "integer", "UINTEGER": "integer",
    "SMALLINT": "integer", "UTINYINT": "integer", "USMALLINT": "integer", "UBIGINT": "integer",
    "VARCHAR": "string", "BOOLEAN": "boolean", "FLOAT": "number", "DOUBLE": "number",
    "TIMESTAMP WITH TIME ZONE": "datetime", "JSON": "object",
}  # fmt: skip


def all_tables() -> list[str]:
    """Names of the tables that the migrations make."""
    files = sorted(resource("sql/migrations").glob("*.sql"))
    return re.findall(r"CREATE TABLE (\w+)", "".join(file.read_text(encoding="utf-8") for file in files))


@pytest.mark.parametrize("table", all_tables())
def test_table_and_schema_agree(built, table):
    """The schema has the table's columns in order, with their types, lengths, nullability and uniqueness."""
    schema = json.loads((resource("schemas") / f"{table}.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(built), read_only=True) as connection:
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
        counted = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        keys = ", ".join(schema.get("primaryKey", []))
        if keys:
            distinct = connection.execute(f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {table})")
            assert distinct.fetchall()[0][0] == counted
    assert schema["title"] == table
    assert [field["name"] for field in schema["fields"]] == [name for name, _, _ in columns]
    for field, (name, dtype, is_nullable) in zip(schema["fields"], columns, strict=True):
        rules = field.get("constraints", {})
        item, _, length = dtype.rstrip("]").partition("[")
        assert field["description"], name
        assert rules.get("required", False) is not is_nullable, name
        assert (field["type"] == "array") == dtype.endswith("]"), name
        assert (field["arrayItem"]["type"] if "[" in dtype else field["type"]) == TYPES[item], name
        if field["type"] == "array":
            assert rules.get("minLength") == rules.get("maxLength") == (int(length) if length else None), name
        checks = [text for kind, names, text in constraints if kind == "CHECK" and names == [name]]
        if checks:
            assert sorted(rules.get("enum", [])) == sorted(re.findall(r"'(\w+)'", "".join(checks))), name
    unique = {
        names[0] for kind, names, _ in constraints if kind in {"UNIQUE", "PRIMARY KEY"} and len(names) == 1
    }
    assert {f["name"] for f in schema["fields"] if f.get("constraints", {}).get("unique")} >= unique
