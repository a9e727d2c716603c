"""What a job takes, before it is begun or while it is open; nothing is sent and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.batch.plan import Pace
from etl.pipelines.batch.facts import Facts, Item
from etl.pipelines.batch.find_items import READY, found_items
from etl.pipelines.batch.plan import BatchPlan, asked_stages, pace_of, plan_stage, strategy_of
from etl.pipelines.batch.tasks import load_tasks, stages_of
from etl.services.chat import Chat
from etl.store.batch_jobs import finished, items
from etl.store.batch_uploads import contents_under_way
from etl.store.database import read_store_or_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.pipelines.batch.request import BatchRequest
    from etl.services.chat_settings import ChatSettings


def estimate(request: BatchRequest, settings: ChatSettings | None, *, shown: int = 0) -> BatchPlan:
    """Plan a job; what it or another job has handed over with ``--async`` is not asked about again.

    Parameters
    ----------
    request
        What would be done.
    settings
        The model; None for the local engine alone.
    shown
        Requests of each stage whose items are named.

    Raises
    ------
    EtlError
        If there is no such source or task.
    """
    tasks = load_tasks(request.options.tasks)
    stages = asked_stages(
        stages_of(tasks, request.kind, request.options.engine, settings.model if settings else None)
    )
    with read_store_or_empty(request.database) as connection:
        known = items(connection, request.job)
        found = known if request.is_resumed else found_items(connection, request, known)
        facts = Facts(connection, request.job)
        settled = {stage: finished(connection, stage) for stage in stages}
        under_way = {
            stage: contents_under_way(connection, stage, Chat(settings).account) if settings else set()
            for stage in stages
        }
    ready = found.filter(pl.col("status") == READY)
    rows = list(ready.select("item", "content_hash", "fields").iter_rows())
    strategy = strategy_of(request.options, found.height)
    pace, planned = Pace(now=request.clock.time()), []
    if settings is not None:
        pace = pace_of(Chat(settings), request.limits_file, request.clock)
        named = {task.name: task for task in tasks}
        planned = [
            plan_stage(
                list(_waiting(rows, facts, settled[stage] | under_way[stage])), stage, named[stage.task],
                request.options, strategy=strategy, pace=pace, settings=settings, shown=shown,
                under_way=len({each[1] for each in rows} & (under_way[stage] - settled[stage])),
            )
            for stage in stages
        ]  # fmt: skip
    return BatchPlan(
        job=request.job,
        strategy=strategy,
        items=found.height,
        skipped=found.height - ready.height,
        to_measure=int(ready["content_hash"].null_count()),
        stages=tuple(planned),
        pace=pace,
    )


def _waiting(rows: list[tuple[int, str | None, str]], facts: Facts, settled: set[str]) -> Iterator[Item]:
    """Give what is still to ask about: each content once, files that are not read yet by themselves."""
    seen = set(settled)
    for item, content_hash, fields in rows:
        if content_hash is not None:
            if content_hash in seen:
                continue
            seen.add(content_hash)
        yield Item(item, content_hash or "", facts.of(item, content_hash, fields))
