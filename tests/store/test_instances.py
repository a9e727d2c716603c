"""DuckDB that is kept for the next use, and what must not be kept with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from etl.store import instances
from etl.store.database import open_store, read_store
from etl.store.instances import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def none_idle() -> Iterator[None]:
    """Begin with none that others have left."""
    instances._idle.clear()
    yield
    instances._idle.clear()


def test_one_is_used_again_without_what_the_last_use_made(tmp_path: Path) -> None:
    """Its temporary tables and views, its settings, its file."""
    path = tmp_path / "m.duckdb"
    with open_store(path) as connection:
        connection.execute("CREATE TEMP TABLE own AS SELECT 1")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("BEGIN; DELETE FROM schema_migrations")
    (kept,) = instances._idle
    with read_store(path) as connection:
        assert instances._idle == []
        assert connection.sql("SELECT 1 FROM schema_migrations").fetchall()
        assert connection.sql("SELECT current_setting('preserve_insertion_order')").fetchall() == [(True,)]
        with pytest.raises(duckdb.CatalogException):
            connection.sql("FROM own")
    assert instances._idle == [kept]
    duckdb.connect(str(path)).close()  # nothing has it open


@pytest.mark.parametrize(
    "statement",
    [
        "SET lock_configuration = true",
        (
            "SET memory_limit = '20MB'; SET threads = 1; "
            "CREATE TEMP TABLE t AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(1000000)"
        ),
    ],
)
def test_what_is_locked_or_has_spilled_is_not_used_again(tmp_path: Path, statement: str) -> None:
    """Nor does what it spilled stay, which was beside the store."""
    path = tmp_path / "m.duckdb"
    with open_store(path) as connection:
        connection.execute(statement)
        assert (tmp_path / "m.duckdb.tmp").exists() == ("memory_limit" in statement)
    assert instances._idle == []
    assert not (tmp_path / "m.duckdb.tmp").exists()
    with read_store(path) as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_two_readers_of_a_process_read_at_once(tmp_path: Path) -> None:
    """Each with an instance of its own; no more are kept than are used as a rule."""
    path = tmp_path / "m.duckdb"
    with open_store(path):
        pass
    with read_store(path) as first, read_store(path) as second, read_store(path) as third:
        for connection in (first, second, third):
            assert connection.sql("SELECT count(*) > 0 FROM schema_migrations").fetchall() == [(True,)]
    assert len(instances._idle) == 2


def test_one_that_was_locked_while_it_lay_idle_is_passed_over() -> None:
    """A relation that outlives its connection may still do that."""
    used = Instance()
    other = used._root.cursor()
    used.give_back()
    other.execute("SET lock_configuration = true")
    fresh = Instance()
    assert fresh.connection.sql("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    fresh.give_back()


def test_statements_of_users_have_one_of_their_own(tmp_path: Path) -> None:
    """They name the store as DuckDB does, by its file."""
    path = tmp_path / "songs.duckdb"
    with open_store(path):
        pass
    instances._idle.clear()
    with read_store(path, alone=True) as connection:
        assert connection.sql("FROM songs.main.songs").fetchall() == []
    assert instances._idle == []


def test_what_had_a_large_file_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold on to memory."""
    monkeypatch.setattr(instances, "_LARGE_BYTES", 1000)
    with open_store(tmp_path / "m.duckdb"):
        pass
    assert instances._idle == []
