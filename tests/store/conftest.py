"""What the tests of the store share: a store, runs in processes of their own, notebooks that hold it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from etl.runtime.limits import Limits
from etl.store.database import open_store, read_store
from tests.support.empty_store import empty_store
from tests.support.forked import Copy

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

RUN = Path(__file__).with_name("numbers_run.py")
NOTEBOOK = """
import duckdb, sys, time

for _ in range(3000):
    try:
        c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'read')
        break
    except duckdb.IOException:  # a burst is being written
        time.sleep(0.01)
print(c.sql('SELECT count(*) FROM ledger').fetchall(), flush=True)
sys.stdin.read()
"""


class Store:
    """A store in an empty folder, with runs of numbers and notebooks that keep it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started: list[Copy] = []
        self.journal = path.with_name(f"{path.name}.journal")
        empty_store(path)

    def start(self, items: int, *, seconds: float = 0.0, burst_s: float = 0.1) -> Copy:
        """Start a run and wait until it has the store."""
        command = [sys.executable, *map(str, (RUN, self.path, items, seconds, burst_s))]
        process = Copy(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        assert process.stdout
        if process.stdout.readline() != "started\n":
            raise AssertionError(process.communicate())
        return process

    def kill(self, process: Copy, chance: random.Random) -> None:
        """Kill a run at a random moment of one of its first bursts."""
        for _ in range(chance.randint(1, 6)):
            before = self.state()
            while self.state() == before and process.poll() is None:
                time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.05))
        process.kill()
        process.communicate()

    def state(self) -> list[tuple[str, int, int]]:
        """Name, size and time of all files of the store."""
        files = []
        for folder, _, names in os.walk(self.path.parent):  # which passes over what goes meanwhile
            for name in names:
                with suppress(FileNotFoundError):
                    found = Path(folder, name).stat()
                    files.append((name, found.st_size, found.st_mtime_ns))
        return sorted(files)

    def end(self, process: Copy) -> tuple[int, float]:
        """Wait for a run; give the items that it did and the seconds that they took."""
        assert process.stdout
        # First what `readline` may have read ahead, which `communicate` would pass over.
        output = process.stdout.read()
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        done, seconds = output.split()
        return int(done), float(seconds)

    def run(self, items: int) -> tuple[int, float]:
        """Run to the end."""
        return self.end(self.start(items))

    @contextmanager
    def notebook(self, access: str) -> Iterator[Copy]:
        """Keep the store open in another process, to `read` or to `write`."""
        with Copy(
            [sys.executable, "-c", NOTEBOOK, self.path, access],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            assert process.stdout.readline().startswith("[(")
            yield process
            process.communicate()

    def merge(self) -> None:
        """Open for writing, as any command does that writes."""
        with open_store(self.path):
            pass

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Read what the runs wrote, without times and numbers of runs."""
        queries = {
            "ledger": "SELECT task, item, version, status, attempts FROM ledger ORDER BY ALL",
            "rejects": "SELECT source, line, stage, category, reason, raw FROM rejects ORDER BY ALL",
            "service_state": "SELECT * FROM service_state ORDER BY ALL",
        }
        with read_store(self.path, limits=Limits(patience_s=60)) as connection:  # however busy the machine is
            return {name: connection.execute(query).fetchall() for name, query in queries.items()}

    def expected(self, items: int) -> dict[str, list[tuple[Any, ...]]]:
        """Give what there is after a run that nothing disturbed: each write once."""
        return {
            "ledger": sorted(("numbers", str(number), "1", "done", 1) for number in range(items)),
            "rejects": [("number", number, "test", "kind", "why", str(number)) for number in range(items)],
            "service_state": [("numbers", "test", "last", str(items - 1))],
        }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Make a store; end the runs that a failed test leaves."""
    made = Store(tmp_path / "music.duckdb")
    yield made
    for process in made.started:
        with process:
            process.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 MB, or skip where that is not allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if not (mount and unmount) or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)
