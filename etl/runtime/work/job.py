"""A job: a function by its dotted name, so that who sends work imports nothing that does it."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class StoppedError(Exception):
    """The work is not wanted any more."""


@dataclass(frozen=True)
class Job:
    """What is to be done with each item.

    Attributes
    ----------
    name
        ``package.module:function``; it takes an item, and ``shared`` if that is given.
    shared
        Handed once to each process, not with each item.
    seconds, memory
        The most that an item may take in a process of its own, or None; memory in bytes.
    divide
        Cuts an item that cost its process into pieces, which are then tried one at a time.
    """

    name: str
    shared: Any = None
    seconds: float | None = None
    memory: int | None = None
    divide: Callable[[Any], Sequence[Any]] | None = None

    @cached_property
    def call(self) -> Callable[[Any], Any]:
        """The function, ready for items."""
        return find_call(self.name, self.shared)

    @cached_property
    def briefing(self) -> bytes:
        """What a process must be told to do the job: name and shared object."""
        return pickle.dumps((self.name, self.shared), pickle.HIGHEST_PROTOCOL)

    @cached_property
    def pickled(self) -> bytes:
        """All of it, for another machine."""
        return pickle.dumps(replace(self), pickle.HIGHEST_PROTOCOL)  # without what is worked out here


def find_call(name: str, shared: Any) -> Callable[[Any], Any]:
    """Import a job.

    Parameters
    ----------
    name
        ``package.module:function``.
    shared
        Its second argument, or None for none.

    Raises
    ------
    ImportError, AttributeError
        If there is no such function.
    """
    call = find_function(name)
    return call if shared is None else partial(_shared_call, call, shared)


def find_function(name: str) -> Callable[..., Any]:
    """Import a function; ``name`` and errors as of `find_call`."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _shared_call(call: Callable[[Any, Any], Any], shared: Any, item: Any) -> Any:
    return call(item, shared)
