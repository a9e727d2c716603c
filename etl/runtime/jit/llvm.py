"""Instructions that LLVM knows and numba does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic

from etl.runtime.jit.plain import COPY_STEP, LANES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


def _places_of_lanes(places: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(32), LANES), places)


def _lanes(context: Any, builder: Any, array: Any, value: Any, place: Any) -> Any:
    """Point to the numbers of an array from a place on, as one register."""
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [place]), _LANES.as_pointer())


def _higher(builder: Any, left: Any, right: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", left, right), right, left)


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
) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, before, high, change, base = arguments[1:6]

        def lanes(array: int, place: Any) -> Any:
            return _lanes(context, builder, signature.args[array], arguments[array], place)

        def spread(value: Any) -> Any:
            one = builder.insert_element(_ANY, value, ir.IntType(32)(0))
            return builder.shuffle_vector(one, _ANY, _places_of_lanes([0] * LANES))

        held = builder.fsub(builder.load(lanes(0, before), align=4), spread(high))
        score = spread(base)
        for place in cgutils.unpack_tuple(builder, arguments[7]):  # type: ignore[no-untyped-call]
            score = builder.fadd(score, builder.load(lanes(6, place), align=4))
        score = builder.fadd(score, _higher(builder, held, spread(change)))
        builder.store(score, lanes(0, row), align=4)
        return context.get_dummy_value()

    place, number = numba.types.int64, numba.types.float32
    four: Any = numba.types.UniTuple(place, 4)  # type: ignore[no-untyped-call]
    return numba.types.void(sums, place, place, number, number, number, terms, four), generate


path_step = intrinsic(_path_step)


def _highest(
    _context: Any, sums: numba.types.Array, _start: Any, _stop: Any
) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, stop = arguments[1:]

        def load(place: Any) -> Any:
            return builder.load(_lanes(context, builder, signature.args[0], arguments[0], place), align=4)

        found = cgutils.alloca_once_value(builder, load(start))  # type: ignore[no-untyped-call]
        step = context.get_constant(numba.types.int64, LANES)
        with cgutils.for_range_slice(builder, builder.add(start, step), stop, step) as (place, _):
            builder.store(_higher(builder, builder.load(found), load(place)), found)
        lanes = builder.load(found)
        for apart in (8, 4, 2, 1):
            rotated = _places_of_lanes([(lane + apart) % LANES for lane in range(LANES)])
            others = builder.shuffle_vector(lanes, _ANY, rotated)
            lanes = _higher(builder, lanes, others)
        return builder.extract_element(lanes, ir.IntType(32)(0))

    place = numba.types.int64
    return numba.types.float32(sums, place, place), generate


highest = intrinsic(_highest)
