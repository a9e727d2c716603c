"""Instructions that LLVM knows and numba does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
from numba.core import cgutils
from numba.extending import intrinsic

from etl.runtime.jit.plain import COPY_STEP

if TYPE_CHECKING:
    from collections.abc import Callable


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


copy_bytes = intrinsic(_copy_bytes)


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


copy_steps = intrinsic(_copy_steps)


def _load_word(_context: Any, source: numba.types.Array, _at: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = context.get_value_type(numba.types.uint64)
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), word.as_pointer())
        return builder.load(place, align=1)

    return numba.types.uint64(source, numba.types.int64), generate


load_word = intrinsic(_load_word)


def _trailing_zeros(_context: Any, _number: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(numba.types.boolean, 1))

    return numba.types.int64(numba.types.uint64), generate


trailing_zeros = intrinsic(_trailing_zeros)
