"""The tutorials work as they are written, and README shows what they show."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.pages import README, TUTORIALS, commands, follow, same

AGAIN = "if it is right, `python -m tests.support.pages` writes it into the pages"


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_works_in_an_empty_folder(path):
    """Every file can be saved, every command runs, and prints what the page says."""
    with TemporaryDirectory() as folder:  # whose path is short, so that tables do not cut it
        for step, got in follow(path.read_text(encoding="utf-8"), Path(folder)):
            assert same(step.printed, got), f"$ {step.command}\n{got}\n({AGAIN})"


def test_readme_shows_what_the_tutorials_show():
    """Each command on the first page is one of a tutorial, with the same output."""
    shown = dict(step for path in TUTORIALS for step in commands(path.read_text(encoding="utf-8")))
    steps = commands(README.read_text(encoding="utf-8"))
    assert len(steps) >= len(TUTORIALS)
    for command, printed in steps:
        assert same(printed, shown[command]), command
