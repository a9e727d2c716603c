"""What a compiled function is made of: its code, and every function and constant of ours that it names."""

from __future__ import annotations

import hashlib
from types import CodeType, FunctionType
from typing import Any, Final

import numpy as np

_PACKAGE: Final = __name__.partition(".")[0]


def source_sum(function: Any) -> bytes:
    """Sum up all that goes into the machine code of a function.

    Parameters
    ----------
    function
        A kernel, an intrinsic or a plain function.

    Returns
    -------
    bytes
        32 of them; others after any change of the function, of one that it calls, or of a constant in them.
    """
    digest = hashlib.sha256()
    _add(digest, function, set())
    return digest.digest()


def _add(digest: Any, value: Any, seen: set[int]) -> None:
    # A kernel keeps its function as py_func, an intrinsic as _defn.
    plain = getattr(value, "py_func", None) or getattr(value, "_defn", None) or value
    if isinstance(plain, FunctionType):
        if plain.__module__.partition(".")[0] != _PACKAGE or id(plain) in seen:
            return
        seen.add(id(plain))
        digest.update(repr(getattr(value, "compiled_with", None)).encode())
        _add_code(digest, plain.__code__, _names(plain), seen)
    elif isinstance(value, np.ndarray):
        digest.update(repr((value.dtype, value.shape)).encode() + value.tobytes())
    elif isinstance(value, (int, float, str, bytes, tuple, np.generic)):
        digest.update(repr(value).encode())


def _names(function: FunctionType) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return function.__globals__ | {name: cell.cell_contents for name, cell in cells}


def _add_code(digest: Any, code: CodeType, names: dict[str, Any], seen: set[int]) -> None:
    digest.update(code.co_code + repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant, names, seen)
        elif isinstance(constant, frozenset):
            digest.update(repr(sorted(map(repr, constant))).encode())
        else:
            digest.update(repr(constant).encode())
    for name in (*code.co_names, *code.co_freevars):
        if name in names:
            digest.update(name.encode())
            _add(digest, names[name], seen)
