"""What several tests share: small chord files and builds of them, signals and recordings."""

from __future__ import annotations

import atexit
import os

# Before NumPy is loaded, and for the processes that tests start: with a thread for each core in each of them,
# OpenBLAS waits in busy loops, which takes ten times the computing itself.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # the processes of pytest-xdist have one, and tables keep to it

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from etl.chords.keys import KeyMethod
from etl.exports.data3 import SOURCE_COLUMNS
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from etl.runtime.limits import LIMITS
from tests.support import audio_pieces
from tests.support.empty_store import empty_store, new_stores_are_copies, new_stores_run_migrations
from tests.support.places import LONGEST
from tests.support.reference import has_reference, reference
from tests.support.whole_store import make_whole_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from etl.pipelines.data3.result import BuildResult

HEADER = ",".join(SOURCE_COLUMNS)

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """End the processes of pytest-xdist without taking modules apart.

    Some tests leave a thread hanging on purpose. It keeps modules alive, of which nanobind (in duckdb) prints
    a page when the interpreter ends.
    """
    if hasattr(config, "workerinput"):
        atexit.register(os._exit, 0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each process of pytest-xdist begin with a share of the tests that take longest.

    It deals the tests out in as many runs as there are processes; one of the long ones alone at the end would
    leave the others without work. One process keeps to the order that it is given.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    longest = [item for item in items if item.path.name in LONGEST]
    rest = [item for item in items if item.path.name not in LONGEST]
    share = -(-len(rest) // processes)
    items[:] = [
        item
        for number in range(processes)
        for item in (*longest[number::processes], *rest[number * share : (number + 1) * share])
    ]


@pytest.fixture(autouse=True, scope="session")
def quick_stores() -> Iterator[None]:
    """Spare each new store its migrations."""
    with new_stores_are_copies():
        yield


@pytest.fixture
def own_migrations() -> Iterator[None]:
    """Have new stores run their migrations all the same."""
    with new_stores_run_migrations():
        yield


class Chords:
    """Writes chord files into a folder and builds data3 from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "data3.csv"
        self.database = folder / "music.duckdb"
        self.limits = LIMITS

    def row(self, number: int | str, chords: str = "C F G", artist: str = "a1") -> str:
        """One sound line without its end."""
        return f"{number},{chords},2000-01-01,'pop',2000.0,,{artist},pop,,"

    def file(self, name: str, *lines: str | bytes, end: bytes = b"\n", header: str = HEADER) -> Path:
        """Write a CSV of these lines under a header."""
        path = self.folder / name
        encoded = [line if isinstance(line, bytes) else line.encode() for line in (header, *lines)]
        path.write_bytes(b"".join(line + end for line in encoded))
        return path

    def cut(self, block_bytes: int, **others: Any) -> None:
        """Have blocks of one size cut from now on."""
        sizes = {"block_bytes": block_bytes, "block_most_bytes": block_bytes, **others}
        self.limits = replace(LIMITS, **sizes)

    def request(self, *inputs: Path, **options: Any) -> Data3Build:
        """Make a build without a store, unless ``database`` is given."""
        defaults = {
            "output": self.output,
            "database": None,
            "npz": None,
            "method": KeyMethod.KRUMHANSL,
            "limit": None,
            "force": False,
            "workers": 2,
            "limits": self.limits,
        }
        return Data3Build(inputs=inputs, **{**defaults, **options})

    def build(self, *inputs: Path, **options: Any) -> BuildResult:
        """Build, and check that rows in are rows out and rejects, in the counts and in the file."""
        request = self.request(*inputs, **options)
        if request.database == self.database:
            empty_store(self.database)
        summary = build(request)
        assert summary.records == summary.songs + summary.rejected
        assert len(self.table(request.output)) == summary.songs
        return summary

    def table(self, path: Path | None = None) -> list[dict[str, str]]:
        """Read a CSV as the standard library reads it."""
        import csv

        csv.field_size_limit(1 << 30)
        with (path or self.output).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, strict=True))

    def ids(self) -> list[str]:
        """Ids of the output."""
        return [row["id"] for row in self.table()]

    def rejects(self) -> list[tuple[int, str]]:
        """Line and category of each reject of a build without a store."""
        return [
            (int(row["line"]), row["category"]) for row in self.table(self.output.with_suffix(".rejects.csv"))
        ]


@pytest.fixture
def chords(tmp_path: Path) -> Chords:
    """Chord files and builds in an empty folder."""
    return Chords(tmp_path)


@pytest.fixture
def leftovers(tmp_path: Path) -> Callable[[], list[str]]:
    """Name the temporary files in the folder."""
    return lambda: sorted(path.name for path in tmp_path.rglob("*") if ".tmp" in path.name)


@pytest.fixture(scope="session")
def whole_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a store of songs, recordings and MIDI, and their files; not to be changed."""
    folder: Path = tmp_path_factory.mktemp("whole")
    make_whole_store(folder)
    return folder


@pytest.fixture(scope="session")
def rock():
    """Give 35 s of rock in A minor at 126.3 beats per minute, with a silent start."""
    piece = audio_pieces.compose("rock", 126.3, 9, minor=True, seconds=33.0, seed=5)
    return np.concatenate([np.zeros(15_000, dtype=np.float32), audio_pieces.render(piece)])


@pytest.fixture(scope="session")
def recordings() -> list[Path]:
    """Give the real recordings, if this machine has them."""
    if not has_reference("audio/music"):
        pytest.skip("the reference recordings are not at hand (ETL_REFERENCE)")
    return sorted(reference("audio/music").glob("*.ogg"))


@pytest.fixture(scope="session")
def odd_files() -> list[Path]:
    """Give the odd and broken files, if this machine has them."""
    if not has_reference("audio/odd_tags"):
        pytest.skip("the reference files with odd tags are not at hand (ETL_REFERENCE)")
    files = sorted(reference("audio/odd_tags").glob("*"))
    return [file for file in files if file.name not in {"LICENSE", "REUSE.toml"}]
