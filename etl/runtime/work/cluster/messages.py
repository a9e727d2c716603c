"""What goes between the driver, a Dask worker and the host of processes beside it; all of it is pickled.

The Dask worker passes bytes on: it reads no item and no result, and loads nothing that does the work.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from etl.runtime.work.outcome import Outcome, Problem, ProblemKind, failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etl.runtime.work.cluster.same_file import KnownFile


@dataclass(frozen=True)
class HostOrders:
    """What the host of processes on a worker's machine keeps to.

    Attributes
    ----------
    crew_id
        For whom it works; every crew has hosts of its own.
    preload, look_seconds, start_seconds, trim_seconds
        As for a crew on one machine.
    versions_of
        ``package.module:function`` that names the versions which results depend on.
    versions
        Those of the driver.
    idle_seconds
        It ends when there has been nothing to do for so long, as after the driver was killed.
    """

    crew_id: str
    preload: tuple[str, ...]
    look_seconds: float
    start_seconds: float
    trim_seconds: float
    versions_of: str
    versions: dict[str, str]
    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that go to a worker together.

    Attributes
    ----------
    items
        As the driver knows them.
    pickled
        Each as the worker is to know it.
    files
        Files that must be the same there.
    unsent
        What became of those that cannot be pickled, by number.
    """

    items: tuple[Any, ...]
    pickled: tuple[bytes, ...]
    files: tuple[KnownFile, ...] = ()
    unsent: Mapping[int, Outcome[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch on a worker.

    Attributes
    ----------
    outcomes
        Each pickled, with the number of its item if that is whole, or None: a piece comes with its outcome.
    error
        Why nothing was done, or None.
    """

    outcomes: tuple[tuple[int | None, bytes], ...] = ()
    error: BaseException | None = None


def packed(items: Sequence[Any], outcomes: Sequence[Outcome[Any, Any]]) -> Answer:
    """Pack outcomes of items for the way home; items that are known there stay."""
    numbers = {id(item): number for number, item in enumerate(items)}
    told = []
    for outcome in outcomes:
        number = numbers.get(id(outcome.item))
        kept = outcome if number is None else replace(outcome, item=None)
        told.append((number, pickle.dumps(kept, pickle.HIGHEST_PROTOCOL)))
    return Answer(tuple(told))


def unpacked(batch: Batch, answer: Answer) -> list[Outcome[Any, Any]]:
    """Give the outcomes of a batch."""
    outcomes = []
    for number, pickled in answer.outcomes:
        if number is not None and number in batch.unsent:
            outcomes.append(batch.unsent[number])
            continue
        item = None if number is None else batch.items[number]
        try:
            outcome: Outcome[Any, Any] = pickle.loads(pickled)  # noqa: S301 - of our own workers
        except Exception as error:  # noqa: BLE001 - a result that cannot be read is one that failed
            outcomes.append(failed(item, error))
        else:
            outcomes.append(outcome if number is None else replace(outcome, item=item))
    return outcomes


def lost(batch: Batch, text: str) -> list[Outcome[Any, Any]]:
    """Give the outcomes of a batch whose workers were lost, again and again."""
    return [Outcome(item, problem=Problem(ProblemKind.CRASH, text)) for item in batch.items]
