"""Opening the store: migrations, foreign files, locks."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import duckdb
import pyarrow as pa
import pytest

from etl.runtime.errors import EtlError
from etl.runtime.limits import Limits
from etl.runtime.resources import resource
from etl.store.database import migrate, open_store, read_store, transaction, upgrade_store
from tests.support.forked import Copy

pytestmark = pytest.mark.usefixtures("own_migrations")


@pytest.fixture
def path(tmp_path):
    """Where the store is to be."""
    return tmp_path / "folder" / "music.duckdb"


def test_new_store_has_all_migrations_once(path):
    """Opening again applies nothing."""
    files = sorted(file.stem for file in resource("sql/migrations").glob("*.sql"))
    with open_store(path) as connection:
        names = connection.sql("SELECT name FROM schema_migrations ORDER BY version").fetchall()
        assert [name for (name,) in names] == files
    with open_store(path) as connection:
        assert migrate(connection, path) == []


def test_failing_migration_leaves_the_store_as_it_was(path, tmp_path, monkeypatch):
    """Migrations are applied all or none."""
    with open_store(path):
        pass
    good, bad = tmp_path / "9001_good.sql", tmp_path / "9002_bad.sql"
    good.write_text("CREATE TABLE added (x INTEGER);")
    bad.write_text("CREATE TABLE broken (;")
    known = {int(f.name[:4]): f for f in resource("sql/migrations").glob("*.sql")}
    monkeypatch.setattr("etl.store.database._migrations", lambda: {**known, 9001: good, 9002: bad})
    with pytest.raises(duckdb.ParserException), open_store(path):
        pass
    monkeypatch.setattr("etl.store.database._migrations", lambda: known)
    with open_store(path) as connection:
        assert connection.sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'added'").fetchall() == []
    monkeypatch.setattr("etl.store.database._migrations", lambda: {**known, 9001: good})
    with pytest.raises(EtlError, match=r"older version(.|\n)*etl db migrate"), read_store(path):
        pass
    with open_store(path) as connection:
        assert connection.sql("SELECT count(*) FROM added").fetchall() == [(0,)]


@pytest.mark.parametrize("opened", [open_store, read_store])
def test_newer_store_is_refused(path, opened):
    """A file with an unknown migration is not touched."""
    with open_store(path) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, 'future', now())")
    with pytest.raises(EtlError, match=r"newer version of music-etl \(migration 9999\)"), opened(path):
        pass


@pytest.mark.parametrize("opened", [open_store, read_store])
def test_foreign_files_are_refused(tmp_path, opened):
    """Neither another program's DuckDB file nor any other file becomes a store."""
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("CREATE TABLE mine (x INTEGER)")
    with pytest.raises(EtlError, match="of another program"), opened(foreign):
        pass
    text = tmp_path / "text.duckdb"
    text.write_bytes(b"id,chords\n" * 1000)
    with pytest.raises(EtlError, match="is not a DuckDB file"), opened(text):
        pass
    assert text.read_bytes() == b"id,chords\n" * 1000
    with pytest.raises(EtlError, match=r"is a folder|there is no store"), opened(tmp_path):
        pass


def test_a_sqlite_file_is_refused_without_fetching_anything(tmp_path):
    """DuckDB would look for an extension that reads it."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x INTEGER)")
        connection.commit()
    with pytest.raises(EtlError, match="is not a DuckDB file"), open_store(path):
        pass


def test_reading_needs_a_store_and_cannot_write(path):
    """Readers neither make nor change a store."""
    with pytest.raises(EtlError, match="there is no store"), read_store(path):
        pass
    assert not path.exists()
    with open_store(path):
        pass
    with read_store(path) as connection, pytest.raises(duckdb.InvalidInputException, match="read-only"):
        connection.execute("DELETE FROM runs")


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("opened", [open_store, read_store])
def test_store_that_another_process_holds_is_refused_by_name(path, opened):
    """The message names the process, since when it runs, and what to do."""
    with open_store(path):
        pass
    with Copy(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        pattern = rf"is locked by process {holder.pid}, started at \d{{4}}-(.|\n)*kill {holder.pid}"
        with pytest.raises(EtlError, match=pattern), opened(path, limits=Limits(patience_s=0.3)):
            pass
        holder.communicate()
    with opened(path):
        pass


def test_readers_may_be_many(path):
    """Two processes read at once."""
    with open_store(path):
        pass
    script = (
        "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).sql('SELECT 1').fetchall())"
    )
    with read_store(path):
        ended = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
        )
    assert ended.stdout == "[(1,)]\n"


def test_transaction_commits_whole_or_not_at_all(path):
    """Whatever ends the block early undoes it."""
    with open_store(path) as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
        for error in (ValueError, KeyboardInterrupt):
            with pytest.raises(error), transaction(connection):  # noqa: PT012
                connection.execute("INSERT INTO t VALUES (1)")
                raise error
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (2)")
        assert connection.sql("FROM t").fetchall() == [(2,)]


def test_store_in_a_folder_that_cannot_be_made_is_refused(tmp_path):
    """The message says so before any work."""
    (tmp_path / "file").touch()
    with pytest.raises(EtlError, match="cannot write"), open_store(tmp_path / "file" / "music.duckdb"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_stop_while_a_frame_is_read_is_a_stop(path):
    """DuckDB turns Ctrl-C within code that it calls into an error of its own."""

    def batches():
        yield from ()
        raise KeyboardInterrupt

    schema = pa.schema([("x", pa.int64())])
    rows = pa.RecordBatchReader.from_batches(schema, batches())  # noqa: F841 (read by name)
    with pytest.raises(KeyboardInterrupt), open_store(path) as connection:
        connection.execute("CREATE TEMP TABLE t AS SELECT * FROM rows")


def test_queries_on_a_new_store_are_optimized(path):
    """Only the statements that make its tables and views are not."""
    with open_store(path) as connection:
        assert connection.execute("SELECT current_setting('enable_optimizer')").fetchall() == [(True,)]


def test_a_store_says_which_views_it_has_once_they_are_made(path):
    """One that was written before there was a note of it has its views made again."""
    with open_store(path) as connection:
        noted = connection.execute("SELECT views_version()").fetchall()
        connection.execute("DROP MACRO views_version")
        connection.execute("CREATE OR REPLACE VIEW song_overview AS SELECT 1 AS old")
    with open_store(path) as connection:
        assert connection.execute("SELECT views_version()").fetchall() == noted
        assert "old" not in connection.sql("FROM song_overview").columns


def test_views_that_somebody_dropped_are_told_and_made_again(path):
    """No command ends in DuckDB's own error; `etl db migrate` gives the store its views back."""
    with open_store(path) as connection:
        connection.execute("DROP VIEW songs_current")
    with pytest.raises(EtlError, match="songs_current") as raised, read_store(path) as connection:
        connection.execute("FROM songs_current")
    assert "db migrate" in str(raised.value)
    assert upgrade_store(path).mended == ("the view songs_current is missing",)
    assert upgrade_store(path).mended == ()
    with read_store(path) as connection:
        assert connection.execute("FROM songs_current").fetchall() == []
