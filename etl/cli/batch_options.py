"""Options of `etl batch`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


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
        help="A folder of samples, or a CSV or Parquet file of rows.", metavar="[SOURCE]", show_default=False
    ),
]
Sql = Annotated[str | None, typer.Option("--sql", help="Take the rows of this query of the store as items.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the job; default: that of the source.")]
Tasks = Annotated[
    str,
    typer.Option(
        "--tasks",
        help="Tasks in order, with commas: local, vibe, genre, groove, category, compatibility, or folders.",
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
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait out rate limits and used-up days, and continue automatically.")
]
LogJson = Annotated[bool, typer.Option("--log-json", help="Show the state as JSON lines on standard output.")]
Job = Annotated[str | None, typer.Argument(help="Name of the job; not needed where there is one.")]
