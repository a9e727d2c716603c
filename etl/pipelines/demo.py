"""The demonstration: build the bundled sample and show what a user would want to see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.pipelines.data3 import Data3Build, build
from etl.runtime.resources import resource
from etl.store.database import read_store
from etl.store.queries import named_query, select

if TYPE_CHECKING:
    from pathlib import Path

    from etl.pipelines.summary import Summary
    from etl.runtime.progress import Progress

_KEYS: Final = (
    "SELECT key_name AS key, count(*) AS songs FROM song_harmony "
    "GROUP BY ALL ORDER BY songs DESC, key LIMIT 8"
)


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration made.

    Attributes
    ----------
    request, summary
        The build and what it did.
    rows
        The first rows of the data3 CSV.
    keys, progressions
        Answers of two queries: the commonest keys, and the commonest progressions of four chords.
    """

    request: Data3Build
    summary: Summary
    rows: pl.DataFrame
    keys: pl.DataFrame
    progressions: pl.DataFrame


def demonstrate(folder: Path, progress: Progress) -> Demonstration:
    """Build the bundled sample into ``folder`` and query it."""
    request = Data3Build(
        inputs=(resource("sample/billboard_chordonomicon.csv"),),
        output=folder / "data3.csv",
        database=folder / "music.duckdb",
        npz=folder / "data3.npz",
        force=True,
    )
    summary = build(request, progress)
    query = named_query("progressions")
    with read_store(folder / "music.duckdb") as connection:
        return Demonstration(
            request=request,
            summary=summary,
            rows=pl.read_csv(request.output, infer_schema=False, n_rows=3),
            keys=select(connection, _KEYS, {}).pl(),
            progressions=select(connection, query.sql, query.bind({"n": "4", "limit": "6"})).pl(),
        )
