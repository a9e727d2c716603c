"""What is seen of a build while it lasts: how far it is, what it waits for, who holds its store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from etl.pipelines.data3.build import build
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import Limits
from tests.support.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_NOTEBOOK = """
import duckdb, sys
held = duckdb.connect(sys.argv[1], read_only=True)
print("held", flush=True)
input()
"""


@contextmanager
def notebook(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Keep a store open for reading in another process."""
    command = [sys.executable, "-c", _NOTEBOOK, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.communicate("\n")


def test_all_songs_are_counted_in_both_stages(chords):
    """At the end songs analyzed and stored are those of the result, and all bytes are read."""
    path = chords.file("in.csv", *(chords.row(i) for i in range(500)), "bad")
    recorder = Shown()
    chords.cut(2000)
    result = build(chords.request(path, database=chords.database), [recorder])
    last = recorder.snapshots[-1]
    assert [(stage.name, stage.done, stage.waiting) for stage in last.stages] == [
        ("analyze", 500, 0),
        ("store", 500, 0),
    ]
    assert last.stages[0].share == pytest.approx(1, abs=0.02)  # of the bytes after the header
    assert last.title == "etl build data3"
    assert last.waits_for is None
    assert {"parse", "analyze", "format", "store", "finish"} <= result.stage_seconds.keys()


def test_a_store_that_is_held_for_long_is_said_before_anything_is_computed(chords):
    """After a moment's patience the error names the process, with exit code 75; no output appears."""
    chords.build(chords.file("old.csv", chords.row(1)), database=chords.database)
    chords.output.unlink()
    path = chords.file("in.csv", chords.row(2))
    chords.limits = Limits(patience_s=0.6)
    recorder = Shown()
    with notebook(chords.database) as reader:
        with pytest.raises(EtlError, match=f"process {reader.pid}") as error:
            build(chords.request(path, database=chords.database), [recorder])
        assert error.value.exit_code is ExitCode.PARKED
        assert not chords.output.exists()
        assert not any(stage.has_begun for stage in recorder.snapshots[-1].stages)
        assert f"the store {chords.database}" in {shown.waits_for for shown in recorder.snapshots}
    assert not build(chords.request(path, database=chords.database)).is_stored


def test_a_first_build_says_that_it_compiles(chords):
    """JSON lines tell what it waits for while nothing is compiled yet."""
    path = chords.file("in.csv", *(chords.row(i) for i in range(50)))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(chords.folder / "cache")}
    command = [sys.executable, "-m", "etl", "build", "data3", str(path), "--no-db", "--log-json"]
    ended = subprocess.run(
        [*command, "-o", str(chords.output)], env=environment, capture_output=True, text=True, check=True
    )
    states = [json.loads(line) for line in ended.stdout.splitlines()]
    waits = [state["waits_for"] for state in states if state["waits_for"]]
    assert any(text.startswith("compiling function ") for text in waits), states
    assert states[-1]["waits_for"] is None
    assert states[-1]["stages"][0]["done"] == 50
    assert "50 rows in = 50 songs out" in ended.stderr
