"""The server that workers are forked from, where the system's temporary folder has a long path."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import environment

if TYPE_CHECKING:
    from pathlib import Path

_LAUNCH = """
import sys
from etl.runtime.work.launcher import Launcher
process = Launcher().launch(print, "launched")
process.join()
sys.exit(process.exitcode)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no server without forks")
@pytest.mark.parametrize("length", [40, 76, 120])
def test_workers_start_whatever_the_length_of_the_temporary_folder(tmp_path: Path, length: int) -> None:
    """The path of a socket has 107 bytes at most."""
    folder = tmp_path / ("t" * max(1, length - len(str(tmp_path))))
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCH],
        env=environment() | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
