"""Runs and rejects: what each command did, how fast, and what it had to refuse."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb

import etl
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.rejects import REJECT_SCHEMA
from etl.runtime.watch.stage_times import StageTimes
from etl.runtime.wording import number_of
from etl.store.connection import is_interruption
from etl.store.frames import ArrowStream
from etl.store.run_lock import Holder
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import polars as pl

    from etl.runtime.watch.log_file import LogFile


@dataclass
class Run:
    """One command run, as it goes.

    Attributes
    ----------
    run_id
        Its number in ``runs``.
    items_in, items_out, items_rejected
        Counts to be set before the end.
    meter
        Seconds by stage.
    log
        Where rejects and the end of the run are told as well, if anywhere.
    """

    run_id: int
    items_in: int = 0
    items_out: int = 0
    items_rejected: int = 0
    meter: StageTimes = field(default_factory=StageTimes)
    log: LogFile | None = None

    def tell(self, text: str) -> None:
        """Write a line to the log, if there is one."""
        if self.log is not None:
            self.log.write("info", f"run {self.run_id}: {text}")


@dataclass(frozen=True)
class PastRun:
    """A run as the store has it.

    Attributes
    ----------
    run_id, command
        Its number, and what it did.
    status
        ``running``, ``done``, ``failed``, ``interrupted``, ``parked`` or ``killed``.
    started_at
        UTC.
    wall_s
        Seconds that it took, None while it has not ended.
    items_out
        What came of it, None while it has not ended.
    error
        Why it ended early, if it did.
    """

    run_id: int
    command: str
    status: str
    started_at: datetime
    wall_s: float | None
    items_out: int | None
    error: str | None


def last_runs(connection: duckdb.DuckDBPyConnection, number: int) -> tuple[PastRun, ...]:
    """Read the last runs, newest first."""
    rows = connection.execute(
        "SELECT pid, run_id, command, status, timezone('UTC', started_at), wall_s, items_out, error "
        "FROM runs ORDER BY run_id DESC LIMIT ?",
        [number],
    ).fetchall()
    return tuple(
        _as_it_is(PastRun(run_id, command, status, started_at.replace(tzinfo=UTC), *rest), pid)
        for pid, run_id, command, status, started_at, *rest in rows
    )


def _as_it_is(run: PastRun, pid: int) -> PastRun:
    """Tell a run that runs from one whose process was killed: that could not say so."""
    if run.status == "running" and not Holder(pid, run.started_at.timestamp()).is_alive():
        return replace(run, status="killed")
    return run


@contextmanager
def recorded_run(
    connection: duckdb.DuckDBPyConnection,
    command: str,
    arguments: Mapping[str, Any],
    *,
    log: LogFile | None = None,
) -> Iterator[Run]:
    """Record a run from its start to its end, however it ends, in the store and in ``log`` if there is one.

    A run that an earlier process left unfinished (killed, or the machine went down) is marked as failed.
    """
    run = Run(next_run_id(connection), log=log)
    run_start(run, command, arguments)(connection)
    with run_reported(run, command, lambda write: write(connection)):
        try:
            yield run
        except BaseException:
            # Interrupted between the begin of a transaction and the block that guards it, the transaction is
            # still open: the end of the run would be written into it, and be lost when the store is closed.
            with suppress(duckdb.Error):  # as a rule there is none
                connection.rollback()
            raise


def next_run_id(connection: duckdb.DuckDBPyConnection) -> int:
    """Give the number of the next run."""
    number: int = connection.execute("SELECT coalesce(max(run_id), 0) + 1 FROM runs").fetchall()[0][0]
    return number


def run_start(run: Run, command: str, arguments: Mapping[str, Any]) -> Write:
    """Enter the start of a run."""
    return Write(
        "etl.store.runs:write_start",
        values={
            "run_id": run.run_id,
            "command": command,
            "arguments": json.dumps(arguments, default=str),
            "version": etl.__version__,
            "pid": os.getpid(),
            "started_at": _now(),
        },
    )


@contextmanager
def run_reported(run: Run, command: str, put: Callable[[Write], object]) -> Iterator[None]:
    """Report the start and the end of a run to its log, and its end to ``put`` as a write."""
    try:
        run.tell(f"{command} started, music-etl {etl.__version__}")
        yield
    except BaseException as error:
        if run.log is not None:
            run.log.write("error", f"run {run.run_id}: {_status(error)}: {type(error).__name__}: {error}")
        # A full disk closes the store; the next run marks this one as killed.
        with suppress(duckdb.Error, EtlError):
            put(_end(run, _status(error), f"{type(error).__name__}: {error}"))
        raise
    put(_end(run, "done", None))
    run.tell(f"done in {run.meter.elapsed:.1f} s; {number_of(run.items_rejected, 'reject')}")


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _status(error: BaseException) -> str:
    if is_interruption(error):
        return "interrupted"
    if isinstance(error, EtlError) and error.exit_code == ExitCode.PARKED:
        return "parked"
    return "failed"


def _end(run: Run, status: str, error: str | None) -> Write:
    return Write(
        "etl.store.runs:write_end",
        values={
            "run_id": run.run_id,
            "status": status,
            "ended_at": _now(),
            "items_in": run.items_in,
            "items_out": run.items_out,
            "items_rejected": run.items_rejected,
            "wall_s": run.meter.elapsed,
            "cpu_s": run.meter.cpu,
            "stage_s": json.dumps(run.meter.seconds),
            "error": error,
        },
    )


def write_start(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Enter a run that begins; one that is still running was killed."""
    connection.execute(
        "UPDATE runs SET status = 'failed', ended_at = now(), error = 'the process was killed' "
        "WHERE status = 'running'"
    )
    connection.execute(
        "INSERT INTO runs (run_id, command, arguments, version, pid, started_at, status) "
        "VALUES ($run_id, $command, $arguments, $version, $pid, $started_at, 'running')",
        dict(values),
    )


def write_end(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Enter how a run ended."""
    connection.execute(
        "UPDATE runs SET status = $status, ended_at = $ended_at, items_in = $items_in, "
        "items_out = $items_out, items_rejected = $items_rejected, wall_s = $wall_s, cpu_s = $cpu_s, "
        "stage_s = $stage_s, error = $error WHERE run_id = $run_id",
        dict(values),
    )


def add_rejects(connection: duckdb.DuckDBPyConnection, run: Run, rejects: pl.DataFrame) -> None:
    """Store refused rows or files now, as :func:`record_rejects`."""
    record_rejects(run, rejects)(connection)


def record_rejects(run: Run, rejects: pl.DataFrame) -> Write:
    """Store refused rows or files; ``rejects`` has the columns of :data:`REJECT_SCHEMA`.

    The run's own count of rejects goes up by as many, and each is told in its log.
    """
    run.items_rejected += rejects.height
    if run.log is not None:
        for stage, source, reason in rejects.select("stage", "source", "reason").iter_rows():
            run.log.write("warning", f"run {run.run_id}: {stage}: {source}: {reason}")
    return Write("etl.store.runs:write_rejects", frames={"rejects": rejects}, values={"run_id": run.run_id})


def write_rejects(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`record_rejects` says."""
    rejects = frames["rejects"]
    rows = ArrowStream(rejects.select(name for name in REJECT_SCHEMA if name in rejects.columns))  # noqa: F841 (read by name)
    connection.execute("INSERT INTO rejects BY NAME SELECT ? AS run_id, * FROM rows", [values["run_id"]])


def keep_progress(run_id: int, progress: Mapping[str, Any]) -> Write:
    """Keep how a run stood when it ended, as `--log-json` shows it."""
    return Write("etl.store.runs:write_progress", values={"run_id": run_id, "progress": progress})


def write_progress(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Write what :func:`keep_progress` says."""
    connection.execute(
        "UPDATE runs SET progress = ? WHERE run_id = ?", [json.dumps(values["progress"]), values["run_id"]]
    )
