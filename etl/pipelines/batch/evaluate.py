"""Evaluate a task against a truth: how right the local engine is, how right the model, which is better."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.batch.accuracy import Accuracy, accuracy, same, sign_test
from etl.batch.task import CONFIDENCE
from etl.pipelines.batch.find_items import read_table, rows_as_items
from etl.pipelines.batch.request import Engine
from etl.pipelines.batch.run import process
from etl.pipelines.batch.tasks import load_task
from etl.runtime.errors import EtlError, ExitCode
from etl.store.batch_jobs import results
from etl.store.database import read_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.batch.task import Task
    from etl.pipelines.batch.request import BatchRequest
    from etl.runtime.watch.progress import Renderer
    from etl.services.chat_settings import ChatSettings

SURE: Final = 0.05
"""Probability of chance below which a difference counts."""


@dataclass(frozen=True)
class FieldAccuracy:
    """How right the engines are about a field.

    Attributes
    ----------
    field
        Its name.
    local, model
        None where the engine has no answers.
    model_only, local_only
        Items that only the model, or only the local engine, has right.
    model_is_better
        Whether the model has more right than chance would explain; None where one of them was not asked.
    """

    field: str
    local: Accuracy | None
    model: Accuracy | None
    model_only: int = 0
    local_only: int = 0
    model_is_better: bool | None = None


@dataclass(frozen=True)
class BatchEvaluation:
    """How right a task is answered."""

    task: str
    items: int
    fields: tuple[FieldAccuracy, ...]


def evaluate(
    request: BatchRequest, truth: Path, settings: ChatSettings | None, renderers: Sequence[Renderer] = ()
) -> BatchEvaluation:
    """Answer the rows of a truth, and compare.

    Parameters
    ----------
    request
        A job of one task over ``truth``; the columns that are to be found out are hidden from it here.
    truth
        CSV or Parquet with the facts of items and with fields of the answer.
    settings
        The model; None for the local engine alone.
    renderers
        Where the run is shown.

    Raises
    ------
    EtlError
        If no column of the truth is a field of the task, or as :func:`etl.pipelines.batch.run.process`.
    """
    task = load_task(request.options.tasks[0])
    table = read_table(truth)
    fields = [name for name in _comparable(task) if name in table.columns]
    if not fields:
        raise EtlError(
            f"{truth} has no column of the task `{task.name}`.",
            f"It needs one of: {', '.join(_comparable(task))}.",
            exit_code=ExitCode.USAGE,
        )
    hidden = tuple(name for name in task.answer.fields if name in table.columns)
    process(replace(request, hidden=hidden), settings, renderers)
    hashes = rows_as_items(table.drop(hidden))["content_hash"].to_list()
    with read_store(request.database) as connection:
        answered = results(connection, request.job).filter(pl.col("answer").is_not_null())
    answers: dict[str, dict[str, dict[str, Any]]] = {Engine.LOCAL: {}, Engine.MODEL: {}}
    for name, engine, content_hash, answer in answered.select(
        "task", "engine", "content_hash", "answer"
    ).iter_rows():
        if name == task.name:
            answers[engine][content_hash] = json.loads(answer)
    return BatchEvaluation(
        task.name, table.height, tuple(_field(name, table, hashes, answers) for name in fields)
    )


def _comparable(task: Task) -> list[str]:
    specs = task.answer.descriptor["fields"]
    return [spec["name"] for spec in specs if spec.get("type") != "array" and spec["name"] != CONFIDENCE]


def _field(
    name: str, table: pl.DataFrame, hashes: list[str], answers: dict[str, dict[str, dict[str, Any]]]
) -> FieldAccuracy:
    rows = [
        (str(true), content_hash)
        for true, content_hash in zip(table[name].to_list(), hashes, strict=True)
        if true not in {None, ""}
    ]
    truth = [true for true, _ in rows]
    said: dict[str, list[str | None]] = {}
    made: dict[str, Accuracy | None] = {}
    for engine, known in answers.items():
        each = [known.get(content_hash, {}) for _, content_hash in rows]
        said[engine] = [None if answer.get(name) is None else str(answer[name]) for answer in each]
        made[engine] = (
            accuracy(truth, said[engine], [answer.get(CONFIDENCE) for answer in each]) if known else None
        )
    local, model = made[Engine.LOCAL], made[Engine.MODEL]
    if local is None or model is None:
        return FieldAccuracy(name, local, model)
    right = [
        tuple(answer is not None and same(true, answer) for answer in pair)
        for true, *pair in zip(truth, said[Engine.LOCAL], said[Engine.MODEL], strict=True)
    ]
    model_only = sum(by_model and not by_local for by_local, by_model in right)
    local_only = sum(by_local and not by_model for by_local, by_model in right)
    is_better = model_only > local_only and sign_test(model_only, local_only) < SURE
    return FieldAccuracy(name, local, model, model_only, local_only, is_better)
