"""Published figures name commands that exist, and one command runs them all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import ROOT
from tests.support.figures import read_figures

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"python -m ((?:benchmarks|tests\.\w+)(?:\.\w+)*)((?: [-\w]+)*)")
MENTION = re.compile(r"(?<![-/\w.])(?:benchmarks|tests[./](?:robustness|training))[./]\w[\w./]*")


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmarks."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    environment = {**os.environ, **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    """Give the modules that are run for the figures, by name."""
    listed = dict(read_figures(run("--list").stdout))
    return {
        name: command.removeprefix("command `python -m ").split("`")[0] for name, command in listed.items()
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_behind_figures_exist(document: Path, scripts: dict[str, str]) -> None:
    """A reader can type what stands beside a figure, and `python -m benchmarks` runs it with the others."""
    runnable = {command.split()[0] for command in scripts.values()} | {"benchmarks"}
    for module, arguments in COMMAND.findall(document.read_text(encoding="utf-8")):
        assert find_spec(module), module
        assert module in runnable or module.startswith("tests.support."), module
        assert module != "benchmarks" or set(arguments.split()) <= scripts.keys(), arguments


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_scripts_are_named_by_their_command(document: Path) -> None:
    """No figure names a script in a way that cannot be typed."""
    text = document.read_text(encoding="utf-8")
    assert MENTION.findall(COMMAND.sub("", text)) == []


def test_every_script_that_measures_is_run_with_the_others(scripts: dict[str, str]) -> None:
    """A script that nobody runs goes stale unseen."""
    folders = ("benchmarks", "benchmarks/training", "tests/robustness")
    files = [path for folder in folders for path in sorted((ROOT / folder).glob("[!_]*.py"))]
    measuring = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in files
        if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    assert measuring == {command.split()[0] for command in scripts.values()}


def test_a_quick_run_prints_one_table() -> None:
    """A row for each figure: what, figure, command."""
    done = run("--quick", "rowwise_ratio", "startup")
    assert done.returncode == 0, done.stdout + done.stderr
    head, line, *rows = done.stdout.splitlines()
    assert (head, line) == ("| what | figure | command |", "|---|---|---|")
    assert [row.split(" | ")[-1] for row in rows] == [
        *["`python -m benchmarks.rowwise_ratio 500 20 1` |"] * 3,
        *["`python -m benchmarks.startup 1` |"] * 2,
    ]
    assert re.match(r"\| `etl --help` \| \d+\.\d{3} s", rows[-1])


def test_a_script_that_fails_is_a_row_and_the_others_are_run(tmp_path: Path) -> None:
    """The exit code says it too."""
    done = run("--quick", "section_key_accuracy", "startup", ETL_REFERENCE=str(tmp_path))
    assert done.returncode == 1
    failed, *others = done.stdout.splitlines()[2:]
    assert "failed: the reference data `rs200/rs200_chordonomicon.csv` are not in" in failed
    assert len(others) == 2


def test_a_name_that_there_is_not_is_refused() -> None:
    """The message lists those that there are."""
    done = run("stratup")
    assert done.returncode == 2
    assert "no benchmark `stratup`. Choose from: build_ratio," in done.stderr
