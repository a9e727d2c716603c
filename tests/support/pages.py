"""Pages for users, followed to the letter: files are saved, commands run, and what they print is compared.

A block of ``python title="NAME"`` is a file to save. A block of ``console`` has commands after ``$``, each with
what it prints on standard output; ``...`` stands for what differs from machine to machine. All blocks of a page
run in one folder, `etl` and Python in this process, the rest in a shell.

    python -m tests.support.pages docs/tutorials/*.md

follows pages and writes what commands print now in place of what the page says, where the two differ.
"""

from __future__ import annotations

import doctest
import io
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.command_line import ended_here

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND: Final = re.compile(r"^\$ (.*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)
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
        done = ended_here(*words, cwd=folder)
    else:
        shell = ["/bin/sh", "-c", command]
        done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.returncode, (command, done)
    return done.stdout


def rewrite(path: Path) -> None:
    """Follow a page in an empty folder and write what its commands print now."""
    page = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for step, got in list(follow(page, Path(folder))):
            if not same(step.printed, got):
                page = page.replace(f"$ {step.command}\n{step.printed}", f"$ {step.command}\n{got}", 1)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
