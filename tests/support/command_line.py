"""The command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def etl(*arguments: str | Path) -> list[str]:
    """Command that runs `etl`."""
    return [sys.executable, "-m", "etl", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Environment in which this checkout's `etl` runs in any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_etl(*arguments: str | Path, expect: int = 0) -> str:
    """Run `etl`, check its exit code, give what it printed on both streams."""
    done = subprocess.run(etl(*arguments), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr
