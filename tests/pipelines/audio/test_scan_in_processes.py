"""Scans of many new files: several processes read tags, and what they find is the same."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from etl.pipelines.audio import scan as scanning
from etl.sources.audio.tags import read_all
from tests.support.library import write


def read_or_die(files: list[tuple[str, Any]]) -> list[tuple[tuple[Any, ...], bool]]:
    """Read tags, but for one file that kills the process."""
    if any(path.endswith("deadly.flac") for path, _ in files):
        os.kill(os.getpid(), signal.SIGKILL)
    return read_all(files)


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a handful of files be many."""
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 2)
    monkeypatch.setattr(scanning, "_PORTION", 2)


_ROWS = "SELECT * EXCLUDE (track_id) FROM tracks ORDER BY title"


def test_several_processes_find_what_one_finds(library, tmp_path):
    """Tags, values and rejects, whichever process has read them."""
    for number in range(4, 9):
        write(tmp_path / "music" / f"{number}.flac", number, title=f"T{number}", genre="a; b")
    (tmp_path / "music" / "broken.flac").write_bytes(b"fLaC" + bytes(10))
    found = library.scan(workers=2)
    rows, values = library.rows(_ROWS), library.rows("SELECT field, value FROM track_tags ORDER BY ALL")
    rejects = library.rejects()
    assert found.tracks == 8
    again = library.scan(workers=1, force=True)
    assert (again.tracks, again.rejected) == (found.tracks, found.rejected)
    assert library.rows(_ROWS) == rows
    assert library.rows("SELECT field, value FROM track_tags ORDER BY ALL") == values
    assert sorted(library.rejects()) == sorted(2 * rejects)


def test_a_file_that_kills_its_reader_costs_itself_alone(library, tmp_path, monkeypatch):
    """It is a reject with its reason; those that were read with it are tracks."""
    monkeypatch.setattr(scanning, "_READ", f"{__name__}:read_or_die")
    write(tmp_path / "music" / "deadly.flac", 9)
    found = library.scan(workers=2)
    assert (found.tracks, found.rejected) == (3, 1)
    (reason,) = library.rejects()
    assert reason.startswith("cannot read the tags: ")
