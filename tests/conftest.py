"""What several tests share: small chord files, and builds of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from etl.chords.keys import KeyMethod
from etl.exports.data3 import SOURCE_COLUMNS
from etl.pipelines.data3 import Data3Build, build
from etl.runtime.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from etl.pipelines.summary import Summary

HEADER = ",".join(SOURCE_COLUMNS)


class Chords:
    """Writes chord files into a folder and builds data3 from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "data3.csv"
        self.database = folder / "music.duckdb"

    def row(self, number: int | str, chords: str = "C F G", artist: str = "a1") -> str:
        """One sound line without its end."""
        return f"{number},{chords},2000-01-01,'pop',2000.0,,{artist},pop,,"

    def file(self, name: str, *lines: str | bytes, end: bytes = b"\n", header: str = HEADER) -> Path:
        """Write a CSV of these lines under a header."""
        path = self.folder / name
        encoded = [line if isinstance(line, bytes) else line.encode() for line in (header, *lines)]
        path.write_bytes(b"".join(line + end for line in encoded))
        return path

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
        }
        return Data3Build(inputs=inputs, **{**defaults, **options})

    def build(self, *inputs: Path, **options: Any) -> Summary:
        """Build, and check that rows in are rows out and rejects, in the counts and in the file."""
        request = self.request(*inputs, **options)
        summary = build(request, Progress("songs", stream=io.StringIO()))
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
