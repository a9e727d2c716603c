"""The items of a job: files, rows of a table or of a query; what is left out keeps its reason."""

from __future__ import annotations

import fnmatch
import json
import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.pipelines.batch.request import Kind
from etl.runtime.disk.hashing import text_hash
from etl.runtime.errors import EtlError, ExitCode
from etl.sources.audio.files import find_files, located
from etl.store.batch_answers import rows_of_query
from etl.store.batch_jobs import ITEM_SCHEMA

if TYPE_CHECKING:
    import duckdb

    from etl.pipelines.batch.request import BatchRequest

READY, SKIPPED = "ready", "skipped"
_NAMES: Final = ("name", "path", "id", "title")
"""Columns that name a row, the first that there is."""


def found_items(
    connection: duckdb.DuckDBPyConnection, request: BatchRequest, known: pl.DataFrame
) -> pl.DataFrame:
    """Look through the source of a job.

    Parameters
    ----------
    connection
        The store, open for reading.
    request
        Whose source.
    known
        The items that the job has already; they keep their positions, and files that are as they were their
        hashes.

    Returns
    -------
    DataFrame
        Columns of :data:`etl.store.batch_jobs.ITEM_SCHEMA`. A file that is ready and has no hash is still to
        be measured. Items that are no longer there are skipped.

    Raises
    ------
    EtlError
        If there is no such source, or it holds nothing.
    """
    if request.kind is Kind.FILES:
        found = _files(request, known)
    elif request.kind is Kind.ROWS:
        found = rows_as_items(read_table(Path(request.source)).drop(request.hidden, strict=False))
    else:
        found = rows_as_items(rows_of_query(connection, request.source))
    if found.is_empty() and known.is_empty():
        raise EtlError(f"{request.source} holds no items.", "Check the source.")
    return _placed(found, known)


def _files(request: BatchRequest, known: pl.DataFrame) -> pl.DataFrame:
    (root,) = located([Path(request.source)])
    if not root.is_dir():
        raise EtlError(f"{root} is not a folder.", "Give a folder of audio files.", exit_code=ExitCode.USAGE)
    files = find_files([root])
    before = {
        name: (content, size, mtime)
        for name, content, size, mtime in known.select(
            "name", "content_hash", "size_bytes", "mtime_ns"
        ).iter_rows()
    }
    pattern = request.options.pattern
    rows = []
    for path, size, mtime in files.files.iter_rows():
        content, old_size, old_mtime = before.get(path, (None, None, None))
        if (size, mtime) != (old_size, old_mtime):
            content = None
        place = Path(path).relative_to(root)
        facts = {"name": place.name, "folder": place.parent.as_posix() if place.parent.parts else ""}
        is_meant = pattern is None or _matches(place, pattern)
        reason = None if is_meant else f"filtered: not {pattern}"
        status = SKIPPED if reason else READY
        rows.append((path, content, json.dumps(facts, ensure_ascii=False), size, mtime, status, reason))
    for path, why in files.problems:
        rows.append((path, None, "{}", None, None, SKIPPED, f"unreadable: {why}"))
    schema = {name: kind for name, kind in ITEM_SCHEMA.items() if name != "item"}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _matches(place: Path, pattern: str) -> bool:
    """Whether a file is meant; the letter case of endings differs from disk to disk, and is not looked at."""
    text = place.as_posix() if "/" in pattern else place.name
    return fnmatch.fnmatchcase(text.casefold(), pattern.casefold())


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV, all of it text, or a Parquet file.

    Raises
    ------
    EtlError
        If it is neither.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise EtlError(
            f"cannot read the table {path}: {str(error).splitlines()[0]}",
            "Give a folder, a CSV or a Parquet file.",
            exit_code=ExitCode.BAD_DATA,
        ) from error


def rows_as_items(table: pl.DataFrame) -> pl.DataFrame:
    """Make items of rows, in order: named by their first naming column, else by their number."""
    rows = []
    for number, each in enumerate(table.iter_rows(named=True), 1):
        shown = {key: plain_value(value) for key, value in each.items() if value is not None}
        name = next((str(shown[key]) for key in _NAMES if shown.get(key) not in {None, ""}), str(number))
        text = json.dumps(shown, ensure_ascii=False, sort_keys=True)
        rows.append((name, text_hash(text), text, None, None, READY, None))
    schema = {name: kind for name, kind in ITEM_SCHEMA.items() if name != "item"}
    return pl.DataFrame(rows, schema=schema, orient="row")


def plain_value(value: Any) -> Any:
    """Give a value of a table as JSON has it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return [plain_value(each) for each in value]
    return value if isinstance(value, bool | int) else str(value)


def _placed(found: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Give new items the positions after those that are known; of rows with one name each is an item."""
    counted = [
        frame.with_columns(nth=pl.int_range(pl.len()).over("name")) for frame in (found, known.drop("item"))
    ]
    places = known.select("item").hstack(counted[1].select("name", "nth"))
    placed = counted[0].join(places, on=["name", "nth"], how="left", maintain_order="left")
    first = int(known["item"].max() or 0) + 1  # type: ignore[arg-type]
    new = placed["item"].is_null()
    placed = placed.with_columns(
        item=pl.when(pl.col("item").is_null())
        .then(first + new.cast(pl.Int64).cum_sum() - 1)
        .otherwise(pl.col("item"))
        .cast(pl.Int32)
    )
    gone = known.filter(~pl.col("item").is_in(placed["item"].to_list())).with_columns(
        status=pl.lit(SKIPPED), reason=pl.lit("no longer there")
    )
    every = pl.concat([placed.select(*ITEM_SCHEMA), gone.select(*ITEM_SCHEMA)]).sort("item")
    return every.select(pl.col(name).cast(kind) for name, kind in ITEM_SCHEMA.items())
