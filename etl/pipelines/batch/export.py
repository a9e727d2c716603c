"""Export the results of a job: a row for each item, with the best answer of each task."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from etl.exports.batch import write_layout, write_results
from etl.pipelines.batch.facts import Facts
from etl.pipelines.batch.jobs import check_store, find_job
from etl.pipelines.batch.request import LOCAL
from etl.store.batch_jobs import items, results, stage_counts
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from etl.store.batch_jobs import BatchJob


@dataclass(frozen=True)
class BatchExport:
    """What was written.

    Attributes
    ----------
    output
        The file or folder.
    items, done
        Rows, and those of them that have all that was asked.
    left_out
        Files that the output cannot name.
    """

    output: Path
    items: int
    done: int
    left_out: list[str] = field(default_factory=list)


def export_job(
    database: Path,
    name: str | None,
    output: Path,
    ending: str,
    *,
    as_folder: bool = False,
    force: bool = False,
) -> BatchExport:
    """Write the results of a job.

    Parameters
    ----------
    database
        The store.
    name
        The job; None for the only one.
    output
        File, or folder with ``as_folder``.
    ending
        Format of the file.
    force
        Whether a folder with other files may be set aside.

    Raises
    ------
    EtlError
        If there is no such job, or the output cannot be written.
    """
    check_store(database)
    if not as_folder:
        check_outputs([output], database=database)
    with read_store(database) as connection:
        job = find_job(connection, name)
        if not as_folder:
            check_known(connection, [output])
        rows = _rows(connection, job)
        stages = [asdict(stage) for stage in stage_counts(connection, job.job)]
    if as_folder:
        manifest = {
            "job": job.job,
            "kind": job.kind,
            "source": job.source,
            "options": dict(job.request),
            "stages": [asdict(stage) for stage in job.stages],
            "items": len(rows),
        }
        left_out: list[str] = []
        write_layout(manifest, stages, rows, output, force=force)
    else:
        left_out = write_results(rows, output, ending)
    return BatchExport(output, len(rows), sum(row["status"] == "done" for row in rows), left_out)


def _rows(connection: duckdb.DuckDBPyConnection, job: BatchJob) -> list[dict[str, Any]]:
    """Give a row for each item: its name and state, what was measured, the best answer of each task."""
    facts = Facts(connection, job.job)
    answered: dict[int, list[dict[str, Any]]] = {}
    for row in results(connection, job.job).iter_rows(named=True):
        answered.setdefault(row["item"], []).append(row)
    tasks = list(dict.fromkeys(stage.task for stage in job.stages if stage.task != LOCAL))
    fields: dict[str, list[str]] = {task: [] for task in tasks}
    for stages in answered.values():
        for row in stages:
            if row["answer"] is not None and not fields[row["task"]]:
                fields[row["task"]] = list(json.loads(row["answer"]))
    return [
        _row(item, facts, answered.get(item["item"], []), fields)
        for item in items(connection, job.job).iter_rows(named=True)
    ]


def _row(
    item: dict[str, Any], facts: Facts, stages: list[dict[str, Any]], fields: dict[str, list[str]]
) -> dict[str, Any]:
    known = facts.of(item["item"], item["content_hash"], item["fields"])
    row: dict[str, Any] = {"item": item["item"], "name": item["name"], **_state(item, stages)}
    row |= {key: value for key, value in known.items() if key not in {"name", "category", "kind"} | set(row)}
    for task, names in fields.items():
        best = next((each for each in stages if each["task"] == task and each["is_best"]), None)
        answer = json.loads(best["answer"]) if best is not None and best["answer"] is not None else {}
        row |= {f"{task}_{name}" if name != task else task: answer.get(name) for name in names}
        row[f"{task}_engine"] = best["engine"] if best is not None else None
    return row


def _state(item: dict[str, Any], stages: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the one state of an item over all tasks: done where each has an answer from some engine."""
    if item["status"] == "skipped":
        return {"status": "skipped", "reason": item["reason"]}
    by_task: dict[str, list[dict[str, Any]]] = {}
    for stage in stages:
        by_task.setdefault(stage["task"], []).append(stage)
    why = []
    is_open = False
    for task, each in by_task.items():
        if any(stage["status"] == "done" for stage in each):
            continue
        is_open = is_open or any(stage["status"] == "open" for stage in each)
        # Where the local engine does not say, that is no failure.
        why += [f"{task}: {stage['reason']}" for stage in each if stage["status"] == "failed"]
    if is_open:
        return {"status": "open", "reason": None}
    return {"status": "failed" if why else "done", "reason": "; ".join(why) or None}
