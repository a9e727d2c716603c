"""Pages for users, followed to the letter: files are saved, commands run, and what they print is compared.

A block of ``python title="NAME"`` is a file to save. A block of ``console`` has commands after ``$``, each
with what it prints on standard output; ``...`` stands for what differs from machine to machine. All blocks
of a page run in one folder, `etl` and Python in this process, the rest in a shell.

    python -m tests.support.pages

follows the tutorials, and writes what commands print into these and README where it is something else.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import runpy
import shlex
import subprocess
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.command_line import ended_here
from tests.support.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

README: Final = ROOT / "README.md"
TUTORIALS: Final = sorted(ROOT.joinpath("docs", "tutorials").glob("*.md"))

BLOCK: Final = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND: Final = re.compile(r"^\$ (.*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)
NO_SETTINGS: Final = {"ETL_CONFIG": os.devnull}
HOME: Final = "/home/ann/try"
"""Where pages have the folder in which they are followed."""


class Step(NamedTuple):
    """A command of a page, and what the page says that it prints."""

    command: str
    printed: str


def commands(page: str) -> list[Step]:
    """Commands of all console blocks, in order."""
    blocks = [text for language, _, text in BLOCK.findall(page) if language == "console"]
    return [Step(command.strip(), printed) for block in blocks for command, printed in COMMAND.findall(block)]


def same(wanted: str, got: str) -> bool:
    """Whether an output is what a page says, but for blanks and the lengths of rules."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(_short_rules(wanted), _short_rules(got), flags)


def _short_rules(text: str) -> str:
    return re.sub(r"-{3,}", "---", text)


def follow(page: str, folder: Path) -> Iterator[tuple[Step, str]]:
    """Save and run all that a page says; give each command with what it printed.

    Raises
    ------
    AssertionError
        If a command fails.
    """
    for language, title, text in BLOCK.findall(page):
        if language == "console":
            for command, printed in COMMAND.findall(text):
                step = Step(command.strip(), printed)
                yield step, _run(step.command, folder).replace(str(folder.resolve()), HOME)
        else:
            assert title, f"a block of {language} that nobody saves: {text}"
            (folder / title).write_text(text, encoding="utf-8")


def _run(command: str, folder: Path) -> str:
    program, *words = shlex.split(command)
    if program == "python":
        with chdir(folder), redirect_stdout(io.StringIO()) as said:
            runpy.run_path(words[0], run_name="__main__")
        return said.getvalue()
    if program == "etl":
        done = ended_here(*words, cwd=folder, env=_without_settings())
    else:
        shell = ["/bin/sh", "-c", command]
        done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.returncode, (command, done)
    return done.stdout


def _without_settings() -> dict[str, str]:
    """Environment of somebody who has configured nothing, neither a store nor the key of a service."""
    ours = ("ETL_", "LASTFM_", "SPOTIPY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | NO_SETTINGS


def correct(page: str, printed: Mapping[str, str]) -> str:
    """Put what commands print in place of what a page says, where the two differ."""
    for step in commands(page):
        got = printed.get(step.command, step.printed)
        if not same(step.printed, got):
            page = page.replace(f"$ {step.command}\n{step.printed}", f"$ {step.command}\n{got}", 1)
    return page


def main() -> None:
    """Follow all tutorials in empty folders, and correct them and README."""
    printed: dict[str, str] = {}
    for path in TUTORIALS:
        with TemporaryDirectory() as folder:
            steps = follow(path.read_text(encoding="utf-8"), Path(folder))
            printed |= {step.command: got for step, got in steps}
    for path in (README, *TUTORIALS):
        path.write_text(correct(path.read_text(encoding="utf-8"), printed), encoding="utf-8")


if __name__ == "__main__":
    main()
