"""Decorators for functions that are compiled, and word of it while they are."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar, cast

from etl.runtime.jit.absent import absent
from etl.runtime.jit.source import source_sum

with absent("coverage"):  # which numba would tell what it compiles
    import numba

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")


class Compiling(Protocol):
    """Is told the name of a function that is about to be compiled, its number, and how many there are."""

    def __call__(self, name: str, number: int, total: int) -> None:
        """Take the news."""


_kernels: Final[list[Any]] = []
_watchers: Final[list[Compiling]] = []


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function to machine code, kept on disk between runs, releasing the interpreter lock."""
    return kernel_with()(function)


def kernel_with(
    *, error_model: str = "python", fastmath: tuple[str, ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile as :func:`kernel` does, under other rules of arithmetic.

    Parameters
    ----------
    error_model
        ``numpy`` for a division by zero that raises nothing.
    fastmath
        Liberties for the compiler, by LLVM's names: ``reassoc``, ``contract``.
    """
    options = {"nogil": True, "error_model": error_model, "fastmath": set(fastmath) or False}

    def compiled(function: Callable[P, R]) -> Callable[P, R]:
        made = _with_own_cache(function, options) or _with_cache_of_numba(function, options)
        made.compiled_with = (error_model, fastmath)
        _kernels.append(made)
        return cast("Callable[P, R]", made)

    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into the kernels that call it; for those that are called in inner loops.

    A call counts references to its arrays, each of which takes as long as some ten additions.
    """
    return inlined_with()(function)


def inlined_with(*, fastmath: tuple[str, ...] = ()) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile as :func:`inlined` does, with liberties as :func:`kernel_with` takes them."""
    compiled = numba.njit(forceinline=True, fastmath=set(fastmath) or False)
    return cast("Callable[[Callable[P, R]], Callable[P, R]]", compiled)


@contextmanager
def compile_watch(watcher: Compiling) -> Iterator[None]:
    """Tell ``watcher`` of each function that this process compiles, or waits for another process to."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def _tell(function: Any) -> None:
    number = 1 + sum(bool(made.signatures) for made in _kernels)
    for watcher in _watchers:
        watcher(function.__name__, min(number, len(_kernels)), len(_kernels))


def _with_own_cache(function: Any, options: dict[str, Any]) -> Any:
    """Compile with what numba does not promise to keep as it is; None where it is not so."""
    try:
        from etl.runtime.jit.dispatcher import KernelDispatcher  # noqa: PLC0415 -- it may not be importable
    except (ImportError, AttributeError):
        return None
    made = KernelDispatcher(function, targetoptions={"nopython": True, "boundscheck": None, **options})
    made.keep_on_disk(partial(source_sum, made), partial(_tell, function))
    return made


def _with_cache_of_numba(function: Any, options: dict[str, Any]) -> Any:
    with suppress(RuntimeError):  # no place for a cache
        return numba.njit(cache=True, **options)(function)
    return numba.njit(**options)(function)


def without_matrix_products() -> None:
    """Load compiled code sooner, in a process whose kernels multiply no matrices, ever.

    With its functions of arrays numba imports ``scipy.linalg``, for matrix products, and with its types
    ``cffi`` and a parser of C, for functions of C that are called from kernels. Call it before there are
    threads.
    """
    for unused, user in (
        ("scipy.linalg.cython_blas", "numba.np.arraymath"),
        ("cffi", "numba.core.typing.cffi_utils"),
    ):
        if unused not in sys.modules:
            with absent(unused):
                import_module(user)
