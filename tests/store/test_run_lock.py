"""One writer at a time: others are refused at once, by name, and no lock outlives its process."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import psutil
import pytest

from etl.runtime.errors import EtlError
from etl.store import run_lock as lock_module
from etl.store.bursts import writing
from etl.store.database import open_store, read_store
from etl.store.run_lock import Holder, run_lock
from tests.support.forked import Copy


@pytest.mark.parametrize("opened", [open_store, lambda path: writing(path, "other run", {})])
def test_second_writer_is_refused_with_pid_start_and_command(store, opened):
    """The message says who writes, since when, what it runs, and what to do."""
    run = store.start(1000, seconds=0.01)
    pattern = (
        rf"is locked by process {run.pid}, started at \d{{4}}-\d\d-\d\d [\d:]+: `etl numbers run`"
        rf"(.|\n)*kill {run.pid}"
    )
    with pytest.raises(EtlError, match=pattern), opened(store.path):
        pass
    run.kill()
    run.communicate()


def test_killed_run_leaves_no_lock(store):
    """The next run starts as if nothing had been."""
    run = store.start(1000, seconds=0.01)
    run.kill()
    run.communicate()
    assert store.path.with_name("music.duckdb.lock").exists()
    store.run(10)
    assert not store.path.with_name("music.duckdb.lock").exists()


def test_what_a_killed_run_wrote_into_the_lock_is_not_mixed_with_the_next(tmp_path):
    """Its name may have been longer; who comes third is told of the second."""
    database = tmp_path / "music.duckdb"
    left = f'{{"pid": 1, "started": 1.0, "command": "etl {"very " * 50}long"}}'
    database.with_name("music.duckdb.lock").write_text(left)
    with (
        run_lock(database, "etl two"),
        pytest.raises(EtlError, match=rf"locked by process {os.getpid()}, .*`etl two`\."),
        run_lock(database, "etl three"),
    ):
        pass


def test_a_link_to_the_store_has_the_same_lock(store, tmp_path):
    """A store is locked whatever name it is opened by."""
    link = tmp_path / "elsewhere" / "link.duckdb"
    link.parent.mkdir()
    link.symlink_to(store.path)
    with (
        run_lock(link, "etl one"),
        pytest.raises(EtlError, match=rf"locked by process {os.getpid()}, .*`etl one`"),
        run_lock(store.path, "etl two"),
    ):
        pass
    with open_store(link) as connection:
        connection.execute("INSERT INTO service_state VALUES ('a', 'b', 'c', '1')")
        assert list(link.parent.iterdir()) == [link]
    assert store.tables()["service_state"] == [("a", "b", "c", "1")]


def test_readers_do_not_ask_for_the_lock(store):
    """A run between two bursts keeps nobody from reading."""
    with run_lock(store.path, "etl run"), read_store(store.path) as connection:
        assert connection.sql("SELECT count(*) FROM runs").fetchall() == [(0,)]


def test_of_many_that_ask_at_once_one_has_the_lock(tmp_path):
    """However often the lock is taken and given back, two never hold it together."""
    script = (
        "import sys, pathlib\n"
        "from etl.runtime.errors import EtlError\n"
        "from etl.store.run_lock import run_lock\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "taken = 0\n"
        "while taken < 100:\n"
        "    try:\n"
        "        with run_lock(path, 'etl run'):\n"
        "            path.with_name('inside').mkdir()\n"
        "            path.with_name('inside').rmdir()\n"
        "            taken += 1\n"
        "    except EtlError as error:\n"
        "        assert 'in use' in str(error) or 'locked by process' in str(error), error\n"
    )
    command = [sys.executable, "-c", script, tmp_path / "music.duckdb"]
    started = [Copy(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in started] == [""] * 3


def test_without_locks_of_the_system_the_process_is_looked_up(store, monkeypatch):
    """A lock of a living process holds, one of a dead process, or of a later one of that number, does not."""
    monkeypatch.setattr(lock_module, "_HAS_LOCKS", False)
    path = store.path.with_name("music.duckdb.lock")
    with (
        run_lock(store.path, "etl one"),
        pytest.raises(EtlError, match=rf"locked by process {os.getpid()}, "),
        run_lock(store.path, "etl two"),
    ):
        pass
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    for pid in (int(dead.stdout), os.getpid()):
        path.write_text(f'{{"pid": {pid}, "started": 1.0, "command": "etl one"}}')
        with run_lock(store.path, "etl two"):
            assert re.search("etl two", path.read_text())


def test_a_holder_lives_if_its_process_began_before_it_held():
    """To a second, since processes know when they began less exactly than locks; nobody is nobody."""
    began = psutil.Process().create_time()
    assert Holder(os.getpid(), began).is_alive()
    assert Holder(os.getpid(), began - 0.5).is_alive()
    assert Holder(os.getpid(), began + 100).is_alive()
    assert not Holder(os.getpid(), began - 1.5).is_alive()
    assert not Holder(os.getpid(), None).is_alive()
    assert not Holder(4_194_000, began).is_alive()
    assert Holder.of_process(os.getpid()) == Holder(os.getpid(), began)
    assert Holder.of_process(4_194_000) == Holder(4_194_000, None)
