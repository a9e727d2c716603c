"""Values of parameters as they are: to import pydantic takes as long as the rest of a short command.

typer has pydantic convert every value, also the defaults, and texts to texts. Here it is asked only where
there is something to check, or something is wrong: fractions, choices, numbers out of range.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Callable

_UNKNOWN: Final = object()
_DIGITS: Final = re.compile("[0-9]{1,9}")


def convert_without_pydantic() -> None:
    """Have typer ask pydantic only where it must; nothing where this typer has no such place."""
    try:
        core: Any = import_module("typer.core")
        build = core.build_runtime_param
    except (ImportError, AttributeError):
        return
    core.build_runtime_param = lambda descriptor: _Parameter(descriptor, build)


class _Parameter:
    """How the values of one parameter are converted.

    Parameters
    ----------
    descriptor
        What typer knows of the parameter.
    build
        Gives what has pydantic convert it.
    """

    def __init__(self, descriptor: Any, build: Callable[[Any], Any]) -> None:
        self._descriptor = descriptor
        self._build = build

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Convert a value, as typer's own does."""
        is_parsed = value is not None and self._descriptor.parameter_info.parser is not None
        as_it_is = _UNKNOWN if is_parsed else self._plain(value, param)
        if as_it_is is not _UNKNOWN:
            return as_it_is
        return self._build(self._descriptor).coerce(value, param=param, ctx=ctx)

    def _plain(self, value: Any, param: Any) -> Any:
        kind = self._descriptor.annotation
        if not (param.multiple or param.nargs == -1):
            return None if value is None else self._plain_one(value, kind)
        if not value:
            return () if value is None else _UNKNOWN
        if get_origin(kind) is not list or not isinstance(value, list | tuple):
            return _UNKNOWN
        values = [self._plain_one(each, get_args(kind)[0]) for each in value]
        return _UNKNOWN if any(each is _UNKNOWN for each in values) else values

    def _plain_one(self, value: Any, kind: Any) -> Any:
        """Convert where there is nothing to check: a default, a text, a few digits, a path."""
        info = self._descriptor.parameter_info
        if kind is int and isinstance(value, str) and _DIGITS.fullmatch(value) and not info.clamp:
            number = int(value)
            fits = (info.min is None or number >= info.min) and (info.max is None or number <= info.max)
            return number if fits else _UNKNOWN
        if kind is Path:
            asked = info.exists or info.writable or info.resolve_path or info.path_type
            if asked or not (info.file_okay and info.dir_okay and isinstance(value, str | Path)):
                return _UNKNOWN
            path = Path(value)
            is_fine = os.access(path, os.R_OK) or not os.access(path, os.F_OK)
            return path if is_fine else _UNKNOWN
        return value if isinstance(kind, type) and isinstance(value, kind) else _UNKNOWN
