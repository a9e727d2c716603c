"""The command line as a whole: help, reference, exit codes, start-up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

import etl
from etl.cli.groups import first_sentence
from etl.cli.main import PANELS, RESUMED, app
from etl.cli.reference import commands, reference
from etl.runtime.errors import ExitCode
from tests.support.command_line import ended_here
from tests.support.places import ROOT

HEAVY = (
    "polars",
    "duckdb",
    "pyarrow",
    "numpy",
    "scipy",
    "librosa",
    "rich.console",
    "spotipy",
    "mido",
    "numba",
)


def run_etl(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    return subprocess.run(
        [sys.executable, "-m", "etl", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_the_command_reference_is_in_step_with_the_help():
    """docs/cli.md is what `python -m etl.cli.reference` writes."""
    written = ROOT.joinpath("docs", "cli.md").read_text(encoding="utf-8")
    assert written == reference()


def test_a_value_that_is_none_of_the_choices_is_told_with_them():
    """In our words alone."""
    done = ended_here("build", "data3", "a.csv", "--notation", "foo")
    assert done.returncode == ExitCode.USAGE
    assert "Invalid value for '--notation': 'foo' is not one of 'auto', " in done.stderr


@pytest.mark.parametrize(("name", "text"), list(commands()))
def test_every_command_says_what_it_does_and_shows_an_example(name, text):
    """Each leaf command's help ends in an example."""
    is_group = "COMMAND [ARGS]" in text
    assert is_group or f"{name} " in text.partition("Options:")[2], f"{name} --help shows no example"


def test_every_command_is_in_a_panel_under_its_own_first_sentence():
    """`etl --help` shows lines written beside the names; they are what the commands say themselves."""
    root: Any = typer.main.get_command(app)
    lines = {name: line for panel in PANELS.values() for name, line in panel.items()}
    for name in root.list_commands(None):
        assert lines.get(name) == first_sentence(root.get_command(None, name)), name


@pytest.mark.parametrize(("name", "text"), list(commands(80)))
def test_nothing_is_cut_at_80_columns(name, text):
    """Sentences are wrapped instead, but for examples, which can be pasted as they stand."""
    assert not re.search(r"\.\.\.$", text.partition("Commands:")[2], re.MULTILINE), name
    above, _, below = text.partition("Options:")
    for line in above.splitlines() + [line for line in below.splitlines() if "etl " not in line]:
        assert len(line) <= 80, line
    assert " | etl" not in below.replace("zcat songs.tsv.gz | etl", "")


def test_help_imports_no_command():
    """Only that of the group that is asked for."""
    code = (
        "import sys; sys.argv = ['etl', *sys.argv[1:], '--help']; from etl.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "print('loaded:', [m for m in sys.modules if m.startswith('etl.') and m.count('.') > 1])"
    )
    shown = [
        subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        for words in ([], ["report"])
    ]
    assert "etl.cli.midi" not in shown[0].stdout
    assert "etl.cli.options" not in shown[0].stdout
    assert "'etl.cli.report'" in shown[1].stdout
    assert "etl.cli.midi" not in shown[1].stdout


def test_help_imports_no_heavy_library():
    """`etl --help` answers at once because libraries are imported by the commands that need them."""
    code = (
        "import sys; sys.argv = ['etl', '--help']; from etl.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        f"print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("loaded: []\n")


def test_version_is_printed():
    """`etl --version` names the program and its version."""
    assert run_etl("--version").stdout == f"music-etl {etl.__version__}\n"


def test_a_wrong_command_is_a_usage_error():
    """An unknown command exits with 2 and says so."""
    result = run_etl("nope")
    assert result.returncode == 2
    assert "No such command 'nope'" in result.stderr


@pytest.mark.parametrize("arguments", [["-h"], ["db", "-h"], ["db", "check", "-h"]])
def test_h_is_help(arguments):
    """`-h` is `--help` at every level."""
    result = run_etl(*arguments)
    assert (result.returncode, result.stdout) == (0, run_etl(*arguments[:-1], "--help").stdout)


def test_a_link_that_leads_to_itself_is_an_error_in_a_line(tmp_path):
    """As an input, an output or a store."""
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    for arguments in (["build", "data3", loop], ["validate", loop, "--schema", "data3"]):
        done = ended_here(*arguments, "--db" if arguments[0] == "build" else "--rejects", loop)
        assert done.returncode != 0
        assert done.stderr.startswith("etl: ")
        assert "loop.csv" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_error_names_the_trouble_and_the_way_out_without_a_traceback(tmp_path):
    """A missing input exits with 1 and two lines on standard error."""
    result = run_etl("build", "data3", "missing.csv", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("etl: missing.csv does not exist.\n")
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["query", "--list"]])
def test_a_reader_that_has_seen_enough_is_no_failure(arguments):
    """As in `etl query --list | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "etl", *arguments]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["query", "--list"]])
def test_output_that_cannot_be_written_is_said_in_a_line(arguments):
    """Exit code 73, and no traceback."""
    command = [sys.executable, "-m", "etl", *arguments]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 73
    assert ended.stderr == "etl: cannot write the output: No space left on device.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_within_an_import_waits_for_its_end(tmp_path, number):
    """Native modules do not survive it; the command ends right afterwards, with a line and no traceback."""
    (tmp_path / "interrupted.py").write_text(
        f"import os, time; os.kill(os.getpid(), {int(number)}); time.sleep(0.1); print('imported')"
    )
    code = (
        "import time; from etl.cli import main\n"
        "def app(**_): import interrupted; time.sleep(30)\n"
        "main.app = app; main.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (130, "imported\n"), ended.stderr
    assert ended.stderr.startswith("etl: interrupted")
    assert "Traceback" not in ended.stderr


def test_commands_that_go_on_after_an_interruption_are_commands():
    """The names that decide what Ctrl-C says are those of commands and of their options."""
    helps = dict(commands())
    for name in RESUMED:
        assert f"etl {name}" in helps or any(f" {name} " in text for text in helps.values()), name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["library", "run", "music"], "finished work is kept. Run the same command to continue."),
        (["build", "data3", "x.csv"], "no file is left half written. Run the same command again."),
        (["build", "data3", "x.csv", "--output-dir=d"], "finished work is kept."),
        (["query", "SELECT 'library run'"], "no file is left half written."),
        (["warm-up"], "finished work is kept."),
    ],
)
def test_what_an_interruption_says_is_true(monkeypatch, words, said):
    """Only commands that go on where they were say that they do."""

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("etl.cli.main.app", interrupted)
    ended = ended_here(*words)
    assert ended.returncode == 130
    assert ended.stderr.startswith(f"etl: interrupted; {said}")
