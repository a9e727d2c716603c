"""`etl doctor`: what is missing is named with what to do about it, and nothing is changed."""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING

import pytest

from etl.pipelines import doctor
from etl.store.database import open_store
from tests.support.command_line import ended_here

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_CONFIG", str(tmp_path / "none.toml"))


def states(database: Path, *, expect: int = 0) -> dict[str, tuple[str, str]]:
    """Give state and what was found, by name."""
    done = ended_here("doctor", "--db", database, "--json")
    assert done.returncode == expect, done.stdout
    checks = json.loads(done.stdout)
    return {each["name"]: (each["state"], each["found"]) for each in checks}


def test_what_is_well_is_ok_and_nothing_is_made(tmp_path):
    """Python, packages, decoders, disk; a store that is not there yet is a note, and still not there."""
    found = states(tmp_path / "new" / "s.duckdb")
    assert not [name for name, (state, _) in found.items() if state == "problem"]
    assert {"version", "python", "packages", "decoders", "disk", "compiled code"} <= found.keys()
    assert found["store"][0] == "note"
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_opened_and_one_that_is_none_is_a_problem(tmp_path):
    """With the words that any command would have for it."""
    with open_store(tmp_path / "s.duckdb"):
        pass
    assert states(tmp_path / "s.duckdb")["store"][0] == "ok"
    (tmp_path / "x.duckdb").write_bytes(b"not a database" * 100)
    assert states(tmp_path / "x.duckdb", expect=1)["store"][0] == "problem"


def test_missing_packages_decoders_parts_and_folders_are_told(tmp_path, monkeypatch):
    """Each with what to do."""
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["polars>=2", "nosuchpackage[x]>=1,<2"])
    monkeypatch.setattr(doctor, "_DECODERS", ("mp3", "nosuchcodec"))
    monkeypatch.setattr(doctor, "_OPTIONAL", {"plot": "nosuchmodule"})
    monkeypatch.setattr(doctor, "writable_folder", lambda: None)
    monkeypatch.setattr(doctor, "_LITTLE_BYTES", 1 << 80)
    found = states(tmp_path / "s.duckdb", expect=1)
    assert found["packages"] == ("problem", "missing: nosuchpackage")
    assert found["part plot"][0] == "note"
    assert "nosuchcodec" in found["decoders"][1]
    assert found["compiled code"][0] == found["disk"][0] == "problem"
    assert "pip install" in ended_here("doctor", "--db", tmp_path / "s.duckdb").stdout


def test_a_configuration_that_cannot_be_read_is_a_problem(tmp_path, monkeypatch):
    """And no traceback."""
    (tmp_path / "bad.toml").write_text("= nothing")
    monkeypatch.setenv("ETL_CONFIG", str(tmp_path / "bad.toml"))
    monkeypatch.setenv("ETL_DB", str(tmp_path / "s.duckdb"))
    assert states(tmp_path / "s.duckdb", expect=1)["configuration"][0] == "problem"
