"""A small write after a large one leaves what is stored where it is."""

from __future__ import annotations

import duckdb
import pytest

from etl.runtime.limits import Limits
from etl.store import service_state
from etl.store.bursts import writing
from etl.store.database import open_store


@pytest.fixture
def filled(store):
    """Fill a table with several row groups, as a build does."""
    with open_store(store.path) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("INSERT INTO source_symbols SELECT 1, i, hash(i) >> 2 FROM range(200_000) t(i)")
    return store


def blocks(path):
    """Where the columns of the table are in the file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(
            "SELECT row_group_id, column_id, block_id, block_offset "
            "FROM pragma_storage_info('source_symbols') WHERE segment_type <> 'VALIDITY' ORDER BY ALL"
        ).fetchall()


def test_small_writes_leave_the_blocks_of_large_tables(filled):
    """Neither a command that opens the store nor a burst rewrites it."""
    before, size = blocks(filled.path), filled.path.stat().st_size
    with open_store(filled.path) as connection:
        service_state.put("a", "b", "c", 1)(connection)
    assert blocks(filled.path) == before
    with writing(filled.path, "run", {}, limits=Limits(burst_s=0.01)) as run:
        for value in range(3):
            run.put(service_state.put("a", "b", "c", value))
            run.flush()
    assert blocks(filled.path) == before
    assert filled.path.stat().st_size < size + (4 << 20)


def test_a_connection_with_row_groups_of_another_size_would_rewrite_them(filled):
    """Why no part of the package connects for writing without the size: this is what it costs."""
    before = blocks(filled.path)
    with duckdb.connect(str(filled.path)) as connection:
        service_state.put("a", "b", "c", 1)(connection)
    assert blocks(filled.path) != before
