"""What runs in a worker process: take items from a pipe, answer each, until the pipe closes.

Messages are pickles. An empty one announces a briefing, the name of a job and what is shared by its items;
the answer to it is None once the job is imported. Everything else is an item, and its answer is
``(result, problem, error, resident bytes)``.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import psutil

from etl.runtime.work.garbage import collect_rarely
from etl.runtime.work.job import find_call
from etl.runtime.work.memory import give_back_memory
from etl.runtime.work.outcome import Outcome, attempt, failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess


def serve(pipe: Connection[Any, Any], trim_seconds: float) -> None:
    """Answer until the pipe closes.

    Parameters
    ----------
    pipe
        Where items come from and answers go.
    trim_seconds
        Time after which freed memory is given back to the system, at the end of an item.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    collect_rarely()
    _end_with_parent()
    # Native decoders write warnings to standard error, through whatever the parent shows there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    process = psutil.Process()
    trimmed = time.monotonic()
    call: Callable[[Any], Any] = _without_briefing
    try:
        while True:
            message = pipe.recv_bytes()
            if not message:
                call = _briefed(pipe)
                continue
            outcome = _done(call, message)
            if time.monotonic() - trimmed > trim_seconds:
                give_back_memory()
                trimmed = time.monotonic()
            pipe.send_bytes(_answer(outcome, process.memory_info().rss))
    except (EOFError, OSError):  # the parent has closed the pipe
        return


def _briefed(pipe: Connection[Any, Any]) -> Callable[[Any], Any]:
    briefing = pipe.recv_bytes()
    problem: str | None = None
    call: Callable[[Any], Any] = _without_briefing
    try:
        call = find_call(*pickle.loads(briefing))  # noqa: S301 - of our own process
    except Exception as error:  # noqa: BLE001 - told to the parent
        problem = f"{type(error).__name__}: {error}"
    pipe.send_bytes(pickle.dumps(problem))
    return call


def _without_briefing(_item: Any) -> Any:
    raise RuntimeError("no job was given")


def _done(call: Callable[[Any], Any], message: bytes) -> Outcome[None, Any]:
    try:
        item = pickle.loads(message)  # noqa: S301 - of our own process
    except Exception as error:  # noqa: BLE001 - an item that cannot be read is one that fails
        return failed(None, error)
    done = attempt(call, item)
    return Outcome(None, done.result, done.problem, done.error)


def _answer(outcome: Outcome[None, Any], resident_bytes: int) -> bytes:
    """Pickle an outcome; a result that cannot be pickled becomes a problem."""
    if outcome.error is None:
        try:
            return pickle.dumps((outcome.result, None, None, resident_bytes), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - whatever the result's own code raises
            outcome = failed(None, error)
    return pickle.dumps((None, outcome.problem, _portable(outcome), resident_bytes), pickle.HIGHEST_PROTOCOL)


def _portable(outcome: Outcome[None, Any]) -> BaseException:
    """Give the exception, or one that quotes it if it survives no pickle; its traceback is a note."""
    error = outcome.error
    assert error is not None  # noqa: S101 - asked of failures alone
    note = "".join(traceback.format_exception(error))
    try:
        error.add_note(note)
        copied: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        if type(copied) is type(error):
            return copied
    except Exception:  # noqa: BLE001, S110 - exceptions may take any arguments
        pass
    quoted = RuntimeError(outcome.problem.text if outcome.problem else note)
    quoted.add_note(note)
    return quoted


def _end_with_parent() -> None:
    """End when the parent has been killed: the worker would go on, or wait, for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
