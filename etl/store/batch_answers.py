"""Answers of batch jobs, what short sounds measure, and local answers by SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb
import polars as pl

from etl.runtime.errors import EtlError, ExitCode
from etl.store.batch_jobs import ledger_task
from etl.store.frames import ArrowStream, insert, read_frame
from etl.store.ledger import record_entries
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "content_hash": pl.String,
    "status": pl.String,
    "error": pl.String,
    "answer": pl.String,
    "confidence": pl.Float64,
}
"""What became of a content in a stage: ``done`` with its answer, or ``failed`` with the reason."""

SOUND_SCHEMA: Final[dict[str, Any]] = {
    "content_hash": pl.String,
    "version": pl.Int32,
    "format": pl.String,
    "duration_s": pl.Float64,
    "peak_dbfs": pl.Float64,
    "rms_dbfs": pl.Float64,
    "onsets": pl.Int32,
    "centroid_hz": pl.Float64,
    "pitchedness": pl.Float64,
    "error": pl.String,
}
"""What a short sound measures; all but ``error`` are null where it could not be read."""


def put_answers(answers: pl.DataFrame, *, task: str, version: str, engine: str) -> Write:
    """Keep answers (columns of :data:`ANSWER_SCHEMA`) and their state, in one transaction."""
    values = {"task": task, "version": version, "engine": engine}
    return Write("etl.store.batch_answers:write_answers", {"answers": answers}, values, adds_up=True)


def write_answers(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_answers` says."""
    given = {name: pl.lit(values[name]) for name in ("task", "version", "engine")}
    record_answers(connection, frames["answers"].with_columns(**given, request_id=pl.lit(None, pl.String)))


def record_answers(connection: duckdb.DuckDBPyConnection, answers: pl.DataFrame) -> None:
    """Record answers and the states of their items.

    Columns are those of :data:`ANSWER_SCHEMA`, ``task``, ``version``, ``engine`` and ``request_id``; the last
    answer of an item in a stage counts.
    """
    answers = answers.unique(["task", "version", "content_hash"], keep="last", maintain_order=True)
    record_entries(
        connection,
        answers.select(
            pl.format(ledger_task("{}"), "task").alias("task"),
            "version",
            pl.col("content_hash").alias("item"),
            "status",
            "error",
        ),
    )
    rows = ArrowStream(answers.select("task", "version", "content_hash"))  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM batch_answers USING rows WHERE batch_answers.task = rows.task "
        "AND batch_answers.version = rows.version AND batch_answers.content_hash = rows.content_hash"
    )
    insert(
        connection,
        "batch_answers",
        answers.filter(pl.col("status") == "done").select(
            "task", "content_hash", "version", "engine", "answer", "confidence", "request_id"
        ),
    )


def put_sounds(sounds: pl.DataFrame) -> Write:
    """Keep what sounds measure: columns of :data:`SOUND_SCHEMA`."""
    return Write("etl.store.batch_answers:write_sounds", {"sounds": sounds}, adds_up=True)


def write_sounds(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_sounds` says, with the ledger entries of stage ``local``."""
    del values
    sounds = frames["sounds"].unique("content_hash", keep="last", maintain_order=True)
    connection.execute(
        "DELETE FROM batch_sounds WHERE content_hash IN (SELECT unnest(?))",
        [sounds["content_hash"].to_list()],
    )
    insert(connection, "batch_sounds", sounds)
    record_entries(
        connection,
        sounds.select(
            pl.lit(ledger_task("local")).alias("task"),
            pl.col("version").cast(pl.String),
            pl.col("content_hash").alias("item"),
            pl.when(pl.col("error").is_null())
            .then(pl.lit("done"))
            .otherwise(pl.lit("failed"))
            .alias("status"),
            "error",
        ),
    )


def known_sounds(connection: duckdb.DuckDBPyConnection, job: str, version: int) -> pl.DataFrame:
    """Read what the sounds of a job measure, as far as is known: columns of :data:`SOUND_SCHEMA`."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            f"SELECT {', '.join(SOUND_SCHEMA)} FROM batch_sounds WHERE version = $version "
            "AND content_hash IN (SELECT content_hash FROM batch_items WHERE job = $job) "
            "ORDER BY content_hash",
            params={"job": job, "version": version},
        )
    )
    return found.select(pl.col(name).cast(kind) for name, kind in SOUND_SCHEMA.items())


def local_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, items: pl.DataFrame, task: str
) -> pl.DataFrame:
    """Run a task's ``local.sql`` over the table ``items``.

    Parameters
    ----------
    connection
        The store, open for reading.
    sql
        One SELECT.
    items
        ``item`` and facts.
    task
        Its name, for errors.

    Returns
    -------
    DataFrame
        ``item`` and fields of the answer.

    Raises
    ------
    EtlError
        If it is no query, or gives no ``item``.
    """
    rows = ArrowStream(items)  # noqa: F841 (read by name)
    try:
        connection.execute("CREATE OR REPLACE TEMP TABLE items AS SELECT * FROM rows")
        found: pl.DataFrame = read_frame(connection.sql(f"SELECT * FROM ({sql.rstrip().rstrip(';')}\n)"))
    except duckdb.Error as error:
        raise EtlError(
            f"local.sql of the task `{task}` does not run: {str(error).splitlines()[0]}",
            f"It reads the table `items` with the columns {', '.join(items.columns)}.",
            exit_code=ExitCode.BAD_DATA,
        ) from error
    if "item" not in found.columns:
        raise EtlError(
            f"local.sql of the task `{task}` gives no column `item`.",
            "Select it with the answer's fields.",
            exit_code=ExitCode.BAD_DATA,
        )
    return found


def rows_of_query(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    """Read the rows that become the items of a job.

    Raises
    ------
    EtlError
        If the query does not run.
    """
    try:
        found: pl.DataFrame = read_frame(connection.sql(f"SELECT * FROM ({sql.rstrip().rstrip(';')}\n)"))
    except duckdb.Error as error:
        raise EtlError(
            f"--sql is not a query of this store: {str(error).splitlines()[0]}",
            "Such as: SELECT track_id AS name, artist, title FROM library WHERE genre IS NULL",
            exit_code=ExitCode.USAGE,
        ) from error
    return found


def filtered_items(connection: duckdb.DuckDBPyConnection, where: str, items: pl.DataFrame) -> list[int]:
    """Give the items that a condition over their columns leaves out.

    Raises
    ------
    EtlError
        If it is no condition.
    """
    rows = ArrowStream(items)  # noqa: F841 (read by name)
    try:
        left_out = connection.execute(f"SELECT item FROM rows WHERE ({where}) IS NOT TRUE").fetchall()
    except duckdb.Error as error:
        raise EtlError(
            f"--where is not a condition over the items: {str(error).splitlines()[0]}",
            f"Columns: {', '.join(items.columns)}.",
            exit_code=ExitCode.USAGE,
        ) from error
    return [item for (item,) in left_out]
