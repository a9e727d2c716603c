"""What is ahead of a job: items, requests, tokens, time and cost at the limits that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.batch.plan import (
    APPROACHES,
    Pace,
    Strategy,
    fewest_together,
    shared_out,
    strategy_for,
)
from etl.batch.questions import messages, most_tokens, tokens_of
from etl.pipelines.batch.facts import Facts, Item
from etl.pipelines.batch.request import Engine
from etl.services.politeness.rates import Permits
from etl.store.batch_jobs import open_items

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from etl.batch.task import Task
    from etl.pipelines.batch.request import BatchOptions
    from etl.runtime.clock import Clock
    from etl.services.chat import Chat
    from etl.services.chat_settings import ChatSettings
    from etl.store.batch_jobs import BatchStage

_LOOKED_AT = 20  # requests whose tokens stand for all others


@dataclass(frozen=True)
class StagePlan:
    """What a stage of the model takes.

    Attributes
    ----------
    task
        Its task.
    items, per_call, calls
        Items still to ask about, how many go together at most, and so the requests, if none fails.
    tokens
        Tokens of questions, and of answers at most.
    cost
        None where no prices are set.
    under_way
        Contents that have been handed over, by this job or another, and are not answered yet; none of
        ``items``.
    first
        Names of the items of the first requests.
    """

    task: str
    items: int
    per_call: int
    calls: int
    tokens: int
    cost: float | None
    under_way: int = 0
    first: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class BatchPlan:
    """What is ahead.

    Attributes
    ----------
    job, strategy
        Its name, and how it is gone about.
    items, skipped
        Items of the job, and those of them that are not worked on.
    to_measure
        Files that have not been read yet; those that turn out to be corrupt, too short or not meant need no
        request.
    stages
        Of the model; empty where none is asked.
    pace
        The limits.
    """

    job: str
    strategy: Strategy
    items: int
    skipped: int
    to_measure: int
    stages: tuple[StagePlan, ...]
    pace: Pace

    @property
    def calls(self) -> int:
        """Requests of all stages."""
        return sum(stage.calls for stage in self.stages)

    @property
    def seconds(self) -> float:
        """From now until the last request is sent."""
        return self.pace.seconds(self.calls)

    @property
    def days(self) -> int:
        """UTC days on which requests are sent."""
        return self.pace.days(self.calls)

    @property
    def cost(self) -> float | None:
        """Of all stages, None where no prices are set."""
        costs = [stage.cost for stage in self.stages if stage.cost is not None]
        return sum(costs) if costs else None


def pace_of(chat: Chat, limits_file: Path | None, clock: Clock) -> Pace:
    """Give the limits as they are now."""
    sent = 0
    if limits_file is not None and limits_file.exists():
        with Permits(limits_file, chat, clock=clock) as permits:
            sent = permits.sent_utc_day()
    return Pace(chat.rates.interval, chat.rates.per_day, sent, clock.time())


def strategy_of(options: BatchOptions, count: int) -> Strategy:
    """Give the strategy that was asked for, else the one for so many items."""
    return options.strategy or strategy_for(count)


def portions_of(
    connection: duckdb.DuckDBPyConnection, job: str, stage: BatchStage, *, with_answers: bool
) -> list[Item]:
    """Read the items that are open in a stage, with their facts."""
    facts = Facts(connection, job, with_answers=with_answers)
    pending = open_items(connection, job, stage).select("item", "content_hash", "fields")
    return [
        Item(item, content_hash, facts.of(item, content_hash, fields))
        for item, content_hash, fields in pending.iter_rows()
    ]


def per_call(task: Task, options: BatchOptions, count: int, pace: Pace) -> int:
    """Say how many items go together."""
    if options.batch_size is None:
        return task.items_per_call
    if options.batch_size:
        return options.batch_size
    return fewest_together(count, options.days, pace, usual=task.items_per_call)


def shared(items: Sequence[Item], most: int, strategy: Strategy) -> list[list[Item]]:
    """Share items out among requests, as the strategy has it."""
    group = (lambda item: item.group) if APPROACHES[strategy].by_category else None
    return shared_out(items, most, group)


def plan_stage(
    items: Sequence[Item],
    stage: BatchStage,
    task: Task,
    options: BatchOptions,
    *,
    strategy: Strategy,
    pace: Pace,
    settings: ChatSettings,
    shown: int = 0,
    under_way: int = 0,
) -> StagePlan:
    """Plan a stage of the model; ``shown`` of the first requests are told, ``under_way`` are not asked."""
    most = per_call(task, options, len(items), pace)
    parts = shared(items, most, strategy)
    looked_at = parts[:: max(1, len(parts) // _LOOKED_AT)]
    asked = sum(tokens_of(messages(task, [item.facts for item in part])) for part in looked_at)
    mean = asked / len(looked_at) if looked_at else 0.0
    prompt, answer = round(mean * len(parts)), sum(most_tokens(task, len(part)) for part in parts)
    return StagePlan(
        task=stage.task,
        items=len(items),
        per_call=most,
        calls=len(parts),
        tokens=prompt + answer,
        cost=settings.price(prompt, answer),
        under_way=under_way,
        first=tuple(tuple(item.name for item in part) for part in parts[:shown]),
    )


def asked_stages(stages: Sequence[BatchStage]) -> list[BatchStage]:
    """Give the stages of the model."""
    return [stage for stage in stages if stage.engine == Engine.MODEL]
