"""Writes to the store as data, so that they can wait: which function, with which frames and values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import duckdb
    import polars as pl


@dataclass(frozen=True)
class Write:
    """One write, applied by calling it with a connection.

    Parameters
    ----------
    function
        ``module:function`` of this package; it is called with the connection, the frames and the values,
        within a transaction.
    frames
        Frames by name.
    values
        JSON values by name. They are as JSON gives them back: tuples become lists.
    adds_up
        Whether several such writes in a row may as well be written as one: their frames, and the lists among
        their values, one after the other.

    Raises
    ------
    ValueError
        If there is no such function.
    TypeError
        If the values are not JSON.
    """

    function: str
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    adds_up: bool = False

    def __post_init__(self) -> None:
        _find(self.function)
        object.__setattr__(self, "values", json.loads(json.dumps(self.values)))

    def __call__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write."""
        _find(self.function)(connection, self.frames, self.values)


def joined(writes: Iterable[Write]) -> list[Write]:
    """Make one of neighboring writes that add up."""
    together: list[Write] = []
    for (function, adds_up, _), group in groupby(writes, key=_kind):
        alike = list(group)
        if adds_up and len(alike) > 1:
            frames = {}
            if alike[0].frames:
                import polars as pl  # noqa: PLC0415 - a run that changes nothing has no frames

                frames = {name: pl.concat(write.frames[name] for write in alike) for name in alike[0].frames}
            values = {
                name: [row for write in alike for row in write.values[name]]
                if isinstance(value, list)
                else value
                for name, value in alike[0].values.items()
            }
            alike = [Write(function, frames, values, adds_up=True)]
        together += alike
    return together


def _kind(write: Write) -> tuple[str, bool, Mapping[str, Any]]:
    """Give what writes have in common that may be written as one."""
    values = write.values
    if write.adds_up:
        values = {name: None if isinstance(value, list) else value for name, value in values.items()}
    return write.function, write.adds_up, values


def _find(function: str) -> Callable[..., None]:
    module, _, name = function.partition(":")
    if not module.startswith("etl."):  # what waits in a file must not be able to call anything else
        raise ValueError(f"{function} is not a function of this package")
    try:
        found: Callable[..., None] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no function {function}") from error
    return found
