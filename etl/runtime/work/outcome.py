"""What becomes of one piece of work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Callable

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOST_HINT: Final = "What was finished is kept. Run the same command to continue."


class ProblemKind(StrEnum):
    """Why an item has no result."""

    ERROR = "error"
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an item has no result.

    Attributes
    ----------
    kind
        An exception of the job, or how its process was lost.
    text
        The own words of an `EtlError`; any other exception by type and text; else what happened.
    """

    kind: ProblemKind
    text: str

    @property
    def is_lost(self) -> bool:
        """Whether it cost the process, which another time may go well."""
        return self.kind is not ProblemKind.ERROR


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Result]):
    """What became of one item.

    Attributes
    ----------
    item
        The item.
    result
        What the job returned, or None.
    problem
        Why there is no result, or None.
    error
        The exception of the job, for `unwrap`; one that cannot be sent between processes comes as a
        ``RuntimeError`` that quotes it.
    seconds
        How long it took.
    peak_bytes
        Largest memory seen of the process that did it, so far; 0 if it has none of its own.
    """

    item: Item
    result: Result | None = None
    problem: Problem | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    peak_bytes: int = 0

    def unwrap(self) -> Result:
        """Give the result.

        Raises
        ------
        BaseException
            The job's own exception, whatever it is.
        EtlError
            If the process was lost.
        """
        if self.error is not None:
            raise self.error
        if self.problem is not None:
            raise EtlError(f"{self.problem.text}.", _LOST_HINT)
        return cast("Result", self.result)


def attempt(call: Callable[[Item], Result], item: Item) -> Outcome[Item, Result]:
    """Do one piece of work here and now.

    Interruptions and ``SystemExit`` are raised; everything else is an outcome, also what native code raises
    past ``Exception`` when it panics.
    """
    start = time.perf_counter()
    try:
        result = call(item)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever one item raises is about that item
        return failed(item, error, time.perf_counter() - start)
    return Outcome(item, result, seconds=time.perf_counter() - start)


def failed(item: Item, error: BaseException, seconds: float = 0.0) -> Outcome[Item, Any]:
    """Give the outcome of an item whose job raised."""
    text = str(error) if isinstance(error, EtlError) else f"{type(error).__name__}: {error}"
    return Outcome(item, problem=Problem(ProblemKind.ERROR, text), error=error, seconds=seconds)
