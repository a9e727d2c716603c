"""The one place where numba compiles: a typed decorator for kernels that run without the interpreter lock."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

import numba
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

_BLAS: Final = "scipy.linalg.cython_blas"


@contextmanager
def without_matrix_products() -> Iterator[None]:
    """Load compiled code sooner by a third, for a process whose kernels multiply no matrices, ever.

    With the first compiled code numba imports ``scipy.linalg``, for matrix products.
    """
    is_there = _BLAS in sys.modules
    if not is_there:
        sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if not is_there:
            del sys.modules[_BLAS]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function to machine code, kept on disk between runs, releasing the interpreter lock."""
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into the kernels that call it; for small ones in inner loops."""
    return cast("Callable[P, R]", numba.njit(inline="always")(function))


def _places(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Point to ``target[at]`` and ``source[start]`` of the arguments of a copy."""
    into, outof = (context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 2))
    return builder.gep(into.data, [arguments[1]]), builder.gep(outof.data, [arguments[3]])


def _copy_signature(target: numba.types.Array, source: numba.types.Array) -> Any:
    whole = numba.types.int64
    return numba.types.void(target, whole, source, whole, whole)


def _copy_bytes(
    _context: Any, target: numba.types.Array, _at: Any, source: numba.types.Array, _start: Any, _size: Any
) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, start = _places(context, builder, signature, arguments)
        cgutils.raw_memcpy(builder, to, start, arguments[4], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return _copy_signature(target, source), generate


copy_bytes = cast(
    "Callable[[NDArray[np.uint8], int, NDArray[np.uint8], int, int], None]", intrinsic(_copy_bytes)
)
"""Within a kernel: ``target[at : at + size] = source[start : start + size]`` by the machine's own copy.

A loop or a slice takes several times as long for pieces of a few dozen bytes. Nothing is checked.
"""


COPY_STEP: Final = 32


def _copy_steps(
    _context: Any, target: numba.types.Array, _at: Any, source: numba.types.Array, _start: Any, _size: Any
) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, start = _places(context, builder, signature, arguments)
        zero, step = (context.get_constant(numba.types.int64, number) for number in (0, COPY_STEP))
        with cgutils.for_range_slice(builder, zero, arguments[4], step) as (place, _):
            to_here, start_here = builder.gep(to, [place]), builder.gep(start, [place])
            cgutils.raw_memcpy(builder, to_here, start_here, step, 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return _copy_signature(target, source), generate


copy_steps = cast(
    "Callable[[NDArray[np.uint8], int, NDArray[np.uint8], int, int], None]", intrinsic(_copy_steps)
)
"""Within a kernel: as :data:`copy_bytes`, faster for short pieces, but in steps of :data:`COPY_STEP` bytes.

It reads and writes up to a step too many, for which both arrays must have room.
"""


def _load_word(_context: Any, source: numba.types.Array, _at: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = context.get_value_type(numba.types.uint64)
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), word.as_pointer())
        return builder.load(place, align=1)

    return numba.types.uint64(source, numba.types.int64), generate


load_word = cast("Callable[[NDArray[np.uint8], int], np.uint64]", intrinsic(_load_word))
"""Within a kernel: the eight bytes from a place on as one number. Nothing is checked."""


def _trailing_zeros(_context: Any, _number: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(numba.types.boolean, 1))

    return numba.types.int64(numba.types.uint64), generate


trailing_zeros = cast("Callable[[np.uint64], int]", intrinsic(_trailing_zeros))
"""Within a kernel: how many zero bits a number other than zero ends in."""
