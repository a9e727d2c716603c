"""Options of `etl batch`."""

from __future__ import annotations

import inspect
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Engines(StrEnum):
    """Who answers."""

    LOCAL = "local"
    MODEL = "model"


class Strategies(StrEnum):
    """How a job is gone about."""

    SEQUENTIAL = "sequential"
    BATCHED = "batched"
    CHECKPOINTS = "checkpoints"
    STAGED = "staged"


class Priorities(StrEnum):
    """Which open job goes first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Layouts(StrEnum):
    """What an export is made of."""

    FILE = "file"
    FOLDERS = "folders"


def parse_batch_size(text: str) -> int:
    """Read ``auto`` (0) or a number of items."""
    if text.strip().lower() == "auto":
        return 0
    if not text.strip().isdigit() or not 1 <= int(text) <= 1000:
        raise typer.BadParameter(f"`{text}` is not a batch size. Write `auto` or a number from 1 to 1000.")
    return int(text)


Source = Annotated[
    str | None,
    typer.Argument(
        help="A folder of samples, or a CSV or Parquet file of rows.", metavar="SOURCE", show_default=False
    ),
]
Sql = Annotated[str | None, typer.Option("--sql", help="Take the rows of this query of the store as items.")]
Pairs = Annotated[
    str | None,
    typer.Option(
        "--pairs", metavar="JOB", help="Take pairs of the items of this job: two that may go together.",
    ),
]  # fmt: skip
Name = Annotated[str | None, typer.Option("--name", help="Name of the job; default: that of the source.")]
Tasks = Annotated[
    str,
    typer.Option(
        "--tasks",
        help="Tasks in order, with commas: local, vibe, genre, groove, category, compatibility, pairs, "
        "or folders.",
    ),
]
Engine = Annotated[Engines, typer.Option("--engine", help="Whether a model is asked.")]
Model = Annotated[str | None, typer.Option("--model", help="Name of the model at its provider.")]
Filter = Annotated[
    str | None, typer.Option("--filter", help="Only files whose name fits this glob, e.g. '*.wav'.")
]
Where = Annotated[str | None, typer.Option("--where", help="Only items for which this SQL condition holds.")]
MinDuration = Annotated[
    float, typer.Option("--min-duration", min=0.0, help="Skip sounds shorter than N seconds.", metavar="N")
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        parser=parse_batch_size,
        metavar="N|auto",
        help="Items in a request; auto: as few as end within --days. Default: what the task says.",
        show_default=False,
    ),
]
Days = Annotated[int, typer.Option("--days", min=1, help="UTC days in which --batch-size auto should end.")]
Strategy = Annotated[
    Strategies | None,
    typer.Option(
        "--strategy", help="How to go about it; default: by the number of items.", show_default=False
    ),
]
Rpm = Annotated[
    float | None, typer.Option("--rpm", min=0.001, help="Requests a minute, evenly apart.", metavar="N")
]
PerDay = Annotated[int | None, typer.Option("--per-day", min=1, help="Requests a UTC day.", metavar="N")]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", min=0.0, help="Most that the job may cost, by the prices set.")
]
Overnight = Annotated[
    bool, typer.Option("--overnight", help="Spread the requests of a day over the whole day.")
]
Priority = Annotated[
    Priorities, typer.Option("--priority", help="Which open job `etl batch resume` takes first.")
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel-local", min=0, metavar="N", help="Processes for local work; default: by the strategy.",
        show_default=False,
    ),
]  # fmt: skip
Checkpoint = Annotated[
    int | None,
    typer.Option(
        "--checkpoint-interval", min=0, metavar="N", show_default=False,
        help="Merge results into the store every N items; default: by the strategy.",
    ),
]  # fmt: skip
Threshold = Annotated[
    float,
    typer.Option(
        "--error-threshold", min=0.0, max=1.0, help="Stop when this share of 20 or more items has failed."
    ),
]
Later = Annotated[
    bool,
    typer.Option(
        "--async", help="Hand requests over to the service's own batches, cheaper and within a day."
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait out rate limits and used-up days, and continue automatically.")
]
LogJson = Annotated[bool, typer.Option("--log-json", help="Show the state as JSON lines on standard output.")]
Job = Annotated[str | None, typer.Argument(help="Name of the job; not needed where there is one.")]

ITEMS: Final = {"source": (Source, None), "sql": (Sql, None), "pairs": (Pairs, None), "name": (Name, None)}
"""What the items are; options by the name of the parameter, with their defaults."""

ASKING: Final = {
    "model": (Model, None),
    "batch_size": (BatchSize, None),
    "per_minute": (Rpm, None),
    "per_day": (PerDay, None),
}
"""How the model is asked, as in :class:`etl.pipelines.batch.request.BatchOptions`."""

PLANNING: Final = {
    "pattern": (Filter, None),
    "days": (Days, 1),
    "strategy": (Strategy, None),
    "overnight": (Overnight, False),
}
"""Which items are meant, and how they are gone about."""

SPENDING: Final = {"max_cost": (MaxCost, None)}
"""Where a run ends at the latest."""

WORKING: Final = {
    "where": (Where, None),
    "min_duration_s": (MinDuration, 0.0),
    "engine": (Engine, Engines.MODEL),
    "priority": (Priority, Priorities.MEDIUM),
    "parallel_local": (Parallel, None),
    "checkpoint_interval": (Checkpoint, None),
    "error_threshold": (Threshold, 0.1),
    "later": (Later, False),
}
"""What only a run needs to know."""


def taking(
    *groups: Mapping[str, tuple[Any, Any]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of some groups before its own; it gets them as its first argument."""
    shared = {name: each for group in groups for name, each in group.items()}

    def made(command: Callable[..., None]) -> Callable[..., None]:
        kinds = get_type_hints(command, include_extras=True)
        own = list(inspect.signature(command).parameters.values())[1:]

        def called(**given: Any) -> None:
            command({name: given.pop(name) for name in shared}, **given)

        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in shared.items()
        ]
        parameters += [each.replace(kind=each.KEYWORD_ONLY, annotation=kinds[each.name]) for each in own]
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return called

    return made
