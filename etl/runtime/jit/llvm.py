"""Instructions that LLVM knows and numba does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic

from etl.runtime.jit.plain import COPY_STEP, LANES

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


_LANES = ir.VectorType(ir.FloatType(), LANES)
_ANY = ir.Constant(_LANES, ir.Undefined)
_FIRST = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


def _path_step(
    _context: Any,
    sums: numba.types.Array,
    _row: Any,
    _before: Any,
    _high: Any,
    _change: Any,
    _base: Any,
    terms: numba.types.Array,
    _places: Any,
    highest: numba.types.Array,
) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, before, high, change, base = arguments[1:6]

        def lanes(array: int, place: Any = None) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            start = data if place is None else builder.gep(data, [place])
            return builder.bitcast(start, _LANES.as_pointer())

        def load(array: int, place: Any = None) -> Any:
            return builder.load(lanes(array, place), align=4)

        def spread(value: Any) -> Any:
            one = builder.insert_element(_ANY, value, ir.IntType(32)(0))
            return builder.shuffle_vector(one, _ANY, _FIRST)

        def higher(left: Any, right: Any) -> Any:
            return builder.select(builder.fcmp_ordered("<", left, right), right, left)

        held = higher(builder.fsub(load(0, before), spread(high)), spread(change))
        score = spread(base)
        for place in cgutils.unpack_tuple(builder, arguments[7]):  # type: ignore[no-untyped-call]
            score = builder.fadd(score, load(6, place))
        score = builder.fadd(score, held)
        builder.store(score, lanes(0, row), align=4)
        builder.store(higher(load(8), score), lanes(8), align=4)
        return context.get_dummy_value()

    place, number = numba.types.int64, numba.types.float32
    four: Any = numba.types.UniTuple(place, 4)  # type: ignore[no-untyped-call]
    return numba.types.void(sums, place, place, number, number, number, terms, four, highest), generate


path_step = intrinsic(_path_step)
