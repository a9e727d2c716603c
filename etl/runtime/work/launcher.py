"""Start worker processes: one numerical thread each, and safe from a Ctrl-C that arrives as they start."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.work.signals import interrupts_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkServerContext, SpawnContext
    from multiprocessing.process import BaseProcess

_THREAD_VARIABLES: Final = tuple(
    f"{library}_THREADS" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMBA_NUM", "POLARS_MAX")
)


_LONGEST_FOLDER: Final = 107 - len("/pymp-12345678/listener-12345678")


class Launcher:
    """Starts processes, from a server that has imported what they need where the system can fork.

    Parameters
    ----------
    preload
        Modules that the server imports once for all. They must start no threads (polars does). There is one
        server for the whole program: who starts it first says what it imports.
    """

    def __init__(self, preload: Sequence[str] = ()) -> None:
        self._preload = preload
        self._lock = threading.Lock()  # the environment is of all threads
        self._is_forking = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: ForkServerContext | SpawnContext = (
            multiprocessing.get_context("forkserver")
            if self._is_forking
            else multiprocessing.get_context("spawn")
        )

    def start(self) -> None:
        """Start the server, which imports beside what the caller does; without forks there is none."""
        with self._lock, _one_numerical_thread():
            self._start()

    def launch(self, target: Callable[..., None], *arguments: Any) -> BaseProcess:
        """Start a process; waits for the server's imports."""
        process = self._context.Process(target=target, args=arguments, daemon=True)
        with self._lock, _one_numerical_thread():
            self._start()
            with interrupts_held(), _main_module_hidden():
                process.start()
        return process

    def _start(self) -> None:
        if self._is_forking:
            from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - not for Windows

            resource_tracker.ensure_running()  # starting it would end the hold
            modules = ["etl.runtime.work.server", "etl.runtime.work.worker", *self._preload]
            self._context.set_forkserver_preload(modules)
            _keep_socket_paths_short()
            with interrupts_held():
                forkserver.ensure_running()


def _keep_socket_paths_short() -> None:
    """Give multiprocessing another temporary folder where the path of a socket in its own would be too long.

    A socket's path has 107 bytes at most (``sun_path``, unix(7)); Python 3.11 to 3.13 do not look.
    """
    config: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined] # noqa: SLF001
    if config.get("tempdir") is None and len(os.fsencode(tempfile.gettempdir())) > _LONGEST_FOLDER:
        config["tempdir"] = folder = tempfile.mkdtemp(prefix="pymp-", dir="/tmp")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def _one_numerical_thread() -> Iterator[None]:
    """Give processes started now one numerical thread each, unless the user said otherwise."""
    unset = [variable for variable in _THREAD_VARIABLES if variable not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for variable in unset:
            os.environ.pop(variable, None)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep processes from importing the main module, with the whole command line: jobs have names."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
