"""The map of the code: what it names is there, what is there it names, and each floor knows what it says."""

from __future__ import annotations

import ast
import re
import tomllib
from itertools import chain

import pytest

from tests.support.places import ROOT

MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FLOORS = [line.split("|")[1] for line in MAP.splitlines() if re.match(r"\| `\w+/`", line)]
ROOMS = [re.findall(r"`(\w+)/`", floor) for floor in FLOORS]
PURE = ("audio", "batch", "chords", "genres", "midi", "music", "playlists")
OUTSIDE = {
    "duckdb",
    "http",
    "pathlib",
    "requests",
    "rich",
    "shutil",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "typer",
}


def imports(room: str) -> dict[str, set[str]]:
    """Name the packages that each module of a room loads, by its path."""
    found = {}
    for path in (ROOT / "etl" / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = []
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
        found[str(path.relative_to(ROOT))] = names
    return found


def test_the_rooms_of_the_map_are_the_folders_of_the_package():
    """Each on one floor."""
    folders = {path.name for path in (ROOT / "etl").iterdir() if (path / "__init__.py").exists()}
    assert sorted(chain(*ROOMS)) == sorted(folders)


def test_the_contract_keeps_the_floors_of_the_map():
    """In their order, with the same rooms beside one another."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        (contract,) = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    kept = [sorted(layer.replace("etl.", "").split(" | ")) for layer in contract["layers"]]
    floors = [sorted(rooms) for rooms in ROOMS]
    assert kept == [sorted(chain(*floors[:2])), *floors[2:]]  # terminal and module are beside one another


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:[a-z0-9_]+/)+(?:[a-z0-9_]+\.\w+)?)`", MAP))))
def test_what_the_map_names_is_there(name: str) -> None:
    """Folders and files, of the checkout, of the package or of its pipelines."""
    assert any(
        (top / name).exists()
        for top in (ROOT, ROOT / "etl", ROOT / "etl" / "pipelines", ROOT / "etl" / "runtime")
    )


@pytest.mark.parametrize("room", PURE)
def test_analysis_knows_no_files_tables_network_or_terminal(room: str) -> None:
    """Arrays and frames in, frames out."""
    assert {path: names & OUTSIDE for path, names in imports(room).items() if names & OUTSIDE} == {}


@pytest.mark.parametrize("room", ["api", "cli", "exports", "pipelines", "services", "sources"])
def test_only_the_store_works_with_the_database(room: str) -> None:
    """Others hold a connection at most, and hand it on."""
    assert [path for path, names in imports(room).items() if "duckdb" in names] == []
