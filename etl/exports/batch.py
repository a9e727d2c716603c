"""Results of batch jobs as files: CSV, JSON, JSON lines, Parquet, a playlist, or a folder of it all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.exports.m3u8 import write_m3u8
from etl.exports.playlist import placed_path
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.disk.folders import atomic_folder, check_replaceable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENDINGS: Final = (".csv", ".json", ".jsonl", ".parquet", ".m3u8")

LAYOUT: Final = frozenset({"manifest.json", "checkpoints.json", "results.jsonl", "errors.jsonl"})
"""Files of a folder: what the job is, how each stage stands, what was answered, what was not and why."""


@dataclass(frozen=True)
class ListedSample:
    """A line of a playlist."""

    path: str
    artist: str | None
    title: str | None
    duration_s: float | None


def write_results(rows: Sequence[dict[str, Any]], target: Path, ending: str) -> list[str]:
    """Write rows of results in the format of an ending; lists are joined by commas in CSV.

    Returns
    -------
    list of str
        Files that a playlist cannot name and that are left out of it.

    Raises
    ------
    EtlError
        If it cannot be written.
    """
    if ending == ".jsonl":
        with atomic_file(target) as file:
            file.write(_lines(rows))
    elif ending == ".json":
        with atomic_file(target) as file:
            file.write(
                json.dumps(list(rows), ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")
            )
    elif ending == ".m3u8":
        listed = [
            ListedSample(placed_path(str(row["name"]), target), None, None, row.get("duration_s"))
            for row in rows
            if row["status"] == "done"
        ]
        return write_m3u8(listed, target)
    else:
        frame = _frame(rows)
        with atomic_path(target) as temporary:
            if ending == ".parquet":
                frame.write_parquet(temporary)
            else:
                joined = [
                    pl.col(name).list.join(", ")
                    for name, kind in frame.schema.items()
                    if isinstance(kind, pl.List)
                ]
                frame.with_columns(joined).write_csv(temporary)
    return []


def write_layout(
    manifest: dict[str, Any],
    stages: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    target: Path,
    *,
    force: bool = False,
) -> None:
    """Write the folder of a job: all rows that have an answer, and all that have none with the reason.

    Raises
    ------
    EtlError
        If the folder holds anything else, or cannot be written.
    """
    check_replaceable(target, LAYOUT, force=force)
    with atomic_folder(target, LAYOUT) as folder:
        for name, document in (("manifest.json", manifest), ("checkpoints.json", list(stages))):
            text = json.dumps(document, ensure_ascii=False, indent=1)
            (folder / name).write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")
        done = [row for row in rows if row["status"] == "done"]
        (folder / "results.jsonl").write_bytes(_lines(done))
        (folder / "errors.jsonl").write_bytes(_lines([row for row in rows if row["status"] != "done"]))


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return text.encode("utf-8", "backslashreplace")


def _frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame(
        {name: pl.Series(_column([row.get(name) for row in rows]), strict=False) for name in names}
    )


def _column(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 or kinds <= {int, float}:
        return values
    return [
        None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values
    ]
