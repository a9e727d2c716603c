"""Another process keeps the store open: runs go on, and what they wrote is merged later, exactly once."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import shutil
import signal
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etl.runtime.errors import EtlError
from etl.runtime.limits import Limits
from etl.store import service_state
from etl.store.bursts import writing
from etl.store.database import latest_migration, open_store, read_store
from etl.store.journal import add_burst, append_writes, read_burst, waiting_bursts
from etl.store.ledger import Ledger
from etl.store.run_lock import run_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = pytest.mark.parametrize("access", ["read", "write"])


@HELD
def test_a_notebook_that_stays_open_delays_nothing_and_loses_nothing(store, access):
    """A run beside it takes no longer than its work, and its results are merged by the next command."""
    with store.notebook(access):
        done, seconds = store.run(400)
        assert done == 400
        assert seconds < 5
        assert waiting_bursts(store.path)
    store.merge()
    assert store.tables() == store.expected(400)
    assert not store.journal.exists()


@HELD
def test_a_run_killed_beside_a_notebook_goes_on_where_it_was(store, access):
    """The second run, with the notebook still open, does only what is left."""
    with store.notebook(access):
        run = store.start(2000, seconds=0.02)
        until = time.monotonic() + 20
        while len(waiting_bursts(store.path)) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        run.kill()
        run.communicate()
        kept = sum(
            write.frames["outcomes"].height
            for path in waiting_bursts(store.path)
            for write in read_burst(path).writes
            if "outcomes" in write.frames
        )
        assert 0 < kept < 2000
        assert store.run(2000)[0] == 2000 - kept
    store.merge()
    assert store.tables() == store.expected(2000)


@HELD
def test_kills_beside_notebooks_that_come_and_go(store, access):
    """Whether a burst was written, kept for later, or being merged when the kill came: it is there once."""
    count, chance = 2500, random.Random(5)
    for number in range(6):
        if number % 2:
            store.kill(store.start(count, seconds=0.01, burst_s=0.02), chance)
        else:
            with store.notebook(access):
                run = store.start(count, seconds=0.01, burst_s=0.02)
                time.sleep(chance.uniform(0.0, 0.3))
            store.kill(run, chance)
    store.run(count)
    assert store.tables() == store.expected(count)
    assert [path.name for path in store.path.parent.iterdir()] == ["music.duckdb"]


def test_the_run_itself_merges_once_the_file_is_free(store):
    """It need not end for the results to be seen."""
    run = store.start(100_000, seconds=0.02, burst_s=0.5)
    with store.notebook("read"):
        until = time.monotonic() + 60
        while not waiting_bursts(store.path) and time.monotonic() < until:
            time.sleep(0.01)
        held = len(store.tables()["ledger"])
    until = time.monotonic() + 60
    while len(store.tables()["ledger"]) <= held and time.monotonic() < until:
        time.sleep(0.05)
    assert len(store.tables()["ledger"]) > held
    assert run.poll() is None
    run.kill()
    run.communicate()


@HELD
def test_a_read_within_the_run_has_what_waits(store, access):
    """Where the store is held, a run reads a copy with all that it has put."""
    with store.notebook(access), writing(store.path, "run", {}, limits=Limits(patience_s=0.1)) as run:
        for value in range(3):
            run.put(service_state.put("numbers", "test", "last", value))
            with run.reading() as connection:
                assert service_state.get(connection, "numbers", "test", "last") == value
    store.merge()
    assert not store.journal.exists()


def states(path) -> int:
    """Count what the bursts below put."""
    with read_store(path, limits=Limits(patience_s=1.0)) as connection:
        count: int = connection.sql("SELECT count(*) FROM service_state").fetchall()[0][0]
        return count


def test_a_reader_has_what_an_ended_run_has_left(store):
    """The next command merges it, also one that only reads; a journal that it cannot read is no trouble."""
    add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    assert states(store.path) == 1
    assert not waiting_bursts(store.path)
    add_burst(store.path, [service_state.put("a", "b", "d", 1)], 39)
    assert states(store.path) == 1
    assert len(waiting_bursts(store.path)) == 1


def test_a_reader_leaves_the_journal_to_a_run_and_beside_a_notebook(store):
    """It neither waits for them nor takes it from them."""
    add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    with run_lock(store.path, "a run"):
        assert states(store.path) == 0
    with store.notebook("read"):
        assert states(store.path) == 0
    assert states(store.path) == 1


def test_a_burst_whose_file_was_not_removed_is_not_merged_again(store, tmp_path):
    """A kill, or a power cut, between the commit and the removal changes nothing."""
    with store.notebook("read"):
        store.run(100)
    shutil.copytree(store.journal, tmp_path / "before")
    store.merge()
    assert not store.journal.exists()
    shutil.copytree(tmp_path / "before", store.journal)
    store.run(150)
    assert store.tables() == store.expected(150)
    with open_store(store.path) as connection:
        assert not waiting_bursts(store.path)
        assert len(Ledger(connection, "numbers", "1").counts()) == 1


def test_merged_bursts_are_forgotten_when_their_files_are_gone(store):
    """The table that guards against merging twice does not grow."""
    for _ in range(3):
        add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
        store.merge()
        with read_store(store.path) as connection:
            assert connection.sql("SELECT count(*) FROM merged_bursts").fetchall() == [(1,)]


@pytest.mark.parametrize("opened", [open_store, lambda path: writing(path, "run", {})])
def test_a_journal_for_another_version_of_the_store_is_refused_and_kept(store, opened):
    """The message says which version merges it."""
    add_burst(store.path, [service_state.put("a", "b", "c", 1)], 39)
    with (
        pytest.raises(EtlError, match=r"store of migration 39, but(.|\n)*Nothing was deleted"),
        opened(store.path),
    ):
        pass
    assert len(waiting_bursts(store.path)) == 1


@pytest.mark.usefixtures("own_migrations")
def test_a_journal_whose_store_is_gone_is_refused_and_kept(store):
    """A new store does not get half of an old one."""
    add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    store.path.unlink()
    with pytest.raises(EtlError, match="the store has migration 0"), open_store(store.path):
        pass
    assert len(waiting_bursts(store.path)) == 1


def test_a_journal_of_a_newer_program_is_refused_and_kept(store):
    """Nothing is guessed about a format to come."""
    store.journal.mkdir()
    with zipfile.ZipFile(store.journal / "000000000001-ab.burst", "w") as archive:
        archive.writestr("burst.json", json.dumps({"format": 2, "version": "99.0"}))
    with pytest.raises(EtlError, match=r"music-etl 99\.0, which is newer"), open_store(store.path):
        pass
    assert len(waiting_bursts(store.path)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: blob[:-30],
        lambda blob: blob.replace(b'"value": 1', b'"value": 2'),
        lambda _: zipped("burst.json", "[" * 100_000),
    ],
)
def test_an_unreadable_burst_is_named_and_kept(store, damage):
    """Nothing behind it is merged either, for the order counts."""
    for value in (1, 3):
        add_burst(store.path, [service_state.put("a", "b", "c", value)], latest_migration())
    first, _ = waiting_bursts(store.path)
    first.write_bytes(damage(first.read_bytes()))
    with (
        pytest.raises(EtlError, match=rf"{first.name} cannot be read(.|\n)*Nothing was deleted"),
        open_store(store.path),
    ):
        pass
    assert len(waiting_bursts(store.path)) == 2
    assert store.tables()["service_state"] == []


def zipped(name: str, text: str) -> bytes:
    """Make an archive of one member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, text)
    return content.getvalue()


def test_what_a_killed_process_left_half_written_is_removed(store):
    """It was never said to be kept."""
    add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    (store.journal / "000000000002-cd.tmp").write_bytes(b"half")
    store.merge()
    assert not store.journal.exists()
    assert store.tables()["service_state"] == [("a", "b", "c", "1")]


def test_what_is_added_to_a_burst_is_merged_with_it_up_to_where_it_is_whole(store):
    """A last line that was cut off was never said to be kept; damage before it is refused."""
    path = add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    append_writes(path, [service_state.put("a", "b", "c", 2)])
    whole = path.read_bytes()
    append_writes(path, [service_state.put("a", "b", "c", 3)])
    path.write_bytes(path.read_bytes()[:-3])
    assert [write.values["value"] for write in read_burst(path).writes] == [1, 2]
    path.write_bytes(whole.replace(b'"value": 2', b'"value": 7'))
    with pytest.raises(EtlError, match="checksum"):
        read_burst(path)
    path.write_bytes(whole)
    store.merge()
    assert store.tables()["service_state"] == [("a", "b", "c", "2")]


@pytest.fixture
def flushed(monkeypatch):
    """Collect what is flushed to the disk, by its name at that moment."""
    names: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return names


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="what a descriptor is open for is not told here"
)
def test_what_is_kept_is_on_the_disk_before_it_is_said_to_be(store, flushed):
    """The file before it has its name, the folders that name it, and each line that is added."""
    path = add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    assert flushed == [store.path.parent.name, f"{path.stem}.tmp", store.journal.name]
    append_writes(path, [service_state.put("a", "b", "c", 2)])
    assert flushed[3:] == [path.name]
    add_burst(store.path, [service_state.put("a", "b", "c", 3)], latest_migration(), in_place_of=path)
    assert flushed[4:] == [f"{path.stem}.tmp", store.journal.name]


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="what a descriptor is open for is not told here"
)
def test_files_of_merged_bursts_are_gone_for_good_before_they_are_forgotten(store, flushed):
    """Else a power cut could bring one back, to be merged a second time."""
    add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    flushed.clear()
    store.merge()
    assert store.journal.name in flushed


@contextmanager
def no_file_longer_than(length: int) -> Iterator[None]:
    """Have the system refuse longer ones, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_a_burst_as_it_was(store):
    """What was kept before is merged; the error says that no more was."""
    path = add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    before = path.read_bytes()
    with no_file_longer_than(len(before) + 10), pytest.raises(EtlError, match="too large"):
        append_writes(path, [service_state.put("a", "b", "c", 2)])
    assert path.read_bytes() == before


def test_a_burst_that_does_not_fit_leaves_nothing_of_itself(store):
    """It would fill the disk further, and nobody would ever read it."""
    with no_file_longer_than(10), pytest.raises(EtlError, match="too large"):
        add_burst(store.path, [service_state.put("a", "b", "c", 1)], latest_migration())
    assert list(store.journal.iterdir()) == []
