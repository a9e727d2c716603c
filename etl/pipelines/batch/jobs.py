"""The jobs of a store: how they stand, and what is done with them besides the work itself."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.pipelines.batch.request import BatchOptions, BatchRequest, Kind, Priority
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.status_file import RunningRun, running
from etl.store.batch_jobs import (
    BatchJob,
    StageCounts,
    forget_failures,
    items,
    jobs,
    reasons,
    set_status,
    stage_counts,
)
from etl.store.batch_requests import SentCounts, error_counts, sent_counts
from etl.store.bursts import writing
from etl.store.database import read_store
from etl.store.service_state import ParkedService, parked_services

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

_ORDER = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}


@dataclass(frozen=True)
class JobStatus:
    """How a job stands.

    Attributes
    ----------
    job, source, status
        Its name, where its items come from, ``open``, ``done`` or ``cancelled``.
    items, skipped
        How many, and how many of them are not worked on.
    stages
        How items stand in each.
    requests, errors
        Requests of the job, and those that gave nothing, by class.
    reasons
        Why items are skipped or failed: task, state, reason, items.
    parked
        Services that may not be asked before a time that is still to come.
    running
        The runs over the store that other processes are at.
    """

    job: str
    source: str
    status: str
    items: int
    skipped: int
    stages: tuple[StageCounts, ...]
    requests: SentCounts
    errors: dict[str, int]
    reasons: tuple[tuple[str, str, str, int], ...]
    parked: tuple[ParkedService, ...]
    running: tuple[RunningRun, ...]


@dataclass(frozen=True)
class JobLine:
    """A job in the list of all.

    Attributes
    ----------
    job, kind, source, priority
        As of :class:`etl.store.batch_jobs.BatchJob`.
    status
        ``open``, ``done`` or ``cancelled``.
    items
        How many.
    open
        Items that are still to do in some stage.
    """

    job: str
    kind: str
    source: str
    status: str
    priority: str
    items: int
    open: int


@dataclass(frozen=True)
class JobChange:
    """What became of a job: how many items are to be done again, and its status."""

    job: str
    status: str
    items: int


def job_name(source: str, kind: Kind) -> str:
    """Name a job after its source: the folder or the file; letters, digits, dots and dashes.

    Examples
    --------
    >>> job_name("/music/My Samples (2024)/", Kind.FILES), job_name("SELECT 1", Kind.QUERY)
    ('my-samples-2024', 'query')
    """
    if kind is Kind.QUERY:
        return "query"
    path = Path(os.path.abspath(source))  # noqa: PTH100 - links stay
    name = re.sub(r"[^\w.]+", "-", path.name if kind is Kind.FILES else path.stem).strip("-.").lower()
    return name[:60] or "job"


def query_job(database: Path, sql: str) -> str:
    """Name the job of a query: as the store calls it, else `query`, or `query-2` ... if that is another.

    Parameters
    ----------
    database
        The store; it need not be there.
    sql
        The query; another spelling of it is another job, which asks nothing again that is answered.
    """
    known: list[BatchJob] = []
    if database.exists():
        with read_store(database) as connection:
            known = jobs(connection)
    plain = job_name(sql, Kind.QUERY)
    numbered = re.compile(rf"{plain}(-\d+)?")
    for job in known:
        if (job.kind, job.source) == (Kind.QUERY, sql) and numbered.fullmatch(job.job):
            return job.job
    taken = {job.job for job in known}
    names = chain([plain], (f"{plain}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def find_job(connection: duckdb.DuckDBPyConnection, name: str | None) -> BatchJob:
    """Find the job of a name; without one, the only one that there is.

    Raises
    ------
    EtlError
        If there is none, or the name is needed.
    """
    known = jobs(connection)
    meant = [job for job in known if name is None or job.job == name]
    if len(meant) == 1:
        return meant[0]
    listed = ", ".join(job.job for job in known)
    problem = f"there is no batch job `{name}`." if name else "there is no batch job."
    if len(meant) > 1:
        problem = "there are several batch jobs."
    hint = f"Name one of: {listed}." if known else "Begin one with `etl batch process FOLDER`."
    raise EtlError(problem, hint, exit_code=ExitCode.USAGE)


def named_job(database: Path, name: str) -> str:
    """Give the name of a job that there is.

    Raises
    ------
    EtlError
        If there is none.
    """
    check_store(database)
    with read_store(database) as connection:
        return find_job(connection, name).job


def check_same_source(database: Path, job: str, kind: Kind, source: str) -> None:
    """Refuse to mix the items of two sources under one name.

    Raises
    ------
    EtlError
        If there is a job of this name with another source.
    """
    if not database.exists():
        return
    with read_store(database) as connection:
        other = next((each for each in jobs(connection) if each.job == job), None)
    if other is not None and (other.kind, other.source) != (kind, source):
        raise EtlError(
            f"there is a job `{job}` already, of {other.source}.",
            "Pass another --name.",
            exit_code=ExitCode.USAGE,
        )


def resumed(database: Path, name: str | None, **others: Any) -> list[BatchRequest]:
    """Give the request of a job; without a name, those of all open jobs, the most urgent first.

    Raises
    ------
    EtlError
        If there is none.
    """
    check_store(database)
    with read_store(database) as connection:
        if name is not None:
            chosen = [find_job(connection, name)]
        else:
            chosen = [job for job in jobs(connection) if job.status == "open"]
    if not chosen:
        raise EtlError(
            "there is no open batch job.",
            "Begin one with `etl batch process FOLDER`.",
            exit_code=ExitCode.USAGE,
        )
    requests = [
        BatchRequest(
            database,
            job.job,
            Kind(job.kind),
            job.source,
            BatchOptions.of(job.request),
            is_resumed=True,
            **others,
        )
        for job in chosen
    ]
    return sorted(requests, key=lambda request: _ORDER[request.options.priority])


def job_status(database: Path, name: str | None) -> JobStatus:
    """Say how a job stands.

    Raises
    ------
    EtlError
        If there is no such job.
    """
    check_store(database)
    with read_store(database) as connection:
        job = find_job(connection, name)
        known = items(connection, job.job)
        stages = stage_counts(connection, job.job)
        return JobStatus(
            job=job.job,
            source=job.source,
            status=_standing(job, known.height, stages),
            items=known.height,
            skipped=known.filter(known["status"] == "skipped").height,
            stages=stages,
            requests=sent_counts(connection, job.job),
            errors=error_counts(connection, job.job),
            reasons=reasons(connection, job.job),
            parked=parked_services(connection),
            running=tuple(running(database)),
        )


def list_jobs(database: Path) -> list[JobLine]:
    """List all jobs of a store, the oldest first."""
    check_store(database)
    with read_store(database) as connection:
        return [_line(connection, job) for job in jobs(connection)]


def _line(connection: duckdb.DuckDBPyConnection, job: BatchJob) -> JobLine:
    stages, count = stage_counts(connection, job.job), items(connection, job.job).height
    return JobLine(
        job=job.job,
        kind=job.kind,
        source=job.source,
        status=_standing(job, count, stages),
        priority=BatchOptions.of(job.request).priority.value,
        items=count,
        open=max((stage.open for stage in stages), default=0),
    )


def _standing(job: BatchJob, count: int, stages: Sequence[StageCounts]) -> str:
    """Give the status of a job; an open one in which nothing is open is done."""
    is_done = job.status == "open" and count > 0 and not any(stage.open for stage in stages)
    return "done" if is_done else job.status


def retry_failed(database: Path, name: str | None) -> JobChange:
    """Have what failed in a job asked again by the next run.

    Raises
    ------
    EtlError
        If there is no such job, or a run is at work.
    """
    check_store(database)
    with writing(database, "batch retry", {"job": name}) as store:
        with store.reading() as connection:
            job = find_job(connection, name).job
            failed = sum(stage.failed for stage in stage_counts(connection, job))
        store.put(forget_failures(job), set_status(job, "open"))
    return JobChange(job, "open", failed)


def cancel_job(database: Path, name: str | None) -> JobChange:
    """Take a job out of those that `etl batch resume` goes on with; what was answered stays.

    Raises
    ------
    EtlError
        If there is no such job, or a run is at work.
    """
    check_store(database)
    with writing(database, "batch cancel", {"job": name}) as store:
        with store.reading() as connection:
            job = find_job(connection, name).job
            left = max((stage.open for stage in stage_counts(connection, job)), default=0)
        store.put(set_status(job, "cancelled"))
    return JobChange(job, "cancelled", left)


def check_store(database: Path) -> None:
    """Refuse to make a store where there is nothing to look at.

    Raises
    ------
    EtlError
        If there is none.
    """
    if not database.exists():
        raise EtlError(
            f"there is no store at {database}.", "Begin with `etl batch process FOLDER`, or pass --db."
        )
