"""A process that loads modules and then becomes, in copies, what it is told: see :mod:`tests.support.forked`.

    python -m tests.support.origin DESCRIPTOR MODULE...

The descriptor is that of a socket of messages. Each is a program with its surroundings, and comes with the
descriptors of its standard streams and of a pipe that is told how it ended; the answer is its process.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from types import ModuleType
from typing import Any


def serve(channel: socket.socket) -> dict[str, Any] | None:
    """Start copies until the other side goes; gives in each copy what it is to be, and None in the end."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)  # noqa: FBT003
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    ends: dict[int, int] = {}
    while True:
        if channel in select.select([channel, woken], [], [])[0]:
            message, descriptors, _, _ = socket.recv_fds(channel, 1 << 18, 4)
            if not message:
                return None
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                take(descriptors)
                for other in (channel, woken, waker):
                    other.close()
                for end in ends.values():
                    os.close(end)
                return dict(json.loads(message))
            *streams, ends[pid] = descriptors
            for stream in streams:
                os.close(stream)
            channel.send(str(pid).encode())
        else:
            woken.recv(1 << 10)
        tell(ends)


def take(descriptors: list[int]) -> None:
    """Take the first as standard streams, close all."""
    for number, stream in enumerate(descriptors[:3]):
        os.dup2(stream, number)
    for descriptor in descriptors:
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    for number, name in enumerate(("stdout", "stderr"), 1):
        opened = open(number, "w", closefd=False, errors=getattr(sys, name).errors)  # noqa: SIM115
        opened.reconfigure(line_buffering=name == "stderr" or opened.isatty())
        setattr(sys, name, opened)


def tell(ends: dict[int, int]) -> None:
    """Tell of each copy that has ended how, through its pipe."""
    while ends:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        if pid in ends:
            end = ends.pop(pid)
            with suppress(BrokenPipeError):  # nobody asks
                os.write(end, str(status).encode())
            os.close(end)


def become(program: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run `-m MODULE`, `-c CODE` or a file as an interpreter does that starts with it."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    what, *words = program
    if what == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif what == "-c":
        sys.argv = ["-c", *words[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(words[0], "<string>", "exec"), main.__dict__)  # noqa: S102 - as `-c` does
    else:
        sys.argv = program
        runpy.run_path(what, run_name="__main__")


def ended(order: dict[str, Any]) -> int:
    """Be what the order says, to the end; give the exit code."""
    try:
        become(**order)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 - as the interpreter ends
        traceback.print_exc()
    else:
        return 0
    return 1


def main() -> None:
    """Load, serve, and in copies be something else.

    They end as interpreters do, but do not take apart what was loaded, which takes as long as loading it.
    """
    # Of Python 3.12: the threads of what is loaded are idle.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    order = serve(socket.socket(fileno=int(sys.argv[1])))
    if order is not None:
        code = ended(order)
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
