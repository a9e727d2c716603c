"""The file of a store under a long run: where a burst goes, and what is read, free or held by others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import polars as pl
import pytest

from etl.runtime.limits import Limits
from etl.store import service_state
from etl.store.journal import waiting_bursts
from etl.store.ledger import record_outcomes
from etl.store.shared_file import SharedFile


def number(value: int):
    """Write a value of its own, without frames."""
    return [service_state.put("numbers", "test", str(value), value)]


def done(item: str):
    """Write an entry of the ledger, with a frame."""
    return [record_outcomes("numbers", "1", pl.DataFrame({"item": [item], "status": ["done"]}))]


def kept(file: SharedFile) -> tuple[list[int], list[str]]:
    """Read what was written."""
    with file.reading() as connection:
        numbers = connection.sql("SELECT value::INT FROM service_state ORDER BY 1").fetchall()
        items = connection.sql("SELECT item FROM ledger ORDER BY 1").fetchall()
    return [value for (value,) in numbers], [item for (item,) in items]


@pytest.fixture
def file(store):
    """Open the file of a store, with limits that a busy machine does not reach."""
    opened = SharedFile(store.path, Limits(patience_s=60.0, hold_s=60.0))
    opened.bring_up_to_date()
    yield opened
    opened.close()


def test_groups_are_written_together_and_nothing_waits(store, file):
    """To the store, in which they are at once for everybody."""
    assert file.write([number(1), done("a"), number(2)]) == 3
    assert waiting_bursts(store.path) == []
    assert not file.is_held
    assert kept(file) == ([1, 2], ["a"])


def test_a_burst_is_cut_where_it_would_keep_the_file_too_long(store):
    """Sixteen groups are written between two looks at the clock; none is lost, for the rest is not taken."""
    file = SharedFile(store.path, Limits(hold_s=0.0))
    assert file.write([number(1)]) == 0
    file.close()
    slow = SharedFile(store.path, Limits(hold_s=60.0))
    assert slow.write([number(value) for value in range(40)]) == 40
    assert kept(slow)[0] == list(range(40))
    slow.close()


def test_what_is_kept_waits_in_one_file_of_the_journal_and_is_read_all_the_same(store, file):
    """Small writes are appended to one file, those with frames written again with it, up to 32 groups."""
    for value in range(5):
        file.keep([number(value)])
    assert len(waiting_bursts(store.path)) == 1
    for item in "abc":
        file.keep([done(item)])
    assert len(waiting_bursts(store.path)) == 2
    assert kept(file) == ([0, 1, 2, 3, 4], ["a", "b", "c"])
    assert waiting_bursts(store.path) == []
    file.keep([number(5)])
    assert len(waiting_bursts(store.path)) == 1
    file.keep([done(str(each)) for each in range(33)])
    file.keep([done("z")])
    assert len(waiting_bursts(store.path)) == 3
    assert file.write([number(6)]) == 1
    assert waiting_bursts(store.path) == []
    assert kept(file)[0] == [0, 1, 2, 3, 4, 5, 6]
    assert len(kept(file)[1]) == 37


def test_where_another_process_holds_the_file_bursts_wait_and_a_copy_is_read(store, file):
    """It is held from the first burst that could not be written, and no more once one could."""
    with store.notebook("write"):
        assert file.write([number(1), done("a")]) == 2
        assert len(waiting_bursts(store.path)) == 1
        assert (file.is_held, file.is_held_long) == (True, False)
        assert kept(file) == ([1], ["a"])
        file._held_since -= 61.0
        assert file.write([number(2)]) == 1
        assert (file.is_held, file.is_held_long) == (True, True)
    assert file.write([number(3)]) == 1
    assert (file.is_held, file.is_held_long) == (False, False)
    assert waiting_bursts(store.path) == []
    assert kept(file) == ([1, 2, 3], ["a"])


def test_beside_others_that_only_read_the_store_itself_is_read(store, file):
    """Nothing is copied, which takes long for a large one, and nothing can be written by a look."""
    file.write([number(1)])
    with store.notebook("read"):
        with file.reading() as connection:
            assert connection.sql("SELECT count(*) FROM service_state").fetchall() == [(1,)]
            with pytest.raises(duckdb.Error, match="read-only"):
                connection.execute("DELETE FROM service_state")
        assert not store.journal.exists()


def test_while_the_run_reads_what_it_writes_waits(store, file):
    """The file is not closed under the reader, nor waited for."""
    with file.reading() as connection:
        with ThreadPoolExecutor(1) as writer:
            assert writer.submit(file.write, [number(1)]).result(10) == 1
            writer.submit(file.keep, [done("a")]).result(10)
        assert connection.sql("SELECT count(*) FROM service_state").fetchall() == [(0,)]
        assert len(waiting_bursts(store.path)) == 2
    assert kept(file) == ([1], ["a"])


def test_an_error_of_a_write_leaves_the_file_usable(store, file):
    """Nothing of its burst is there."""
    with pytest.raises(duckdb.ConstraintException):
        file.write(
            [number(1), [record_outcomes("numbers", "1", pl.DataFrame({"item": ["a"], "status": [None]}))]]
        )
    assert kept(file) == ([], [])
    assert file.write([number(2)]) == 1
    assert kept(file) == ([2], [])
    assert not file.is_held
    assert store.path.exists()
