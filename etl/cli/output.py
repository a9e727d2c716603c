"""What a command found, said in one of two ways: as text for people, or as one JSON document for programs."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from numbers import Number
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

# Names of files that are in no encoding; JSON has escapes for them, UTF-8 has nothing.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def show(result: Result, text: Callable[[Result], str], *, as_json: bool, aside: bool = False) -> None:
    """Print a result on standard output.

    Parameters
    ----------
    result
        A dataclass, a polars frame or a list of them; see :func:`plain`.
    text
        Words the result for people.
    as_json
        Print JSON instead.
    aside
        Print on standard error: a file goes to standard output.
    """
    typer.echo(json_document(result).encode() if as_json else text(result), err=aside)


def json_document(result: object) -> str:
    """Write a result as JSON: UTF-8, dates in ISO 8601, paths as text, NaN and infinity as null."""
    import json  # `--help` starts sooner without

    text = json.dumps(plain(result), ensure_ascii=False, indent=1, allow_nan=False)
    return _SURROGATE.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def plain(value: object) -> Any:  # noqa: C901, PLR0911 - one for each kind of value
    """Turn a result into what JSON has: objects, arrays, texts, numbers, true, false and null.

    A dataclass gives its public fields and properties, save those that its ``repr`` leaves out; a frame gives
    an array of rows.

    Raises
    ------
    TypeError
        If a value is of a kind that has no agreed form.

    Examples
    --------
    >>> plain({"songs": (1, float("nan")), "day": date(2000, 1, 2)})
    {'songs': [1, None], 'day': '2000-01-02'}
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Number):  # a float or a Decimal, whose module `etl --help` need not import
        return _number(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if hasattr(value, "as_json"):  # the state of a run, as `--log-json` shows it
        return value.as_json()
    if is_dataclass(value):
        return {name: plain(getattr(value, name)) for name in _public_names(value)}
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "to_dicts"):  # a polars frame; most commands run without polars
        return plain(value.to_dicts())
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _number(value: Any) -> float | None:
    """Give a number as JSON can hold it; whole decimals, which sums of whole numbers are, stay whole."""
    if not math.isfinite(value):
        return None
    return int(value) if not isinstance(value, float) and value == int(value) else float(value)


def _public_names(value: Any) -> list[str]:
    names = [field.name for field in fields(value) if field.repr]
    names += [
        name
        for kind in reversed(type(value).__mro__)
        for name, member in vars(kind).items()
        if isinstance(member, property)
    ]
    return [name for name in names if not name.startswith("_")]
