"""Programs in copies of a process that has loaded modules: loading takes longer than most runs."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from tests.support.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

COMMANDS: Final = (
    "duckdb",
    "etl.cli.library",
    "etl.cli.midi",
    "etl.pipelines.audio.describe_tracks",
    "etl.pipelines.audio.run",
    "etl.pipelines.data3.build",
    "etl.pipelines.enrich.run",
    "etl.pipelines.midi.preload",
    "etl.pipelines.midi.run",
)
"""What most commands load that tests start; nothing that has threads."""


class Origin:
    """A process that has loaded these modules, and is copied."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = str(other.fileno())
        command = [sys.executable, "-m", "tests.support.origin", number, *modules]
        self._process = subprocess.Popen(
            command,
            pass_fds=[other.fileno()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        other.close()
        self._order = threading.Lock()

    def copy(self, order: Mapping[str, object], streams: Sequence[int]) -> tuple[int, int]:
        """Have a copy be what the order says; give its process and the pipe that is told how it ended."""
        end, told = os.pipe()
        try:
            with self._order:
                socket.send_fds(self._channel, [json.dumps(order).encode()], [*streams, told])
                return int(self._channel.recv(20)), end
        finally:
            os.close(told)

    def close(self) -> None:
        """Let it end."""
        self._channel.close()
        self._process.wait()


class Copy(subprocess.Popen[Any]):
    """A process like any other that runs Python, but for its start; it has a session of its own.

    What an interpreter reads from its environment when it starts, such as the encoding, is the origin's.

    Parameters
    ----------
    command
        The interpreter, then `-m` and a module, `-c` and code, or a file.
    origin
        Of what it is a copy; by default of a process that has loaded what commands load.
    options
        As of `subprocess.Popen`: streams, folder, environment.
    """

    _end: int

    def __init__(
        self, command: Sequence[str | Path], *, origin: Origin | None = None, **options: Any
    ) -> None:
        self._origin = origin or _commands()
        super().__init__(command, **options)

    def _execute_child(self, args: Sequence[str | Path], *options: Any) -> None:
        folder, environment, pipes = options[4], options[5], options[9:15]
        order = {
            "program": [str(word) for word in args[1:]],
            "folder": str(folder or Path.cwd()),
            "environment": dict(os.environ if environment is None else environment),
        }
        given = (pipes[0], pipes[3], pipes[5])
        streams = [number if own == -1 else own for number, own in enumerate(given)]
        self.pid, self._end = self._origin.copy(order, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _status(self, *, waits: bool) -> int | None:
        """Give how it ended, as `waitpid` does."""
        if not waits and not select.select([self._end], [], [], 0)[0]:
            return None
        text = os.read(self._end, 20)
        os.close(self._end)
        return int(text or signal.SIGKILL)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._child_created:
            status = self._status(waits=False)
            if status is not None:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        status = self._status(waits=not wait_flags)
        return (0, 0) if status is None else (self.pid, status)


@cache
def _commands() -> Origin:
    return Origin(COMMANDS)


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
    origin = Origin(modules)

    def run(
        script: Path, environment: dict[str, str], count: int = 1, *, kill_after: float | None = None
    ) -> list[Ended]:
        options = {"env": {**os.environ, **environment}, "text": True}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        copies = [Copy([sys.executable, script], origin=origin, **options, **pipes) for _ in range(count)]
        if kill_after is not None:
            time.sleep(kill_after)
            for copy in copies:
                with suppress(ProcessLookupError):  # it has ended
                    os.killpg(copy.pid, signal.SIGKILL)
        said = [copy.communicate() for copy in copies]
        return [Ended(copy.returncode, *texts) for copy, texts in zip(copies, said, strict=True)]

    try:
        yield run
    finally:
        origin.close()
