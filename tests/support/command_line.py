"""What tests of commands share: run the command line in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run_etl(*arguments: str | Path, expect: int = 0) -> str:
    """Run `etl`, check its exit code, give what it printed on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "etl", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr
