"""librosa as it is written: what it would compile runs as plain Python, so that no test waits for that.

librosa compiles fifty versions of two dozen functions when it is first imported, for 15 seconds in each
process, and keeps only some. `python -m tests.support.plain_librosa` compares what runs here with those.
"""

from __future__ import annotations

import importlib
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = ("util", "core", "filters", "feature", "onset", "sequence", "beat")


def _as_written(*given: Any, **_options: Any) -> Any:
    """Leave a function as it is, in place of `jit` and `vectorize`, with arguments or without."""
    return given[0] if given and callable(given[0]) else lambda function: function


def _zero_crossings(x: Any, threshold: Any, zero_pos: Any) -> Any:
    values = np.where(np.abs(x) <= threshold, np.zeros_like(x), x)
    kind = np.signbit if zero_pos else np.sign
    found = np.zeros(len(x), np.bool_)
    found[1:] = kind(values[1:]) != kind(values[:-1])
    return found


def _parabolic(x: Any) -> Any:
    shifts = np.zeros_like(x)
    curve = x[2:] + x[:-2] - 2 * x[1:-1]
    slope = (x[2:] - x[:-2]) / 2
    np.divide(-slope, curve, out=shifts[1:-1], where=np.abs(slope) < np.abs(curve))
    return shifts


_BRANCHING: dict[str, Callable[..., Any]] = {"_zc_stencil": _zero_crossings, "_pi_stencil": _parabolic}


class _Neighbours:
    """All inner values at once: ``[-1]`` is what lies before each, ``[1]`` what follows."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __getitem__(self, offset: int) -> Any:
        return self._values[1 + offset : len(self._values) - 1 + offset]


def _stencil(function: Callable[..., Any]) -> Callable[..., Any]:
    def applied(values: Any) -> Any:
        found = np.zeros(len(values), np.bool_)
        found[1:-1] = function(_Neighbours(values))
        return found

    return _BRANCHING.get(function.__name__, applied)


def _range(*bounds: float) -> range:
    """Count between whole numbers that may be floats, as compiled code does."""
    return range(*map(int, bounds))


def _guvectorize(signatures: list[str], layout: str, **_options: Any) -> Any:
    """Allocate what a function writes into, of the types of the signature for its first array, and loop."""
    taken, given = (side[1:-1].split("),(") for side in layout.split("->"))

    def decorate(function: Any) -> Any:
        def call_one(*arrays: Any) -> Any:
            kind = np.result_type(*[array for array in arrays if np.ndim(array) and array.dtype.kind != "b"])
            fits = [each for each in signatures if each.startswith(f"void({kind}[")] or signatures[-1:]
            types = [name.strip("[:]_") for name in fits[0][len("void(") : -1].split(", ")][-len(given) :]
            outputs = [
                np.zeros(len(arrays[0]) if axis else 1, name) for axis, name in zip(given, types, strict=True)
            ]
            names = {**function.__globals__, "range": _range}
            FunctionType(function.__code__, names)(*arrays, *outputs)
            found = [output if axis else output[0] for output, axis in zip(outputs, given, strict=True)]
            return found[0] if len(found) == 1 else tuple(found)

        def call(*arrays: Any) -> Any:
            found = np.vectorize(call_one, signature=layout)(*arrays[: len(taken)])
            for place in arrays[len(taken) :]:
                place[...] = found
            return found

        return call

    return decorate


def load(**replaced: Any) -> Any:
    """Import librosa afresh, with all modules that compile, while numba is changed like this."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "librosa"]:
        del sys.modules[name]
    with patch.multiple(numba, **replaced):
        package = importlib.import_module("librosa")
        for module in (getattr(package, name) for name in _MODULES):
            for name in dir(module):
                getattr(module, name)  # which imports it
    return package


librosa: Any = load(jit=_as_written, vectorize=_as_written, stencil=_stencil, guvectorize=_guvectorize)


def main() -> None:
    """Print how far what runs as Python is from what librosa compiles, for music and for random onsets."""
    from tests.support.audio_pieces import compose, render

    compiled = load(jit=numba.jit)
    sound = render(compose("rock", 126.3, 9, minor=True, seconds=33.0, seed=5))
    random = np.random.default_rng(1)
    onsets = [np.maximum(0, random.normal(size=frames)).astype(np.float32) for frames in range(3, 2500, 25)]
    calls: dict[str, Callable[[Any], Any]] = {
        "chroma_stft": lambda which: which.feature.chroma_stft(y=sound),
        "chroma_cqt": lambda which: which.feature.chroma_cqt(y=sound),
        "zero_crossing_rate": lambda which: which.feature.zero_crossing_rate(y=sound),
        "localmin": lambda which: which.util.localmin(sound),
        "beat_track": lambda which: which.beat.beat_track(y=sound)[1],
        "beat_track, onsets": lambda which: np.concatenate(
            [which.beat.beat_track(onset_envelope=each, bpm=each[0] * 80 + 40)[1] for each in onsets]
        ),
    }
    for name, call in calls.items():
        print(name, np.abs(call(librosa).astype(float) - call(compiled)).max())


if __name__ == "__main__":
    main()
