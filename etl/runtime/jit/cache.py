"""Machine code on disk: one file for each function and its argument types, safe to share between processes.

numba's own cache numbers its files, so two processes that compile at once can each read the other's code; it
also knows nothing of the functions and constants that a function uses, and dies of a damaged file or where no
folder can be written. Here the name of a file says what it holds, its first bytes are a checksum over that,
over the source of all that went into it, and over the code; what does not fit is compiled again. Who compiles
a function keeps others waiting for that function, and only that.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numba
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps

from etl.runtime.compile_folder import LOCK, readable_folders, writable_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

fcntl: Any = None
with suppress(ImportError):  # Windows has none: two processes may compile the same
    fcntl = import_module("fcntl")

_SUM_BYTES: Final = 32


class CompileCache(_Cache):
    """The cache of one function, in place of numba's.

    Parameters
    ----------
    function
        The plain function.
    source
        Sum of all that goes into its code, see :func:`~etl.runtime.jit.source.source_sum`.
    on_miss
        Called before the function is compiled, or waited for.
    """

    def __init__(self, function: Any, source: Callable[[], bytes], on_miss: Callable[[], None]) -> None:
        self._function = function
        self._source = source
        self._on_miss = on_miss
        self._is_on = True

    @property
    def cache_path(self) -> str | None:
        """Where files are written."""
        folder = writable_folder()
        return None if folder is None else str(folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the code for some argument types; after None nobody else compiles it until it is saved."""
        # numba's cache first registers all that can be compiled, which takes longer than loading. The
        # compiler does so itself, and what is loaded needs nothing but the memory of arrays.
        rtsys.initialize(target_context)
        if not self._is_on:
            return None
        name, source = self._name(sig, target_context.codegen()), self._source()
        found = _read(name, source, target_context)
        if found is None:
            self._on_miss()
            _lock(name)
            found = _read(name, source, target_context)  # whoever was waited for may have saved it
            if found is not None:
                _unlock(name)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the code for some argument types, and let others go on; a full disk costs nothing but that."""
        if not self._is_on:
            return
        name, folder = self._name(sig, data.codegen), writable_folder()
        if folder is not None and not data.library.has_dynamic_globals and not data.lifted:
            code: bytes = dumps(data._reduce())  # type: ignore[no-untyped-call] # noqa: SLF001 -- what numba keeps
            # What a killed process left the next one writes anew; without locks several may write at once.
            fresh = folder / (f"{name}.new" if fcntl else f"{name}.{os.getpid()}.new")
            with suppress(OSError):
                fresh.write_bytes(_sum(name, self._source(), code) + code)
                fresh.replace(folder / name)
        _unlock(name)

    def enable(self) -> None:
        """Switch on."""
        self._is_on = True

    def disable(self) -> None:
        """Switch off."""
        self._is_on = False

    def flush(self) -> None:
        """Delete nothing: what does not fit is never read."""

    def _name(self, sig: Any, codegen: Any) -> str:
        kind = (numba.__version__, sys.version_info[:3], codegen.magic_tuple(), str(sig))
        digest = hashlib.sha256(repr(kind).encode()).hexdigest()
        return f"{self._function.__module__}.{self._function.__qualname__}-{digest[:24]}"


def _sum(name: str, source: bytes, code: bytes) -> bytes:
    return hashlib.sha256(name.encode() + source + code).digest()


def _read(name: str, source: bytes, target_context: Any) -> Any:
    for folder in readable_folders():
        with suppress(OSError, ImportError, AttributeError):  # not there; or of types that have moved since
            kept = (folder / name).read_bytes()
            code = kept[_SUM_BYTES:]
            if kept[:_SUM_BYTES] == _sum(name, source, code):
                rebuild: Any = CompileResult._rebuild  # noqa: SLF001 -- what numba's own cache calls
                return rebuild(target_context, *pickle.loads(code))  # noqa: S301 -- only we write there
    return None


@cache
def _lock_file(folder: Path) -> int:
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)


def _lock(name: str) -> None:
    """Wait until nobody else compiles this function; it ends with the process that does.

    Kernels are nested without circles, so nobody waits for ever. File systems without locks compile twice.
    """
    folder = writable_folder()
    if folder is not None and fcntl is not None:
        with suppress(OSError):
            fcntl.lockf(_lock_file(folder), fcntl.LOCK_EX, 1, _place(name))


def _unlock(name: str) -> None:
    folder = writable_folder()
    if folder is not None and fcntl is not None:
        with suppress(OSError):
            fcntl.lockf(_lock_file(folder), fcntl.LOCK_UN, 1, _place(name))


def _place(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
