"""What a batch job is asked to do, and how that is kept for `etl batch resume`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from etl.batch.plan import Strategy
from etl.runtime.clock import CLOCK, Clock
from etl.runtime.limits import LIMITS, Limits
from etl.services.settings import limits_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCAL: Final = "local"
"""The task that measures files; every job of files has it."""

CATEGORY: Final = "category"
"""The task that the words of a name answer."""


PAIRS: Final = "pairs"
"""The task that asks of two items whether they go together."""


class Engine(StrEnum):
    """Who answers."""

    LOCAL = "local"
    MODEL = "model"


class Kind(StrEnum):
    """What the items of a job are."""

    FILES = "files"
    ROWS = "rows"
    QUERY = "query"


class Priority(StrEnum):
    """Which of several open jobs goes first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class BatchOptions:
    """How a job is gone about; kept with it.

    Attributes
    ----------
    tasks
        Tasks in order: names of shipped ones, or folders.
    engine
        Whether a model is asked.
    pattern
        Names of files that are meant, as a glob; None for all.
    where
        SQL condition on the items, None for all.
    min_duration_s
        Shorter sounds are skipped.
    batch_size
        Items in a request; 0 for as few as end within ``days``, None for what each task says.
    days
        UTC days in which it should end, with ``batch_size`` 0.
    strategy
        None to go by the number of items.
    priority
        Among several open jobs.
    parallel_local
        Processes for local work; 0 for none, None to go by the strategy.
    checkpoint_interval
        Items after which results are merged into the store; None to go by the strategy.
    error_threshold
        Share of failed items at which the run stops, once twenty are done.
    max_cost
        Most that the job may cost, in the currency of the prices; None for no bound.
    later
        Hand requests over to the service's batches, and collect the answers when they are done.
    model, per_minute, per_day, overnight
        As in :class:`etl.services.chat_settings.ChatSettings`; None for what is set there.
    """

    tasks: tuple[str, ...] = (LOCAL,)
    engine: Engine = Engine.MODEL
    pattern: str | None = None
    where: str | None = None
    min_duration_s: float = 0.0
    batch_size: int | None = None
    days: int = 1
    strategy: Strategy | None = None
    priority: Priority = Priority.MEDIUM
    parallel_local: int | None = None
    checkpoint_interval: int | None = None
    error_threshold: float = 0.1
    max_cost: float | None = None
    later: bool = False
    model: str | None = None
    per_minute: float | None = None
    per_day: int | None = None
    overnight: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Give them as JSON values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> BatchOptions:
        """Read what :meth:`as_json` gave; options that a later version had are left out."""
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in kept.items() if name in known}
        values["tasks"] = tuple(values.get("tasks", (LOCAL,)))
        for name, kind in (("engine", Engine), ("priority", Priority), ("strategy", Strategy)):
            if values.get(name) is not None:
                values[name] = kind(values[name])
        return cls(**values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class BatchRequest:
    """What to do.

    Attributes
    ----------
    database
        The store.
    job
        Its name.
    kind, source
        What its items are, and where they come from: a folder or a file, or SQL.
    options
        How.
    command
        The command line that goes on with the work; told to the user when the service is parked.
    wait
        Sleep while the service is parked and go on, in place of ending.
    hidden
        Columns of a table that are not part of its items: what is to be found out.
    is_resumed
        Whether the items are those of the store, and the source is not looked through again.
    limits_file
        Record of the requests of all runs, whichever their store.
    limits
        How often the store is written.
    clock
        By which limits go.
    """

    database: Path
    job: str
    kind: Kind
    source: str
    options: BatchOptions
    command: str = "etl batch resume"
    wait: bool = False
    hidden: tuple[str, ...] = ()
    is_resumed: bool = False
    limits_file: Path = field(default_factory=limits_path)
    limits: Limits = LIMITS
    clock: Clock = CLOCK
