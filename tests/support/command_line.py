"""The command line in a process of its own, or in this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from typer.testing import CliRunner

from etl.cli.main import app, run
from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]


def etl(*arguments: str | Path) -> list[str]:
    """Command that runs `etl`."""
    return [sys.executable, "-m", "etl", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Environment in which this checkout's `etl` runs in any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_here(*arguments: str | Path, expect: int = 0) -> str:
    """Run `etl` in this process, check its exit code, give what it printed on both streams."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    code, text = done.exit_code, done.output
    if isinstance(done.exception, EtlError):  # which `etl.cli.main.run` words
        code, text = done.exception.exit_code, f"{text}etl: {done.exception}\n"
    assert code == expect, (text, done.exception)
    return text


def ended_here(
    *arguments: str | Path,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    stdout: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `etl` in this process as in one of its own: to the words of an error and the exit code.

    Loading all modules again takes longer than most commands; what is about signals or the environment of an
    interpreter needs a process. ``env`` is the whole environment, as of a process; ``stdout`` is a descriptor
    to write to instead of what is given as text.
    """
    words = [*map(str, arguments)]
    wanted = os.environ if env is None else env
    changes: Any = {key: wanted.get(key) for key in {*os.environ, *wanted}}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    code: Any = None
    try:
        with (
            chdir(cwd),
            patch("sys.argv", ["etl", *words]),
            CliRunner().isolation(stdin, changes) as (out, err, _),
            nullcontext() if stdout is None else _standard_output(stdout),
        ):
            try:
                run()
            except SystemExit as ending:
                code = ending.code
            sys.stdout.flush()
            sys.stderr.flush()
            said = [stream.getvalue().decode() for stream in (out, err)]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(words, code, *said)


@contextmanager
def _standard_output(descriptor: int) -> Iterator[None]:
    """Have the standard output be another one, for what writes to its descriptor and for what prints."""
    kept = os.dup(1)
    os.dup2(descriptor, 1)
    try:
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream, patch("sys.stdout", stream):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def piped_here(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run `etl` in this process, its standard output a pipe that is read until it is closed."""
    theirs, ours = os.pipe()
    with os.fdopen(theirs, "rb") as pipe, ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read)
        try:
            done = ended_here(*arguments, cwd=cwd, stdout=ours)
        finally:
            os.close(ours)
        return subprocess.CompletedProcess(done.args, done.returncode, read.result(), done.stderr.encode())
