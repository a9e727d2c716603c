"""A member of the crew that is a process: a crash, a time-out or too much memory costs it one item.

An executor of the standard library breaks as a whole when one of its processes dies, and cannot give up on a
call that hangs. Here each process has a pipe of its own, so it is known which item it was at.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

from etl.runtime.errors import EtlError
from etl.runtime.work.job import StoppedError
from etl.runtime.work.outcome import Outcome, Problem, ProblemKind, failed
from etl.runtime.work.worker import serve

if TYPE_CHECKING:
    import threading
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from etl.runtime.work.job import Job
    from etl.runtime.work.launcher import Launcher

_MOST_STILLBORN: Final = 3  # those that die before they run would die again and again
_SECONDS_TO_DIE: Final = 5.0  # one that hangs in a system call ends when that does


@dataclass
class _Process:
    """A process that lives, the job it was told, and the largest memory seen."""

    process: BaseProcess
    pipe: Connection[Any, Any]
    monitor: psutil.Process
    job: Job | None = None
    peak: int = 0

    def resident(self) -> int:
        try:
            now: int = self.monitor.memory_info().rss
        except psutil.Error:  # it has ended, which its pipe will say
            now = 0
        self.peak = max(self.peak, now)
        return now


class _LostError(Exception):
    """The process is gone, or has to go."""

    def __init__(self, kind: ProblemKind, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(kind, text)


class WorkerProcess:
    """Does items in a process, started with the first of them and replaced when it is lost.

    Parameters
    ----------
    launcher
        Starts processes.
    look_seconds
        How often to look whether it takes too long or too much memory, or is not wanted any more.
    start_seconds
        Longest time to start and to import a job.
    trim_seconds
        Time after which the process gives back freed memory, at the end of an item.
    """

    def __init__(
        self, launcher: Launcher, *, look_seconds: float, start_seconds: float, trim_seconds: float
    ) -> None:
        self._launcher = launcher
        self._look_seconds = look_seconds
        self._start_seconds = start_seconds
        self._trim_seconds = trim_seconds
        self._current: _Process | None = None

    def do(self, job: Job, item: Any, is_over: threading.Event) -> list[Outcome[Any, Any]]:
        """Do an item or, if it costs the process and can be divided, its pieces one at a time.

        What can be divided is tried once more after a crash: to be killed from outside costs nothing.

        Raises
        ------
        StoppedError
            If ``is_over`` was set meanwhile; the process has been killed.
        EtlError
            If no process starts.
        """
        outcome = self._do_whole(job, item, is_over)
        if job.divide is not None and _is_crash(outcome):  # it may have been killed from outside
            outcome = self._do_whole(job, item, is_over)
        if job.divide is None or outcome.problem is None or not outcome.problem.is_lost:
            return [outcome]
        pieces = job.divide(item)
        if len(pieces) < 2:
            return [outcome]
        return [done for piece in pieces for done in self.do(job, piece, is_over)]

    def close(self) -> None:
        """End the process, whatever it does."""
        current, self._current = self._current, None
        if current is not None:
            current.process.kill()
            current.process.join(_SECONDS_TO_DIE)
            current.pipe.close()

    def _do_whole(self, job: Job, item: Any, is_over: threading.Event) -> Outcome[Any, Any]:
        try:
            message = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - whatever the item's own code raises
            return failed(item, error)
        current = self._handed(job, message, is_over)
        start = time.monotonic()
        try:
            answer = self._heard(current, is_over, job.seconds, job.memory)
        except _LostError as lost:
            self.close()
            seconds = time.monotonic() - start
            return Outcome(item, problem=lost.problem, seconds=seconds, peak_bytes=current.peak)
        seconds = time.monotonic() - start
        try:
            result, problem, raised, resident = pickle.loads(answer)  # noqa: S301 - of our own process
        except Exception as unreadable:  # noqa: BLE001 - a result that cannot be read is one that failed
            return failed(item, unreadable, seconds)
        current.peak = max(current.peak, resident)
        return Outcome(item, result, problem, raised, seconds, current.peak)

    def _handed(self, job: Job, message: bytes, is_over: threading.Event) -> _Process:
        """Give a message to a process that knows the job; one that has died meanwhile is replaced."""
        current = self._briefed(job, is_over)
        try:
            current.pipe.send_bytes(message)
        except OSError:
            self.close()
            current = self._briefed(job, is_over)
            with suppress(OSError):  # it is the item: the death shows when the process is listened to
                current.pipe.send_bytes(message)
        return current

    def _briefed(self, job: Job, is_over: threading.Event) -> _Process:
        """Give the process, started if need be, once it has imported the job."""
        if self._current is not None and self._current.job is job:
            return self._current
        module = job.name.partition(":")[0]
        hint = (
            f"Check the free memory and the installation: `python -c 'import {module}'` should say nothing."
        )
        reason = ""
        for _ in range(_MOST_STILLBORN):
            try:
                current = self._current or self._launched()
                self._current = current
                current.pipe.send_bytes(b"")
                current.pipe.send_bytes(job.briefing)
                problem = pickle.loads(self._heard(current, is_over, self._start_seconds, None))  # noqa: S301
            except (OSError, EOFError, _LostError) as error:
                reason = str(error) or type(error).__name__
                self.close()
                continue
            if problem is not None:
                raise EtlError(f"worker processes cannot import {job.name}: {problem}.", hint)
            current.job = job
            return current
        raise EtlError(f"worker processes do not start: {reason}.", hint)

    def _launched(self) -> _Process:
        ours, theirs = multiprocessing.Pipe()
        try:
            process = self._launcher.launch(serve, theirs, self._trim_seconds)
            return _Process(process, ours, psutil.Process(process.pid))
        except psutil.Error as error:
            raise OSError(f"it ended at once ({error})") from error
        finally:
            theirs.close()

    def _heard(
        self, current: _Process, is_over: threading.Event, seconds: float | None, memory: int | None
    ) -> bytes:
        """Wait for an answer and give it."""
        start = time.monotonic()
        left = float("inf") if seconds is None else seconds
        while True:
            if is_over.is_set():
                self.close()
                raise StoppedError
            try:
                if current.pipe.poll(max(0.0, min(self._look_seconds, left))):
                    return current.pipe.recv_bytes()
            except (EOFError, OSError):
                current.process.join(_SECONDS_TO_DIE)
                text = f"the worker process {_death(current.process.exitcode)}"
                raise _LostError(ProblemKind.CRASH, text) from None
            if seconds is not None:
                left = start + seconds - time.monotonic()
                if left <= 0:
                    raise _LostError(ProblemKind.TIMEOUT, f"took longer than {seconds:.0f} s")
            if current.resident() > (memory or float("inf")):
                text = f"needed more than {(memory or 0) / 1e6:.0f} MB of memory"
                raise _LostError(ProblemKind.MEMORY, text)


def _is_crash(outcome: Outcome[Any, Any]) -> bool:
    return outcome.problem is not None and outcome.problem.kind is ProblemKind.CRASH


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"crashed ({names.get(-exit_code, f'signal {-exit_code}')})"
    return f"ended with code {exit_code}"
