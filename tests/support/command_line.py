"""The command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from etl.cli.main import app
from etl.runtime.errors import EtlError

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


def run_here(*arguments: str | Path, expect: int = 0) -> str:
    """Do the same in this process, which saves loading all modules again."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    code, text = done.exit_code, done.output
    if isinstance(done.exception, EtlError):  # which `etl.cli.main.run` words
        code, text = done.exception.exit_code, f"{text}etl: {done.exception}\n"
    assert code == expect, (text, done.exception)
    return text
