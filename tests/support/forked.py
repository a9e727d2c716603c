"""Runs of a script in copies of a process that has loaded modules: loading takes longer than the runs."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ended(NamedTuple):
    """How a process ended, and what it said."""

    code: int | None
    out: str
    err: str


class Runs(Protocol):
    """Run a script in some processes at once, each with these changes of the environment.

    Those that are at work after ``kill_after`` seconds are killed, with all that they have started.
    """

    def __call__(
        self,
        script: Path,
        environment: dict[str, str],
        count: int = 1,
        *,
        kill_after: float | None = None,
    ) -> list[Ended]:
        """Give how each ended."""


@contextmanager
def forked_runs(*modules: str) -> Iterator[Runs]:
    """Start a process that loads these modules and nothing else; every run is a copy of it as it is then."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_load, initargs=(modules,)) as origin:

        def run(
            script: Path, environment: dict[str, str], count: int = 1, *, kill_after: float | None = None
        ) -> list[Ended]:
            return origin.submit(_run, script, environment, count, kill_after).result()

        yield run


def _load(modules: tuple[str, ...]) -> None:
    for name in modules:
        importlib.import_module(name)


def _run(script: Path, environment: dict[str, str], count: int, kill_after: float | None) -> list[Ended]:
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = None  # for the copies, which ask again
        places = [(Path(folder) / f"{number}.out", Path(folder) / f"{number}.err") for number in range(count)]
        copies = [fork.Process(target=_copy, args=(script, environment, *place)) for place in places]
        for copy in copies:
            copy.start()
        if kill_after is not None:
            time.sleep(kill_after)
            for copy in copies:
                with suppress(ProcessLookupError):  # it has ended
                    os.killpg(copy.pid or 0, signal.SIGKILL)
        for copy in copies:
            copy.join()
        return [
            Ended(copy.exitcode, *(path.read_text(encoding="utf-8") for path in place))
            for copy, place in zip(copies, places, strict=True)
        ]


def _copy(script: Path, environment: dict[str, str], *place: Path) -> None:
    os.setsid()
    for number, path in enumerate(place, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ |= environment
    runpy.run_path(str(script), run_name="__main__")
