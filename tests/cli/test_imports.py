"""Commands load the libraries that they need, and none that takes as long to load as their own work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.empty_store import empty_store

WATCHED = ("numpy", "polars", "pyarrow", "scipy", "numba", "pydantic")

CODE = f"""
import sys
from etl.cli.main import app
app(standalone_mode=False)
print("loaded:", *(name for name in {WATCHED!r} if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        ("status", ""), ("query runs", ""), ("playlist list", "polars"), ("library scan FOLDER", "polars"),
        ("library stats", "polars"), ("midi find --key C", "polars"), ("midi stats", "polars"),
    ],
)  # fmt: skip
def test_a_command_loads_only_what_it_needs(tmp_path, words, loaded):
    """A store is named, and nothing is wrong."""
    store = empty_store(tmp_path / "s.duckdb")
    folder = tmp_path / "music"
    folder.mkdir()
    command = [str(folder) if word == "FOLDER" else word for word in words.split()]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command, "--db", str(store)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1].removeprefix("loaded:").strip() == loaded, done.stderr
