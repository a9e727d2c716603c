"""Local work, which needs no key: measure the files, skip what is not meant, answer from names and by SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.audio.short_sounds import SOUND_VERSION
from etl.batch.name_categories import name_category
from etl.batch.replies import confidence_of, valid_answer
from etl.batch.sound_categories import sound_category
from etl.pipelines.batch.facts import Facts
from etl.pipelines.batch.find_items import READY, SKIPPED, plain_value
from etl.pipelines.batch.measure import SampleFile
from etl.pipelines.batch.request import CATEGORY, LOCAL, Engine
from etl.runtime.work.crew import crew
from etl.store.batch_answers import (
    ANSWER_SCHEMA,
    SOUND_SCHEMA,
    filtered_items,
    known_sounds,
    local_rows,
    put_answers,
    put_sounds,
)
from etl.store.batch_jobs import ITEM_SCHEMA, items, open_items, put_items

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from etl.batch.task import Task
    from etl.pipelines.batch.request import BatchRequest
    from etl.runtime.watch.progress import Watch
    from etl.runtime.work.outcome import Outcome
    from etl.store.batch_jobs import BatchStage
    from etl.store.bursts import BurstWriter

_TOGETHER: Final = 100
"""Files whose measurements are put into the store together."""


def measure_files(
    store: BurstWriter, watch: Watch, request: BatchRequest, *, workers: int, stop: threading.Event
) -> None:
    """Hash and measure the files that are ready and have no hash; put each with its measurements.

    Raises
    ------
    KeyboardInterrupt
        When stopped; what is finished is put.
    """
    with store.reading() as connection:
        known = items(connection, request.job)
    pending = known.filter((pl.col("status") == READY) & pl.col("content_hash").is_null())
    watch.total(LOCAL, pending.height)
    if pending.is_empty():
        return
    rows = {row["item"]: row for row in pending.iter_rows(named=True)}
    files = [SampleFile(number, row["name"]) for number, row in rows.items()]
    gathered: list[Outcome[SampleFile, dict[str, Any]]] = []
    with watch.timed(LOCAL), crew(workers=workers, stop=stop) as members:
        for outcome in members.map(
            "etl.pipelines.batch.measure:measure_file",
            files,
            in_flight=max(1, 4 * workers),
            seconds=request.limits.track_s,
            memory=request.limits.track_bytes,
            ordered=False,
        ):
            gathered.append(outcome)
            failed = outcome.result is None or outcome.result.get("error") is not None
            watch.advance(LOCAL, done=1, errors=int(failed))
            if len(gathered) >= _TOGETHER:
                _put(store, request.job, gathered, rows)
                gathered = []
            if stop.is_set():
                break
        _put(store, request.job, gathered, rows)
    if stop.is_set():
        raise KeyboardInterrupt


def _put(
    store: BurstWriter,
    job: str,
    outcomes: Sequence[Outcome[SampleFile, dict[str, Any]]],
    rows: dict[int, dict[str, Any]],
) -> None:
    """Put what was measured: the items with their hashes, and the sounds, in one transaction."""
    if not outcomes:
        return
    done, sounds = [], []
    for outcome in outcomes:
        row = rows[outcome.item.item]
        if outcome.result is None:
            why = outcome.problem.text if outcome.problem else "not measured"
            done.append(row | {"status": SKIPPED, "reason": f"unreadable: {why}"})
        else:
            sounds.append(outcome.result)
            done.append(row | {"content_hash": outcome.result["content_hash"]})
    writes = [put_items(job, pl.DataFrame(done, ITEM_SCHEMA))]
    if sounds:
        writes.append(put_sounds(pl.DataFrame(sounds, SOUND_SCHEMA)))
    store.put(*writes, items=len(outcomes))


def skip_unmeant(store: BurstWriter, request: BatchRequest) -> None:
    """Skip items that are corrupt, too short or not meant; take those in again that are now meant."""
    options = request.options
    with store.reading() as connection:
        known = items(connection, request.job)
        sounds = known_sounds(connection, request.job, SOUND_VERSION).select(
            "content_hash", "duration_s", "error"
        )
        joined = known.join(sounds, on="content_hash", how="left", maintain_order="left")
        reason = pl.coalesce(
            pl.when(pl.col("reason").str.contains("^(filtered: not|no longer|unreadable)")).then("reason"),
            pl.col("error"),
            pl.when(pl.col("duration_s") < options.min_duration_s).then(
                pl.format("shorter than {} s", pl.lit(f"{options.min_duration_s:g}"))
            ),
        )
        judged = joined.with_columns(why=reason)
        if options.where:
            left = judged.filter(pl.col("why").is_null() & pl.col("content_hash").is_not_null())
            facts = Facts(connection, request.job).table(left.select("item", "content_hash", "fields"))
            unmeant = filtered_items(connection, options.where, facts) if facts.height else []
            judged = judged.with_columns(
                why=pl.when(pl.col("why").is_null() & pl.col("item").is_in(unmeant))
                .then(pl.lit(f"filtered: not {options.where}"))
                .otherwise("why")
            )
    now = judged.with_columns(
        status=pl.when(pl.col("why").is_null()).then(pl.lit(READY)).otherwise(pl.lit(SKIPPED)),
        reason=pl.col("why"),
    ).select(*ITEM_SCHEMA)
    changed = now.filter((now["status"] != known["status"]) | now["reason"].ne_missing(known["reason"]))
    if not changed.is_empty():
        store.put(put_items(request.job, changed), items=changed.height)


def answer_locally(
    store: BurstWriter, watch: Watch, request: BatchRequest, stage: BatchStage, task: Task | None
) -> None:
    """Answer a stage of the local engine: the category from words or sound, others by the task's SQL."""
    with store.reading() as connection:
        pending = open_items(connection, request.job, stage)
        facts = Facts(connection, request.job)
        asked = pending.select("item", "content_hash", "fields")
        if stage.task == CATEGORY and (task is None or not task.local_sql):
            answers = [_category_of(facts, *row) for row in asked.iter_rows()]
        elif task is not None and asked.height:
            rows = local_rows(connection, task.local_sql, facts.table(asked), task.name)
            answers = _from_sql(task, asked, rows)
        else:
            answers = []
    if answers:
        frame = pl.DataFrame(answers, ANSWER_SCHEMA, orient="row")
        store.put(
            put_answers(frame, task=stage.task, version=stage.version, engine=Engine.LOCAL),
            items=len(answers),
        )
    done = sum(answer[1] == "done" for answer in answers)
    watch.figures(**{f"{stage.task}_local": done})


_Answer = tuple[str, str, str | None, str | None, float | None]


def _category_of(facts: Facts, item: int, content_hash: str, fields: str) -> _Answer:
    known = facts.of(item, content_hash, fields)
    said = name_category(str(known.get("name", "")), str(known.get("folder") or "")) or sound_category(known)
    if said is None:
        return content_hash, "skipped", "neither name nor sound says it", None, None
    answer = {"category": said.category, "kind": said.kind, "confidence": said.confidence}
    return content_hash, "done", None, json.dumps(answer), said.confidence


def _from_sql(task: Task, asked: pl.DataFrame, rows: pl.DataFrame) -> list[_Answer]:
    by_item = {row["item"]: row for row in rows.iter_rows(named=True)}
    made: list[_Answer] = []
    for item, content_hash, _ in asked.iter_rows():
        found = by_item.get(item, {})
        answer = {
            name: plain_value(found[name]) if found.get(name) is not None else None
            for name in task.answer.fields
        }
        if all(value is None for value in answer.values()):
            made.append((content_hash, "skipped", "local.sql does not say", None, None))
        elif rule := valid_answer(task, answer):
            made.append((content_hash, "failed", rule, None, None))
        else:
            made.append(
                (content_hash, "done", None, json.dumps(answer, ensure_ascii=False), confidence_of(answer))
            )
    return made
