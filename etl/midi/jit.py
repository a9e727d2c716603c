"""The one place where numba compiles: a typed decorator for kernels that run without the interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function to machine code, kept on disk between runs, releasing the interpreter lock."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))
